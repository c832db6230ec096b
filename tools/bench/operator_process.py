"""An operator as a process of its own, looked at from outside."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from process_figures import Footprint, footprint
from prometheus_client.parser import text_string_to_metric_families

OPERATOR = ("-m", "tidegate", "operator")
OPERATOR_WITHOUT_SCRAPING = (str(Path(__file__).with_name("pages_from_memory.py")),)

READY_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class OperatorProcess:
    """A running operator."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    started: float
    """On `time.monotonic`'s scale."""

    def footprint(self) -> Footprint:
        """CPU time and memory by now."""
        return footprint(self.process.pid)

    def wait_until_ready(self) -> float:
        """Wait until its store is filled; seconds since its start.

        Raises:
            RuntimeError: It ended, or took two minutes.
        """
        while time.monotonic() - self.started < READY_TIMEOUT_SECONDS:
            if self.process.poll() is not None:
                raise RuntimeError(f"the operator ended: {self.log.read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                    return time.monotonic() - self.started
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"the operator was not ready after {READY_TIMEOUT_SECONDS:g} s")

    def totals(self) -> dict[str, float]:
        """Its own metrics, each summed over its labels. This costs the operator time: not while that is measured."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        sums: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return sums


@contextmanager
def operator_process(program: tuple[str, ...], kubeconfig: Path, log: Path) -> Iterator[OperatorProcess]:
    """Run an operator until the block ends.

    Args:
        program: What Python is to run: OPERATOR or OPERATOR_WITHOUT_SCRAPING.
        kubeconfig: The cluster.
        log: Where its output goes.
    """
    port = _free_port()
    command = [sys.executable, *program, "--kubeconfig", str(kubeconfig), "--host", "127.0.0.1", "--port", str(port)]
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "operator")}
    with log.open("wb") as output, subprocess.Popen(command, env=variables, stdout=output, stderr=output) as process:
        try:
            yield OperatorProcess(process, port, log, time.monotonic())
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
