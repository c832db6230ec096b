"""Never two that may write: whatever is late, lost, paused, killed, deleted or edited, and in whatever order.

Processes go through the steps of an attempt one at a time, in an order that hypothesis picks; time passes between any
two of them. A request that its sender has given up may still reach the API server, much later.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.cluster.lease import Candidate, Lease, LeaseTimes

TIMES = LeaseTimes()
DRIFT = (0.9, 1.1)
"""How fast a clock may be: 10 s on the slowest one are over before 15 s on the fastest one are."""


class Happening(Enum):
    """What can happen next."""

    ATTEMPT = "a process goes on to the end of its attempt"
    WRITE = "a process goes on until its write has arrived, and the answer has not"
    STEP = "a process goes on by one step"
    GIVE_UP = "its request times out"
    ARRIVE = "a request that was given up reaches the API server"
    KILL = "a process dies, and another one starts in its place"
    STOP = "a process stops work, asks to release the Lease and ends"
    DELETE = "somebody deletes the Lease"
    LABEL = "somebody labels it"
    EMPTY = "somebody takes the holder's name out of it"


OFTEN = [Happening.ATTEMPT] * 12 + [Happening.WRITE] * 3 + [Happening.STEP] * 5 + list(Happening)

Moment = tuple[float, int, Happening]
"""Seconds that pass first, which process, and what happens."""

moments = st.tuples(
    st.sampled_from([0.0, 0.0, 0.0, 1.0, 4.0, 9.0, 14.0, 17.0]),
    st.integers(0, 1),
    st.sampled_from(OFTEN),
)


class ApiServer:
    """One Lease, with compare and set."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self._numbers = itertools.count(1)

    def write(self, wanted: Lease) -> Lease | None:
        """What is there afterwards; None for a conflict."""
        there = self.lease
        if (there is None) != (not wanted.uid):
            return None
        if there is not None and (there.uid, there.document) != (wanted.uid, wanted.document):
            return None
        return self.put(replace(wanted, uid=there.uid if there else f"uid-{next(self._numbers)}"))

    def put(self, lease: Lease) -> Lease:
        """Write it whatever was there."""
        self.lease = replace(lease, document={"resourceVersion": next(self._numbers)})
        return self.lease


@dataclass
class Process:
    """A candidate, and where it is in its attempt."""

    candidate: Candidate
    rate: float
    at: str = "resting"
    received: Lease | None = None
    asked: Lease | None = None
    sent_at: float = 0.0


@dataclass
class World:
    """Two processes and the API server; the first one has just begun to lead."""

    rates: tuple[float, float]
    now: float = 1000.0
    server: ApiServer = field(default_factory=ApiServer)
    processes: list[Process] = field(default_factory=list)
    under_way: list[Lease] = field(default_factory=list)
    """Writes whose sender does not wait for them any more."""

    terms: int = 0

    def __post_init__(self) -> None:
        self._names = (f"process-{number}" for number in itertools.count())
        self.processes = [self._process(rate) for rate in self.rates]
        self.go_through([(0.0, 0, Happening.ATTEMPT), (17.0, 0, Happening.ATTEMPT)])
        assert self._leaders() == ["process-0"]

    def go_through(self, story: Iterable[Moment]) -> None:
        """Let it all happen; after each moment at most one may write."""
        for seconds, index, happening in story:
            self.now += seconds
            led = self._leaders()
            self._happen(index, happening)
            leaders = self._leaders()
            self.terms += bool(set(leaders) - set(led))
            assert len(leaders) <= 1, f"{leaders} at {self.now}"

    def _happen(self, index: int, happening: Happening) -> None:
        process, there = self.processes[index], self.server.lease
        match happening:
            case Happening.STEP:
                self._step(process)
            case Happening.ATTEMPT | Happening.WRITE:
                ends = {"resting"} if happening is Happening.ATTEMPT else {"resting", "written"}
                self._step(process)
                while process.at not in ends:
                    self._step(process)
            case Happening.GIVE_UP:
                self._give_up(process)
            case Happening.ARRIVE if self.under_way:
                self.server.write(self.under_way.pop())
            case Happening.KILL | Happening.STOP:
                self._give_up(process)
                if happening is Happening.STOP:
                    released = process.candidate.step_down().look(there, self._local(process)).release("wall")
                    self.under_way += [released] if released else []
                self.processes[index] = self._process(process.rate)
            case _:
                self._edit(happening, there)

    def _edit(self, happening: Happening, there: Lease | None) -> None:
        """What people do to the Lease."""
        match happening:
            case Happening.DELETE:
                self.server.lease = None
            case Happening.LABEL if there:
                self.server.put(there)
            case Happening.EMPTY if there:
                self.server.put(replace(there, holder=""))
            case _:
                pass

    def _step(self, process: Process) -> None:
        """One step of an attempt, in the elector's order."""
        match process.at:
            case "resting":
                process.at = "reading"
            case "reading":
                process.received, process.at = self.server.lease, "read"
            case "read":
                led = process.candidate.renewed_at is not None
                process.candidate = process.candidate.look(process.received, self._local(process))
                process.at = "resting" if led and process.candidate.renewed_at is None else "looked"
            case "looked":
                process.sent_at = self._local(process)
                process.asked = process.candidate.ask(process.sent_at, str(self.now))
                process.at = "writing" if process.asked else "resting"
            case "writing":
                assert process.asked
                process.received, process.at = self.server.write(process.asked), "written"
            case "written":
                if process.received:
                    process.candidate = process.candidate.wrote(process.received, process.sent_at, self._local(process))
                process.at = "resting"

    def _give_up(self, process: Process) -> None:
        if process.at == "writing" and process.asked:
            self.under_way.append(process.asked)
        process.at = "resting"

    def _leaders(self) -> list[str]:
        return [
            process.candidate.identity for process in self.processes if process.candidate.may_work(self._local(process))
        ]

    def _local(self, process: Process) -> float:
        return self.now * process.rate

    def _process(self, rate: float) -> Process:
        return Process(Candidate(identity=next(self._names), times=TIMES), rate)


@settings(max_examples=1500, deadline=None)
@given(rates=st.tuples(st.sampled_from(DRIFT), st.sampled_from(DRIFT)), story=st.lists(moments, max_size=40))
def test_never_two_may_write(rates: tuple[float, float], story: list[Moment]) -> None:
    """The one property that matters."""
    World(rates).go_through(story)


@given(rates=st.tuples(st.floats(*DRIFT), st.floats(*DRIFT)), trouble=st.lists(moments, max_size=60))
def test_after_any_trouble_somebody_leads_again(rates: tuple[float, float], trouble: list[Moment]) -> None:
    """Two minutes without trouble are enough, wherever it ended."""
    world = World(rates)
    world.go_through(trouble)
    world.under_way.clear()
    world.go_through((0.2, number % 2, Happening.STEP) for number in range(600))
    assert len(world._leaders()) == 1  # noqa: SLF001 - its own module


@pytest.mark.parametrize("first", [0, 1])
def test_one_that_leads_goes_on_leading(first: int) -> None:
    """As long as nothing goes wrong: a second candidate changes nothing."""
    world = World((1.0, 1.0))
    world.go_through((0.5, (number + first) % 2, Happening.STEP) for number in range(2000))
    assert world.terms == 1
