"""Holds the Lease, and works while it does.

The rules are in `tidegate.cluster.lease`; this carries them out: it looks at the Lease every few seconds, starts the
work when it has won it, and ends the work when it has lost it or cannot renew it. A process that has lost follows
again: its watches have stayed open all along, and a new term begins with nothing of the old one.
"""

import asyncio
import os
import random
import secrets
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from tidegate.cluster.lease import JITTER, Candidate
from tidegate.cluster.lease_client import Leases, MissingRightsError, timestamp

ALIVE_SECONDS = 120.0
"""Without an attempt for this long, the process is to be restarted."""

Work = Callable[[], Coroutine[Any, Any, None]]

log = structlog.get_logger(__name__)


class StuckWorkError(RuntimeError):
    """What was to stop has not stopped: only the end of the process is safe now."""


class Elector:
    """One candidate, and the term that it serves.

    Attributes:
        problem: What keeps it from the Lease until somebody mends it; empty where nothing does.

    Args:
        leases: the Lease.
        candidate: who wants it.
        notify: told whether it leads, at first and when that changes.
        clock: seconds that go on while the machine sleeps.
        spread: picks a pause between the shortest and the longest.
    """

    def __init__(
        self,
        leases: Leases,
        candidate: Candidate,
        *,
        notify: Callable[[bool], None],
        clock: Callable[[], float],
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._leases = leases
        self._candidate = candidate
        self._times = candidate.times
        self._notify = notify
        self._clock = clock
        self._spread = spread
        self._term: asyncio.Task[None] | None = None
        self._tried_at = clock()
        self.problem = ""

    def may_write(self) -> bool:
        """The fence: whether this process leads, and nobody else can at this very moment."""
        return self._candidate.may_work(self._clock())

    @property
    def works(self) -> bool:
        """Whether the work is going on."""
        return self._term is not None

    def is_alive(self) -> bool:
        """Whether it has tried for the Lease lately, with success or without."""
        return self._clock() - self._tried_at < ALIVE_SECONDS

    async def run(self, work: Work) -> None:
        """Try for ever, and do the work in each term. When cancelled, stop the work, then release the Lease.

        Raises:
            StuckWorkError: if the work does not end when it has to. The Lease is not released then: the next one would
                begin beside it.
            Exception: what the work raises.
        """
        self._notify(False)
        try:
            while True:
                self._tried_at = self._clock()
                await self._try()
                await self._begin_or_end_term(work)
                await self._pause()
                await self._begin_or_end_term(work)
        except StuckWorkError:
            raise
        except BaseException:
            await self._end_term()
            await self._release()
            raise

    async def _try(self) -> None:
        """Look at the Lease, and ask for it or renew it; whatever goes wrong, it was not renewed."""
        left = self._candidate.seconds_to_next_turn(self._clock()) if self.works else None
        try:
            async with asyncio.timeout(left):
                await self._look_and_ask()
        except MissingRightsError as error:
            self._stands_in_the_way(str(error))
        except Exception as error:  # noqa: BLE001 - a fault that was not thought of must not keep a leader in office
            log.warning("the Lease was not renewed" if self.works else "the Lease was not had", error=repr(error))
        else:
            self._stands_in_the_way("")

    def _stands_in_the_way(self, problem: str) -> None:
        """Tell a problem once, and once that it is gone."""
        if problem and problem != self.problem:
            log.error("the Lease cannot be had", problem=problem)
        if self.problem and not problem:
            log.info("the Lease can be had again")
        self.problem = problem

    async def _look_and_ask(self) -> None:
        found = await self._leases.read()
        led, before = self._candidate.renewed_at is not None, self._candidate.seen
        self._candidate = self._candidate.look(found, self._clock())
        if found is not None and found.holder not in {"", before.holder, self._candidate.identity}:
            log.info("another one leads", holder=found.holder, for_seconds=found.duration_seconds)
        if led and self._candidate.renewed_at is None:
            return  # What was begun ends first.
        sent_at = self._clock()
        wanted = self._candidate.ask(sent_at, timestamp())
        if wanted is not None:
            if found is None and not wanted.holder:
                log.info(
                    "there is no Lease: making one and waiting it out, as a leader may not know that its own is gone",
                    for_seconds=wanted.duration_seconds,
                )
            answer = await self._leases.write(wanted)
            self._candidate = self._candidate.wrote(answer, sent_at, self._clock())

    async def _pause(self) -> None:
        """Wait for the next attempt, or until the term has to end, or has failed."""
        longest = self._times.retry_period_seconds
        seconds = self._spread(longest, longest * JITTER) - (self._clock() - self._tried_at)
        left = self._candidate.seconds_to_next_turn(self._clock())
        seconds = max(0.0, min(seconds, left) if left else seconds)
        if self._term is None:
            await asyncio.sleep(seconds)
            return
        await asyncio.wait({self._term}, timeout=seconds)
        if self._term.done():
            self._term.result()
            raise RuntimeError("the work of a leader has ended by itself")

    async def _begin_or_end_term(self, work: Work) -> None:
        may_work = self.may_write()
        if may_work and self._term is None:
            log.info("leading", identity=self._candidate.identity, transitions=self._candidate.seen.transitions)
            self._term = asyncio.create_task(work(), name="term")
            self._notify(True)
        elif not may_work and self._term is not None:
            log.warning("leading no more", holder=self._candidate.seen.holder)
            await self._end_term()

    async def _end_term(self) -> None:
        """Stop writing at once, and the work as soon as it lets itself be stopped."""
        self._candidate = self._candidate.step_down()
        term = self._term
        if term is None:
            return
        self._notify(False)
        term.cancel()
        seconds = self._times.lease_duration_seconds - self._times.renew_deadline_seconds
        done, _ = await asyncio.wait({term}, timeout=seconds)
        if not done:
            raise StuckWorkError(f"work did not stop within {seconds:g} s of losing the Lease: ending the process")
        self._term = None
        if not term.cancelled() and (error := term.exception()) is not None:
            log.warning("the work ended with an error", error=repr(error))

    async def _release(self) -> None:
        """Let another one take over at once, if the Lease is ours."""
        try:
            async with asyncio.timeout(self._times.retry_period_seconds):
                found = await self._leases.read()
                self._candidate = self._candidate.look(found, self._clock())
                released = self._candidate.release(timestamp())
                if released is not None:
                    await self._leases.write(released)
                    log.info("released the Lease")
        except Exception as error:  # noqa: BLE001 - it expires by itself
            log.warning("the Lease was not released; it expires by itself", error=repr(error))


def identity() -> str:
    """A name for this process that people can find, and no other process has."""
    return f"{os.environ.get('POD_NAME') or socket.gethostname()}_{secrets.token_hex(4)}"
