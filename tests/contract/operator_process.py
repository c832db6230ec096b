"""The real operator and the real simulated engines, each as a process of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 10
TICK_SECONDS = 1

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(slots=True)
class OperatorProcess:
    """`tidegate operator`.

    Attributes:
        process: The process.
        log: What it says.
        port: Of its own metrics.
    """

    process: subprocess.Popen[bytes]
    log: Path
    port: int = 0

    def wait_until_ready(self) -> None:
        """Wait until its store is filled and it begins to decide."""
        deadline = time.monotonic() + START_SECONDS
        while not (self.port and self._answers("/readyz")):
            assert self.process.poll() is None, f"the operator ended: {self.said()}"
            assert time.monotonic() < deadline, f"the operator was not ready within {START_SECONDS} s: {self.said()}"
            time.sleep(0.05)
            found = re.search(r'"port": (\d+)', self.said())
            self.port = int(found[1]) if found else 0

    def wait_unready(self, says: str) -> None:
        """Wait until it says of itself that it is not ready, and why; it lives all the same."""
        deadline = time.monotonic() + START_SECONDS
        while says not in (told := self.readiness()):
            assert self.process.poll() is None, f"the operator ended: {self.said()}"
            assert time.monotonic() < deadline, f"/readyz does not say {says!r}, but {told!r}: {self.said()}"
            time.sleep(0.1)
        assert self._answers("/healthz")

    def readiness(self) -> str:
        """What `/readyz` answers, ready or not; empty while nobody answers."""
        found = re.search(r'"port": (\d+)', self.said())
        self.port = int(found[1]) if found else 0
        try:
            return self._get("/readyz")
        except urllib.error.HTTPError as error:
            text: str = error.read().decode()
            return text
        except OSError:
            return ""

    def writes(self) -> dict[tuple[str, str], float]:
        """How often it has written, by kind and outcome, by its own count."""
        return {
            (sample.labels["kind"], sample.labels["outcome"]): sample.value
            for family in text_string_to_metric_families(self._get("/metrics"))
            for sample in family.samples
            if sample.name == "tidegate_api_writes_total"
        }

    def turns(self) -> float:
        """How many turns it has taken."""
        for family in text_string_to_metric_families(self._get("/metrics")):
            for sample in family.samples:
                if sample.name == "tidegate_tick_duration_seconds_count":
                    return sample.value
        raise AssertionError("the operator does not count its turns")

    def leads(self) -> bool:
        """Whether it says that it leads."""
        families = text_string_to_metric_families(self.page())
        return any(family.name == "tidegate_leader" and family.samples[0].value == 1 for family in families)

    def alive(self) -> bool:
        """Whether /healthz and /readyz say yes."""
        return self._answers("/healthz") and self._answers("/readyz")

    def page(self) -> str:
        """Its own metrics, as Prometheus would read them."""
        return self._get("/metrics")

    def wait_turns(self, count: int) -> None:
        """Wait until it has looked at everything so many times more."""
        goal, deadline = self.turns() + count, time.monotonic() + START_SECONDS
        while self.turns() < goal:
            assert time.monotonic() < deadline, f"the operator does not turn: {self.said()[-2000:]}"
            time.sleep(0.1)

    def said(self) -> str:
        """Its log."""
        return self.log.read_text()

    def stop(self) -> int:
        """Ask it to end, as a kubelet does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=STOP_SECONDS)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def _answers(self, path: str) -> bool:
        try:
            return bool(self._get(path))
        except OSError:
            return False

    def _get(self, path: str) -> str:
        with _DIRECT.open(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
            text: str = response.read().decode()
            return text


@contextmanager
def running_operator(
    kubeconfig: Path, log: Path, *arguments: str, until_ready: bool = True
) -> Iterator[OperatorProcess]:
    """Run an operator until the block ends; it is ready when the block begins, unless it is not to be."""
    command = ["operator", f"--kubeconfig={kubeconfig}", "--host=127.0.0.1", "--port=0"]
    with log.open("wb") as output:
        process = _start([*command, f"--tick-seconds={TICK_SECONDS}", *arguments], stderr=output)
    operator = OperatorProcess(process, log)
    try:
        if until_ready:
            operator.wait_until_ready()
        yield operator
    finally:
        if process.poll() is None:
            operator.kill()


@dataclass(frozen=True, slots=True)
class Engines:
    """Simulated vLLM engines: one for each address of this machine.

    Attributes:
        port: Of the engines.
        administration: URL of the port by which they are broken and mended.
    """

    port: int
    administration: str

    def break_(self, address: str, **faults: Any) -> None:
        """Break the engine at an address."""
        self._ask("PUT", f"/faults/{address}", faults)

    def mend(self, address: str) -> None:
        """Mend it."""
        self._ask("DELETE", f"/faults/{address}")

    def reset(self, address: str) -> None:
        """Cut its requests off and let it forget them, as if the pod was killed."""
        self._ask("POST", f"/reset/{address}")

    def _ask(self, method: str, path: str, body: Any = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.administration}{path}"
        with _DIRECT.open(urllib.request.Request(url, data=data, method=method), timeout=5):  # noqa: S310 - loopback
            pass


@contextmanager
def running_engines(*arguments: str) -> Iterator[Engines]:
    """Run the engines until the block ends, on ports that nobody else uses: several sessions share these addresses."""
    port, administration = _free_port(), _free_port()
    command = ["engine", f"--listen=vLLM:{port}:l4", f"--admin-port={administration}", "--startup-seconds=0"]
    process = _start([*command, *arguments])
    engines = Engines(port, f"http://127.0.0.1:{administration}")
    try:
        _wait(lambda: _listens(administration) and _listens(port), process)
        yield engines
    finally:
        process.terminate()
        process.wait(timeout=STOP_SECONDS)


def tidegate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, "-m", "tidegate", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
        timeout=START_SECONDS,
    )


def _start(arguments: list[str], **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own commands
        [sys.executable, "-m", "tidegate", *arguments], env=_environment(), stdout=subprocess.DEVNULL, **streams
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "operator")}


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert process.poll() is None, f"the process ended with {process.returncode}"
        assert time.monotonic() < deadline, f"not within {START_SECONDS} s"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port
