"""Which way requests take, what is told of it, and when a last pod may leave: tables."""

from dataclasses import replace
from typing import Any

import pytest

from tidegate.api.conditions import Reason
from tidegate.api.routing import RoutingMode, RoutingStatus
from tidegate.controller.routing import (
    Contest,
    RoutingMemory,
    RoutingView,
    leads_to_pods,
    may_go_to_zero,
    routed_row,
    routing_status,
    written_routing,
)
from tidegate.workloads.live import LiveService

NOW = 1000.0
GATEWAY, DIRECT, NONE = RoutingMode.GATEWAY, RoutingMode.DIRECT, RoutingMode.NONE
TO_PODS = LiveService(
    key=("n", "chat"), uid="u", resource_version="1", deleting=False, owner_uid="o", body_hash="b", managers=()
)
TO_GATEWAYS = replace(TO_PODS, to_pods=False)
IN_PLACE, TOO_NEW = NOW - 5.0, NOW - 4.9
BY_GATEWAY = RoutingView(
    mode=GATEWAY, wanted=GATEWAY, port=10_000, is_installed=True, gateways_live=True, slice_since=IN_PLACE
)
DIRECTLY = replace(BY_GATEWAY, mode=DIRECT, wanted=DIRECT)
NOT_AT_ALL = RoutingView()


@pytest.mark.parametrize(
    ("view", "live", "expected"),
    [
        (NOT_AT_ALL, None, True),
        (NOT_AT_ALL, TO_GATEWAYS, True),
        (DIRECTLY, None, True),
        (DIRECTLY, TO_GATEWAYS, True),
        (BY_GATEWAY, None, False),
        (replace(BY_GATEWAY, gateways_live=False), None, True),
        (replace(BY_GATEWAY, gateways_live=None), None, True),
        (BY_GATEWAY, TO_PODS, False),
        (replace(BY_GATEWAY, slice_since=TOO_NEW), TO_PODS, True),
        (replace(BY_GATEWAY, slice_since=None), TO_PODS, True),
        (replace(BY_GATEWAY, slice_since=None, gateways_live=False), TO_GATEWAYS, False),
    ],
    ids=[
        "mode None",
        "mode None, after Gateway",
        "mode Direct",
        "mode Direct, after Gateway",
        "a new service",
        "a new service, and nobody there",
        "a new service, and nobody knows who is there",
        "after Direct, slice in place",
        "after Direct, slice too new",
        "after Direct, no slice",
        "gateways that were lost come back",
    ],
)
def test_what_the_service_leads_to(view: RoutingView, live: LiveService | None, *, expected: bool) -> None:
    """Never to nobody, as far as it is in our hands."""
    assert leads_to_pods(view, live, NOW) is expected


STANDS_BY = RoutingStatus(mode=DIRECT, port=10_000, standby=True)
BEHIND = RoutingStatus(mode=DIRECT, port=10_000)
IN_FRONT = RoutingStatus(mode=GATEWAY, port=10_000)


@pytest.mark.parametrize(
    ("view", "live", "written", "expected"),
    [
        (BY_GATEWAY, TO_GATEWAYS, IN_FRONT, True),
        (BY_GATEWAY, TO_PODS, IN_FRONT, False),
        (BY_GATEWAY, None, IN_FRONT, False),
        (BY_GATEWAY, TO_GATEWAYS, BEHIND, False),
        (BY_GATEWAY, TO_GATEWAYS, None, False),
        (replace(BY_GATEWAY, slice_since=TOO_NEW), TO_GATEWAYS, IN_FRONT, False),
        (replace(BY_GATEWAY, slice_since=None), TO_GATEWAYS, IN_FRONT, False),
        (DIRECTLY, TO_PODS, STANDS_BY, True),
        (DIRECTLY, TO_PODS, BEHIND, False),
        (replace(DIRECTLY, slice_since=TOO_NEW), TO_PODS, STANDS_BY, False),
    ],
)
def test_when_a_last_pod_may_leave(
    view: RoutingView, live: LiveService | None, written: RoutingStatus | None, *, expected: bool
) -> None:
    """Once the gateways have had the address for 5 s, as they were told."""
    assert may_go_to_zero(view, live, written, NOW) is expected


