"""How a gateway ends, step by step, in fake time."""

import asyncio

from gateway_objects import in_fake_time, now

from tidegate.cluster.write_budget import WRITES_PER_SECOND
from tidegate.controller.gateway_ports import PortRange
from tidegate.gateway.leaving import ANSWER_SECONDS, SLICES_SECONDS, SPREAD_SECONDS, Steps, leave


class Gateway:
    """A gateway that notes what happens to it, and when.

    Args:
        slices_until: When the last slice leads here no more.
        requests_until: When the last request has ended.
    """

    def __init__(self, *, slices_until: float = 0.0, requests_until: float = 0.0) -> None:
        self.notes: list[tuple[float, str]] = []
        self._slices_until = slices_until
        self._requests_until = requests_until
        self.steps = Steps(
            announce=lambda: self._note("announce"),
            leads_here=self._leads_here,
            drain=self._drain,
            hold_no_longer_than=lambda seconds: self._note(f"hold for {seconds:g}"),
            under_way=self._under_way,
            part=self._part,
        )

    def _note(self, what: str) -> None:
        self.notes.append((round(now(), 1), what))

    async def _leads_here(self) -> bool:
        return now() < self._slices_until

    async def _drain(self) -> None:
        self._note("drain")

    async def _under_way(self) -> int:
        return 3 if now() < self._requests_until else 0

    async def _part(self) -> None:
        self._note("part")


def left(gateway: Gateway, drain_seconds: float = 600.0) -> list[tuple[float, str]]:
    """What happened, and when."""
    in_fake_time(lambda: leave(gateway.steps, drain_seconds=drain_seconds))
    return gateway.notes


def test_one_that_nobody_needs_is_gone_once_the_nodes_have_heard_of_it() -> None:
    """No slice leads to it, and nothing is under way; but a Service may, to the shared address."""
    assert left(Gateway()) == [
        (0, "announce"),
        (0, "hold for 598"),
        (SPREAD_SECONDS, "drain"),
        (SPREAD_SECONDS + 0.5, "part"),
    ]


def test_the_slices_of_all_ports_can_be_written_while_it_waits() -> None:
    """By a leader that keeps to its budget: one that ended before would leave addresses that lead nowhere."""
    assert PortRange().size / WRITES_PER_SECOND <= SLICES_SECONDS


def test_connections_are_asked_to_close_once_no_slice_leads_here_and_all_nodes_know() -> None:
    """Else the clients that were closed would come back here."""
    assert left(Gateway(slices_until=1.0))[2:] == [(1.0 + SPREAD_SECONDS, "drain"), (1.5 + SPREAD_SECONDS, "part")]


def test_slices_that_nobody_changes_are_not_waited_for_for_ever() -> None:
    """The API server may be away."""
    assert left(Gateway(slices_until=1e9))[2] == (SLICES_SECONDS + SPREAD_SECONDS, "drain")


def test_it_parts_when_the_last_request_has_ended() -> None:
    """And has looked twice."""
    assert left(Gateway(requests_until=100.0))[-1] == (100.5, "part")


def test_what_does_not_end_is_cut_at_the_end() -> None:
    """What is held is sent away a little before, so that the answer arrives."""
    gateway = Gateway(requests_until=1e9, slices_until=1e9)
    assert left(gateway, drain_seconds=10.0) == [
        (0, "announce"),
        (0, f"hold for {10 - ANSWER_SECONDS:g}"),
        (10, "drain"),
        (10, "part"),
    ]


def test_a_client_between_two_requests_is_no_end() -> None:
    """Quiet for an instant is not quiet."""
    gateway = Gateway()
    counts = iter([2, 0, 1, 0, 0])

    async def under_way() -> int:
        await asyncio.sleep(0)
        return next(counts)

    gateway.steps = Steps(**{name: getattr(gateway.steps, name) for name in Steps.__slots__} | {"under_way": under_way})
    assert left(gateway)[-1] == (2.0 + SPREAD_SECONDS, "part")
