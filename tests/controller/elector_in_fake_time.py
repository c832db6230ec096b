"""An elector in fake time: a process that has one and notes what happens, and tests whose waits take no time."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ParamSpec

import looptime
from leases_in_memory import Connection, LeaseInMemory, now

from tidegate.cluster.elector import Elector
from tidegate.cluster.lease import Candidate, LeaseTimes

FIRST = 15.0
"""A Lease that is not there yet is waited out once."""

Arguments = ParamSpec("Arguments")


def in_fake_time(test: Callable[Arguments, Coroutine[Any, Any, None]]) -> Callable[Arguments, None]:
    """Let the waits of a test take no time."""

    @functools.wraps(test)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0)) as runner:
            runner.run(test(*arguments, **named))

    return run


@dataclass
class Operator:
    """A process with an elector, and what it noted."""

    server: LeaseInMemory
    name: str = "one"
    slept: float = 0.0
    """Seconds by which its clock is ahead of the loop's, which stands still in a suspended machine."""

    notes: list[tuple[float, str]] = field(default_factory=list)
    connection: Connection = field(init=False)
    elector: Elector = field(init=False)

    def __post_init__(self) -> None:
        self.connection = Connection(self.server)
        self.elector = Elector(
            self.connection,
            Candidate(identity=self.name, times=LeaseTimes()),
            notify=lambda leads: self.note("leads" if leads else "follows"),
            clock=lambda: now() + self.slept,
            spread=lambda shortest, _: shortest,
        )

    def note(self, what: str) -> None:
        """Write down what happens, and when."""
        self.notes.append((round(now(), 3), what))

    async def work(self) -> None:
        """Work for ever."""
        self.note("begins")
        try:
            await asyncio.Event().wait()
        finally:
            self.note("ends")

    def happened(self, what: str) -> list[float]:
        """When something happened."""
        return [at for at, happening in self.notes if happening == what]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Run it until the block ends, and stop it then as SIGTERM does."""
        task = asyncio.create_task(self.elector.run(self.work))
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
