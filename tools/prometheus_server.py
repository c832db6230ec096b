"""Runs a Prometheus on the loopback address: Debian's package, without its service; its data dies with it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSTALL = "apt-get install --no-install-recommends prometheus"
START_SECONDS = 30

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class PrometheusMissingError(RuntimeError):
    """There is no Prometheus on this machine; the text says how to get one."""


@dataclass(slots=True)
class PrometheusServer:
    """A running Prometheus."""

    process: subprocess.Popen[bytes]
    port: int
    directory: Path
    scheme: str

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def scrape(self, pods: Mapping[str, Mapping[str, str]]) -> None:
        """Scrape these from now on, and nothing else: host:port to labels."""
        groups = [{"targets": [address], "labels": dict(labels)} for address, labels in pods.items()]
        new = self.directory / "targets.new"
        new.write_text(json.dumps(groups))
        new.rename(self.directory / "targets.json")

    def pause(self) -> None:
        """Let it hang: connections are taken and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Ask it, as a person would; only without TLS and passwords."""
        query = urllib.parse.urlencode({"query": expression})
        with _DIRECT.open(f"{self.url}/api/v1/query?{query}", timeout=5) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return result

    def wait_until(self, expression: str, seconds: float = START_SECONDS) -> None:
        """Wait until an expression has a value."""
        deadline = time.monotonic() + seconds
        while not self.query(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds} s: {expression}")
            time.sleep(0.1)


@contextmanager
def running_prometheus(
    directory: Path,
    *,
    interval: str = "1s",
    jobs: Sequence[Mapping[str, Any]] | None = None,
    rules: Sequence[Path] = (),
    web: Mapping[str, Any] | None = None,
) -> Iterator[PrometheusServer]:
    """Run a Prometheus until the block ends; it listens when the block begins.

    Args:
        directory: for its files; empty.
        interval: how often it scrapes.
        jobs: what it scrapes, as `scrape_configs`. None: what it is told by `scrape()`.
        rules: files of rules, which it evaluates as often.
        web: its web configuration: TLS, users.

    Raises:
        PrometheusMissingError: it is not installed.
        RuntimeError: it does not start.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise PrometheusMissingError(f"no prometheus on this machine: {INSTALL}")
    (directory / "targets.json").write_text("[]")
    discovered = {"job_name": "pods", "file_sd_configs": [{"files": [str(directory / "targets.json")]}]}
    configuration = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": list(jobs) if jobs is not None else [discovered],
    }
    # JSON is YAML.
    (directory / "prometheus.yml").write_text(json.dumps(configuration))
    (directory / "web.yml").write_text(json.dumps(web or {}))
    port = _free_port()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={directory / 'prometheus.yml'}",
                f"--web.config.file={directory / 'web.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "GOMAXPROCS": "1"},
        )
    server = PrometheusServer(process, port, directory, "https" if web and "tls_server_config" in web else "http")
    try:
        _wait(server)
        yield server
    finally:
        server.resume()
        server.kill()


def _wait(server: PrometheusServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(server):
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"prometheus does not start: {(server.directory / 'log').read_text()[-2000:]}")
        time.sleep(0.05)


def _is_ready(server: PrometheusServer) -> bool:
    if server.scheme == "https":
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", server.port)) == 0
    try:
        with _DIRECT.open(f"{server.url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except urllib.error.HTTPError as error:
        return error.code == 401  # noqa: PLR2004 - it wants a password, so it is there
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
