"""Whose each port on the gateways is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.controller.gateway_ports import Claim, GatewayPorts, PortRange

THREE = PortRange(first=10_000, last=10_002)


def claim(name: str, created: float = 0.0, written: int | None = None) -> Claim:
    """A service that wants a port."""
    return Claim(key=("default", name), created=created, written=written)


def test_each_gets_its_own_and_keeps_it() -> None:
    """Asked again, the answer is the same."""
    ports = GatewayPorts(THREE)
    given_ = [ports.port_of(claim(name)) for name in "abc"]
    assert given_ == [10_000, 10_001, 10_002]
    assert [ports.port_of(claim(name)) for name in "abc"] == given_


def test_what_statuses_say_is_adopted() -> None:
    """A restart changes nobody's port, in whatever order services are seen."""
    ports = GatewayPorts(THREE)
    claims = [claim("a", 1.0, 10_002), claim("b", 2.0, 10_000), claim("c", 3.0)]
    ports.adopt(claims)
    assert [ports.port_of(each) for each in reversed(claims)] == [10_001, 10_000, 10_002]


@pytest.mark.parametrize("first", ["older", "younger"])
def test_of_two_with_one_port_the_older_keeps_it(first: str) -> None:
    """As after a restore from a backup; the younger one gets another."""
    older, younger = claim("z", 1.0, 10_001), claim("a", 2.0, 10_001)
    ports = GatewayPorts(THREE)
    ports.adopt([younger, older] if first == "younger" else [older, younger])
    assert (ports.port_of(older), ports.port_of(younger)) == (10_001, 10_002)


def test_an_older_one_that_comes_late_takes_its_port_back() -> None:
    """Who had it meanwhile gets another when it is asked for the next time."""
    ports, older, younger = GatewayPorts(THREE), claim("z", 1.0, 10_000), claim("a", 2.0)
    assert ports.port_of(younger) == 10_000
    assert ports.port_of(older) == 10_000
    assert ports.port_of(younger) == 10_001


@pytest.mark.parametrize("written", [9_999, 10_003, 80])
def test_a_port_outside_of_the_range_is_not_kept(written: int) -> None:
    """The range is another one since."""
    ports, outside = GatewayPorts(THREE), claim("a", written=written)
    ports.adopt([outside])
    assert ports.port_of(outside) == 10_000


def test_when_all_are_in_use_there_is_none_until_one_is_given_back() -> None:
    """The fourth of three waits."""
    ports = GatewayPorts(THREE)
    assert [ports.port_of(claim(name)) for name in "abcd"] == [10_000, 10_001, 10_002, None]
    ports.give_back(("default", "b"))
    assert ports.port_of(claim("d")) == 10_001


def test_one_that_was_given_back_is_the_last_to_be_given_again() -> None:
    """Connections to the service before may still be open."""
    ports = GatewayPorts(PortRange(first=10_000, last=10_003))
    ports.port_of(claim("a"))
    ports.give_back(("default", "a"))
    assert [ports.port_of(claim(name)) for name in "bcde"] == [10_001, 10_002, 10_003, 10_000]


def test_another_service_of_the_same_name_is_another_one() -> None:
    """It was deleted and made anew."""
    ports = GatewayPorts(THREE)
    ports.port_of(claim("a", 1.0))
    assert ports.port_of(claim("a", 2.0)) == 10_001


def test_to_give_back_what_nobody_has_is_nothing() -> None:
    """A service that never wanted one goes."""
    GatewayPorts(THREE).give_back(("default", "a"))


@pytest.mark.parametrize(("first", "last"), [(0, 5), (5, 4), (60_000, 70_000)])
def test_a_range_that_is_none_is_refused(first: int, last: int) -> None:
    """The message names the flag and both values."""
    with pytest.raises(ValueError, match=f"--gateway-ports {first}-{last}: give the first and the last"):
        PortRange(first=first, last=last)


@pytest.mark.parametrize("text", ["", "10000", "a-b", "10000-", "-5", "1-2-3", "10000-99999"])
def test_what_is_no_range_is_refused(text: str) -> None:
    """Before anything begins."""
    with pytest.raises(ValueError, match=f"--gateway-ports {text}: give the first"):
        PortRange.parse(text)


def test_a_range_is_read() -> None:
    """Both ends belong to it."""
    assert (PortRange.parse("10000-10002"), THREE.size) == (THREE, 3)


NAMES = st.sampled_from("abcdefgh")
STEPS = st.lists(st.tuples(NAMES, st.sampled_from(["want", "leave"]), st.sampled_from([None, 10_000, 10_001, 10_004])))


@given(STEPS)
def test_no_two_ever_have_the_same(steps: list[tuple[str, str, int | None]]) -> None:
    """Whoever comes and goes, with whatever in its status; and nobody goes without while one is free."""
    ports = GatewayPorts(PortRange(first=10_000, last=10_004))
    present: set[str] = set()
    for name, step, written in steps:
        if step == "leave":
            ports.give_back(("default", name))
            present.discard(name)
            continue
        ports.port_of(claim(name, float(ord(name)), written))
        present.add(name)
        # Twice: whoever was displaced by an older one asks again at the next look.
        for _ in range(2):
            held = [ports.port_of(claim(each, float(ord(each)))) for each in sorted(present)]
        some = [port for port in held if port is not None]
        assert len(some) == len(set(some)) == min(5, len(present))
        assert all(10_000 <= port <= 10_004 for port in some)
