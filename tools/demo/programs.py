"""The two programs that run beside the cluster: the operator and the simulated engines."""

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from building import ToolsError
from demo.scenario import ENGINES, STREAM_INTERVAL_SECONDS

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 30
STOP_SECONDS = 10
POLL_SECONDS = 0.1
TAIL_LINES = 15
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """A running program.

    Attributes:
        name: For people.
        log: File that it writes to.
        port: Of its administration or its endpoints, on loopback.
    """

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    port: int

    def check(self) -> None:
        """Make sure that it still runs.

        Raises:
            ToolsError: It has ended; with the end of its log.
        """
        code = self.process.poll()
        if code is not None:
            raise ToolsError(f"the {self.name} ended with {code}; {self.tail()}")

    def tail(self) -> str:
        """The end of its log, and where the rest is."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join([f"the end of {self.log}:", *(f"  {line}" for line in lines)])


@contextmanager
def engines(directory: Path) -> Iterator[Program]:
    """One process that is the engine in every pod, for the length of a `with` block."""
    port = _free_port()
    arguments = ["engine", "--admin-port", str(port)]
    arguments += ["--stream-interval-seconds", str(STREAM_INTERVAL_SECONDS)]
    for engine in ENGINES:
        arguments += ["--listen", f"{engine.flavour}:{engine.port}:{engine.physics}"]
    with _running("simulated engines", directory / "engines.log", arguments, port) as program:
        _wait(program, lambda: all(_listens(engine.port) for engine in ENGINES))
        yield program


@contextmanager
def operator(directory: Path, kubeconfig: Path) -> Iterator[Program]:
    """The operator, for the length of a `with` block; ready when the block begins."""
    port = _free_port()
    arguments = ["operator", "--kubeconfig", str(kubeconfig), "--host", "127.0.0.1", "--port", str(port)]
    arguments += ["--log-format", "console"]  # For people: its end is shown when something goes wrong.
    with _running("operator", directory / "operator.log", arguments, port) as program:
        _wait(program, lambda: _is_ready(port))
        yield program


def reset_engine(port: int, address: str) -> None:
    """Forget what the engine at a pod's address did: a new pod may have got the address of one that is gone.

    Args:
        port: Of the engines' administration.
        address: Of the pod.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("POST", f"/reset/{address}")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # If the engines have ended, that is told elsewhere.
    finally:
        connection.close()


@contextmanager
def _running(name: str, log: Path, arguments: Sequence[str], port: int) -> Iterator[Program]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidegate", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "operator")},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends them in order.
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - no threads have been started yet
        )
    try:
        yield Program(name, log, process, port)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_parent() -> None:
    """A demo that is killed outright leaves nothing behind: the kernel ends this process with it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait(program: Program, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        program.check()
        if time.monotonic() > deadline:
            raise ToolsError(f"the {program.name} did not start within {START_SECONDS} s; {program.tail()}")
        time.sleep(POLL_SECONDS)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)  # Which heeds no proxy variables.
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
