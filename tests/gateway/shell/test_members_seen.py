"""Who counts as alive, by what a gateway has seen itself."""

import pytest
from gateway_objects import lease, leaving, member

from tidegate.gateway.members import FORGOTTEN_SECONDS, LEASE_SECONDS, Member, Members

OWN, OTHER = member("gateway-1", "10.7.0.1"), member("gateway-2", "10.7.0.2")


class Seen:
    """What `gateway-1` sees, at times that a test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.changes = 0
        self.members = Members(OWN.name, clock=lambda: self.now, changed=self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def renewed(self, *which: Member) -> None:
        """See Leases renewed just now."""
        for each in which:
            self.members.put(lease(each, renewed=str(self.now)))

    def names(self) -> list[str]:
        """Who lives."""
        return [each.name for each in self.members.live()]


@pytest.fixture
def seen() -> Seen:
    """Both gateways have just been listed."""
    made = Seen()
    made.members.replace([lease(OWN, "0"), lease(OTHER, "0")])
    return made


def test_whose_lease_stands_still_while_ones_own_moves_is_dead(seen: Seen) -> None:
    """After its duration and not before, and everybody is told once."""
    before = seen.changes
    for seen.now in range(5, LEASE_SECONDS + 1, 5):
        seen.renewed(OWN)
    assert (seen.names(), seen.changes) == (["gateway-1", "gateway-2"], before)
    seen.now = LEASE_SECONDS + 1
    seen.renewed(OWN)
    assert (seen.names(), seen.changes) == (["gateway-1"], before + 1)


def test_nobody_dies_while_nothing_is_heard(seen: Seen) -> None:
    """A watch that hangs, or an API server that is away, shows all Leases standing still, the own one as well."""
    seen.now = 10_000.0
    assert seen.names() == ["gateway-1", "gateway-2"]


def test_after_a_new_list_everybody_has_the_whole_duration_again(seen: Seen) -> None:
    """After an outage the own Lease may be the first that is renewed."""
    seen.now = 1000.0
    seen.members.replace([lease(OWN, "0"), lease(OTHER, "0")])
    seen.renewed(OWN)
    assert seen.names() == ["gateway-1", "gateway-2"]
    for seen.now in (1005.0, 1010.0, 1016.0):
        seen.renewed(OWN)
    assert seen.names() == ["gateway-1"]


def test_one_that_was_dead_lives_when_it_renews(seen: Seen) -> None:
    """It was late."""
    seen.now = 100.0
    seen.renewed(OWN)
    assert seen.names() == ["gateway-1"]
    seen.renewed(OTHER)
    assert seen.names() == ["gateway-1", "gateway-2"]


def test_a_longer_duration_is_believed(seen: Seen) -> None:
    """Its writer acts by what it wrote."""
    patient = lease(OTHER, "0")
    patient["spec"]["leaseDurationSeconds"] = 60
    seen.members.put(patient)
    seen.now = 50.0
    seen.renewed(OWN)
    assert seen.names() == ["gateway-1", "gateway-2"]


def test_the_lease_of_one_that_is_long_dead_is_to_be_deleted(seen: Seen) -> None:
    """Not of one that may still come back."""
    seen.now = LEASE_SECONDS + FORGOTTEN_SECONDS
    seen.renewed(OWN)
    assert seen.members.forgotten() == []
    seen.now += 1
    seen.renewed(OWN)
    assert seen.members.forgotten() == [("gateway-2", "uid-gateway-2")]


def test_whoever_says_that_it_leaves_is_a_member_still(seen: Seen) -> None:
    """And all are told."""
    before = seen.changes
    seen.members.put(lease(leaving("gateway-2", "10.7.0.2"), "1"))
    assert (seen.names(), seen.changes) == (["gateway-1", "gateway-2"], before + 1)
    seen.members.forget("gateway-2")
    assert (seen.names(), seen.changes) == (["gateway-1"], before + 2)


def test_a_renewal_alone_is_no_news(seen: Seen) -> None:
    """Slices are not looked at every second for it."""
    before = seen.changes
    seen.now = 5.0
    seen.renewed(OWN, OTHER)
    assert seen.changes == before


@pytest.mark.parametrize(
    "annotations", [None, {}, {"inference.tidegate.dev/gateway-address": "not an address"}], ids=str
)
def test_a_lease_without_an_address_is_no_gateways(seen: Seen, annotations: dict[str, str] | None) -> None:
    """Somebody else's, with our label."""
    strange = lease(OTHER, "0")
    strange["metadata"]["annotations"] = annotations
    seen.members.put(strange)
    assert seen.names() == ["gateway-1"]


def test_a_member_is_read_as_it_was_written() -> None:
    """With its node, where that is known."""
    for each in (member(), member(node="node-1"), leaving("gateway-9", "fd00::9")):
        assert Member.of(lease(each, "0")) == each


def test_who_was_gone_long_before_the_others_is_not_alive_when_listed(seen: Seen) -> None:
    """As the Leases that killed gateways leave behind, which a new leader finds; it may still come back."""
    seen.members.replace(
        [
            lease(OWN, "2026-01-01T00:10:00.000000Z"),
            lease(OTHER, "2026-01-01T00:09:00.000000Z"),
            lease(member("gateway-3", "10.7.0.3"), "2026-01-01T00:08:30.000000Z"),
        ]
    )
    assert seen.names() == ["gateway-1", "gateway-2"]
    seen.members.put(lease(member("gateway-3", "10.7.0.3"), "2026-01-01T00:08:35.000000Z"))
    assert seen.names() == ["gateway-1", "gateway-2", "gateway-3"]


def test_after_an_outage_all_are_equally_late_and_alive(seen: Seen) -> None:
    """However long it was."""
    seen.now = 5000.0
    seen.members.replace([lease(OWN, "2026-01-01T00:00:00.000000Z"), lease(OTHER, "2025-12-31T23:59:55.000000Z")])
    assert seen.names() == ["gateway-1", "gateway-2"]