class TestStandby:
    """Mode Direct: whether the gateways are to stand beside the pods."""

    def told(self, memory: RoutingMemory, *, wants_zero: bool = False, now: float = NOW) -> bool:
        """Standby as it is written."""
        status = routing_status(DIRECTLY, memory, wants_zero=wants_zero, now=now)
        assert status is not None
        return status.standby

    def test_until_pods_have_taken_requests_for_a_while(self) -> None:
        """The native slice is filled a moment after a pod is ready."""
        memory = RoutingMemory()
        memory.see(takes_requests=False, written=None, now=NOW)
        assert self.told(memory)
        memory.see(takes_requests=True, written=STANDS_BY, now=NOW)
        assert [self.told(memory, now=NOW + seconds) for seconds in (0.0, 4.9, 5.0)] == [True, True, False]

    def test_again_when_none_is_left(self) -> None:
        """And from then on for as long as at first."""
        memory = RoutingMemory(pods_since=0.0, is_new=False)
        memory.see(takes_requests=False, written=BEHIND, now=NOW)
        assert self.told(memory)
        memory.see(takes_requests=True, written=STANDS_BY, now=NOW)
        assert self.told(memory, now=NOW + 4.0)

    def test_when_the_last_is_to_leave(self) -> None:
        """Before it does."""
        assert self.told(RoutingMemory(pods_since=0.0, is_new=False), wants_zero=True)

    @pytest.mark.parametrize(
        ("written", "standby"), [(BEHIND, False), (STANDS_BY, True), (IN_FRONT, True), (None, True)]
    )
    def test_a_new_operator_goes_on_from_what_is_written(self, written: RoutingStatus | None, *, standby: bool) -> None:
        """A restart changes nothing for a service that runs."""
        memory = RoutingMemory()
        memory.see(takes_requests=True, written=written, now=NOW)
        assert self.told(memory) is standby


def test_what_the_other_modes_are_told() -> None:
    """Mode None says nothing, unless another one was asked for."""
    told = [
        routing_status(view, RoutingMemory(), wants_zero=True, now=NOW)
        for view in (BY_GATEWAY, NOT_AT_ALL, RoutingView(wanted=GATEWAY))
    ]
    assert told == [IN_FRONT, None, RoutingStatus(mode=NONE)]


def test_gateways_are_told_that_they_have_no_part_in_it_any_more() -> None:
    """Otherwise their addresses would stay in the Service's slices, beside the pods'."""
    memory = RoutingMemory()
    memory.see(takes_requests=True, written=IN_FRONT, now=NOW)
    assert routing_status(NOT_AT_ALL, memory, wants_zero=False, now=NOW) == RoutingStatus(mode=NONE)
    memory.see(takes_requests=True, written=RoutingStatus(mode=NONE), now=NOW)
    assert routing_status(NOT_AT_ALL, memory, wants_zero=False, now=NOW) == RoutingStatus(mode=NONE)


WON = Contest(name="m", is_won=True, others=(("b", "chat"), ("c", "chat")))
LOST = Contest(name="m", is_won=False, others=(("a", "chat"),))


@pytest.mark.parametrize(
    ("view", "live", "status", "reason", "says"),
    [
        (NOT_AT_ALL, TO_PODS, "True", Reason.NOT_ROUTED, "never sleeps"),
        (BY_GATEWAY, TO_GATEWAYS, "True", Reason.ROUTED_BY_GATEWAY, "through the gateways"),
        (BY_GATEWAY, TO_PODS, "True", Reason.ROUTED_BY_GATEWAY, "until the gateways stand in"),
        (DIRECTLY, TO_PODS, "True", Reason.ROUTED_DIRECTLY, "straight to the pods"),
        (RoutingView(wanted=GATEWAY), TO_PODS, "False", Reason.GATEWAY_UNAVAILABLE, "--gateway"),
        (
            RoutingView(wanted=DIRECT, is_installed=True, gateways_live=True),
            TO_PODS,
            "False",
            Reason.PORTS_EXHAUSTED,
            "mode Direct cannot be had",
        ),
        (replace(BY_GATEWAY, gateways_live=None), TO_GATEWAYS, "Unknown", Reason.GATEWAY_UNAVAILABLE, "not known"),
        (replace(BY_GATEWAY, gateways_live=False), TO_GATEWAYS, "False", Reason.GATEWAY_UNAVAILABLE, "not reached"),
        (replace(DIRECTLY, gateways_live=False), TO_PODS, "False", Reason.GATEWAY_UNAVAILABLE, "nobody would wake"),
        (replace(BY_GATEWAY, contest=WON), TO_GATEWAYS, "True", Reason.MODEL_NAME_TAKEN, "b/chat and c/chat"),
        (replace(BY_GATEWAY, contest=LOST), TO_GATEWAYS, "False", Reason.MODEL_NAME_TAKEN, "a/chat, which is older"),
    ],
)
def test_the_condition(view: RoutingView, live: LiveService | None, status: str, reason: Reason, says: str) -> None:
    """Each reason, with what people need to know beside it."""
    row = routed_row(view, live)
    assert row[:2] == (status, reason)
    assert says in row[2]


@pytest.mark.parametrize("status", [{}, {"routing": None}, {"routing": {"mode": "Next"}}, {"routing": 5}])
def test_a_status_of_another_version_says_nothing(status: dict[str, Any]) -> None:
    """What cannot be read is not known."""
    assert written_routing(status) is None
