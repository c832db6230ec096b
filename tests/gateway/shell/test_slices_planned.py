"""When slices are there, what they say, and what there is to be written."""

from typing import Any

import pytest
from gateway_objects import CHAT, UID, leaving, member, routed
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.routing import RoutingMode
from tidegate.gateway.members import Member
from tidegate.gateway.slices import (
    OVERLAP_SECONDS,
    OwnSlice,
    Plan,
    Wish,
    bodies,
    endpoints_of,
    leads_to_all,
    plan,
    wish,
)

GATEWAY, DIRECT, NONE = RoutingMode.GATEWAY, RoutingMode.DIRECT, RoutingMode.NONE
LONG_AGO, JUST_NOW = 0.0, 1000.0 - OVERLAP_SECONDS / 2


@pytest.mark.parametrize(
    ("mode", "standby", "ready_since", "deleting", "expected"),
    [
        (GATEWAY, False, None, False, Wish.HERE),
        (GATEWAY, False, LONG_AGO, False, Wish.HERE),
        (DIRECT, False, None, False, Wish.HERE),
        (DIRECT, False, JUST_NOW, False, Wish.STAY),
        (DIRECT, False, LONG_AGO, False, Wish.AWAY),
        (DIRECT, True, LONG_AGO, False, Wish.HERE),
        (NONE, False, None, False, Wish.AWAY),
        (NONE, True, None, False, Wish.AWAY),
        (GATEWAY, False, None, True, Wish.STAY),
        (DIRECT, False, LONG_AGO, True, Wish.STAY),
    ],
)
def test_whether_slices_are_to_be_there(
    mode: RoutingMode,
    standby: bool,  # noqa: FBT001 - a column
    ready_since: float | None,
    deleting: bool,  # noqa: FBT001 - a column
    expected: Wish,
) -> None:
    """By mode, by whether a pod has been ready for a while, and by whether the last one is about to leave."""
    service = routed(mode=mode, deleting=deleting)
    assert wish(service, standby=standby, ready_since=ready_since, now=1000.0) is expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([member("a", "10.0.0.1"), member("b", "10.0.0.2")], ["a", "b"]),
        ([member("a", "10.0.0.1"), leaving("b", "10.0.0.2")], ["a"]),
        ([leaving("a", "10.0.0.1"), leaving("b", "10.0.0.2")], ["a", "b"]),
        ([member("a", "127.0.0.1"), member("b", "::1")], []),
        ([member("a", "127.0.0.1"), leaving("b", "10.0.0.2")], ["b"]),
        ([], []),
    ],
)
def test_slices_lead_to_gateways_that_take_connections(members: list[Member], expected: list[str]) -> None:
    """Or to those that leave, where no other is there; never to a loopback address, which no slice may have."""
    assert [each.name for each in endpoints_of(members)] == expected


def written(service: Any, members: list[Member]) -> dict[str, OwnSlice]:
    """What is there after the bodies were applied."""
    return {body["metadata"]["name"]: OwnSlice.of(body) for body in bodies(service, members)}


def test_each_family_of_addresses_has_a_slice_of_its_own() -> None:
    """Kubernetes takes no other, and a slice's family never changes: so it is part of the name."""
    found = bodies(routed(), [member("a", "10.0.0.1"), member("b", "fd00::1", node="node-1")])
    assert [(body["metadata"]["name"], body["addressType"]) for body in found] == [
        ("chat-gateway", "IPv4"),
        ("chat-gateway-ipv6", "IPv6"),
    ]
    assert ["nodeName" in endpoint for body in found for endpoint in body["endpoints"]] == [False, True]


MEMBERS = st.lists(
    st.builds(member, name=st.sampled_from("abcd"), address=st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"])),
    unique_by=lambda each: each.name,
)
SERVICES = st.builds(routed, port=st.sampled_from([12_000, 12_001]), uid=st.sampled_from([UID, "other"]))


@given(before=MEMBERS, after=MEMBERS, old=SERVICES, new=SERVICES, wanted=st.sampled_from(Wish))
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    before: list[Member], after: list[Member], old: Any, new: Any, wanted: Wish
) -> None:
    """Whatever was there: no write is ever repeated, and none is for nothing."""
    found = written(old, before)
    planned = plan(new, wanted, after, found)
    assert len(planned.apply) + len(planned.delete) <= 2 + len(found)
    then = {name: each for name, each in found.items() if each not in planned.delete}
    then |= {body["metadata"]["name"]: OwnSlice.of(body) for body in planned.apply}
    assert plan(new, wanted, after, then) == Plan()
    if wanted is Wish.AWAY:
        assert then == {}
    elif wanted is Wish.HERE and after:
        assert leads_to_all(new, after, then)


def test_a_slice_that_stays_is_kept_right_and_none_is_made() -> None:
    """While a first pod has just become ready, gateways may come and go."""
    members = [member("a", "10.0.0.1")]
    assert plan(routed(), Wish.STAY, members, {}) == Plan()
    found = written(routed(), [member("b", "10.0.0.2")])
    assert len(plan(routed(), Wish.STAY, members, found).apply) == 1


def test_without_a_gateway_that_could_be_named_all_stays_as_it_is() -> None:
    """Better an old address than none."""
    found = written(routed(), [member("a", "10.0.0.1")])
    assert plan(routed(), Wish.HERE, [], found) == Plan()
    assert not leads_to_all(routed(), [], found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"ports": [{"name": "http", "port": 1}]}, False),
        ({"ports": [{"name": "https", "port": 12_000}]}, False),
        ({"endpoints": None}, False),
        ({"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}]}, False),
        ({"endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.9"]}]}, True),
    ],
    ids=str,
)
def test_a_slice_is_complete_when_every_gateway_is_reached_at_the_services_port(
    change: dict[str, Any],
    expected: bool,  # noqa: FBT001 - a column
) -> None:
    """An address too many does no harm to that: it is a gateway that has just left."""
    members = [member("a", "10.0.0.1")]
    (body,) = bodies(routed(), members)
    found = OwnSlice.of(body | change)
    assert found.service == CHAT
    assert leads_to_all(routed(), members, {found.name: found}) is expected
