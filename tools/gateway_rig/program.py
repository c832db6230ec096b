"""A program of the rig as a process: started, killed, started again, and asked when it was not there."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from building import ToolsError

REPOSITORY = Path(__file__).resolve().parents[2]
TIDEGATE = (sys.executable, "-m", "tidegate")
STOP_SECONDS = 20.0
POLL_SECONDS = 0.02
CRASH_SEEN_SECONDS = 1.0
"""How long ago a program may have ended that is found to have ended by itself."""

TAIL_BYTES = 3000
LAST_WORDS = 300
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True, kw_only=True)
class Program:
    """One program; what it wrote in all its lives is in one log.

    Attributes:
        name: For people.
        command: With its arguments.
        log: File that it appends to.
        variables: Laid over this process's environment.
        cpu: The only CPU it may use; None for any.
        gone: (from, to) in seconds of `time.time()` for each time it was not running, or was about to end; an open
            end is infinite.
    """

    name: str
    command: Sequence[str]
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    cpu: int | None = None
    gone: list[tuple[float, float]] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now.

        Raises:
            ToolsError: None does.
        """
        if self.process is None or self.process.poll() is not None:
            raise ToolsError(f"{self.name} does not run; {self.tail()}")
        return self.process.pid

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and self.process.poll() is None

    @property
    def has_crashed(self) -> bool:
        """Whether it has ended though nobody ended it."""
        if self.process is None or self.process.poll() is None:
            return False
        # Looked at last: who ends it says so before.
        return not self.gone or self.gone[-1][1] != float("inf")

    def start(self) -> None:
        """Start it; it gets all the descriptors that this user may have, and ends with this process."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": f"{REPOSITORY / 'operator'}:{REPOSITORY / 'tools'}", **self.variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=prepared(self.cpu),  # noqa: PLW1509 - the child only sets limits of its own
            )
        if self.gone and self.gone[-1][1] == float("inf"):
            self.gone[-1] = (self.gone[-1][0], time.time())

    def kill(self) -> None:
        """End it at once, as the kernel ends a process that has no memory left; wait until it is gone."""
        if self.has_crashed:
            self.gone.append((time.time() - CRASH_SEEN_SECONDS, float("inf")))
        elif self.process is not None and self.process.poll() is None:
            self.gone.append((time.time(), float("inf")))
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def ask_to_end(self) -> None:
        """Begin a clean end; `kill` finishes one that takes too long."""
        if self.process is not None and self.process.poll() is None:
            self.gone.append((time.time(), float("inf")))
            self.process.terminate()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end, and make it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.ask_to_end()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def was_gone(self, began: float, ended: float) -> bool:
        """Whether it was missing at any time between two instants of `time.time()`."""
        return any(start <= ended and began <= end for start, end in self.gone)

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait for something that this program is to bring about.

        Raises:
            ToolsError: It ended, or took too long.
        """
        deadline = time.monotonic() + seconds
        while not is_so():
            if not self.runs:
                raise ToolsError(f"{self.name} ended; {self.tail()}")
            if time.monotonic() > deadline:
                raise ToolsError(f"{self.name} took longer than {seconds:g} s; {self.tail()}")
            time.sleep(POLL_SECONDS)

    def last_words(self) -> str:
        """Its exit code, and the end of the last line of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        code = None if self.process is None else self.process.poll()
        return f"ended with {code}; its log ends with {lines[-1][-LAST_WORDS:] if lines else 'nothing'!r}"

    def tail(self) -> str:
        """The end of its log, and where the rest is."""
        written = self.log.read_bytes()[-TAIL_BYTES:].decode(errors="replace") if self.log.exists() else ""
        return f"the end of {self.log}:\n{written}"


def raise_descriptor_limit() -> int:
    """Let this process open as many files as its user may; returns how many those are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def prepared(cpu: int | None) -> Callable[[], None]:
    """What a child does before it becomes its program: it gets its limits, its CPU, and an end with this process."""

    def prepare() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # Nothing is left of a rig that was killed outright.
        raise_descriptor_limit()
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    return prepare
