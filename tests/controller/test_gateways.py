"""Which gateways live and what they say, with Leases and pages that tests write, and a clock that tests turn."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import LEASES, Resource
from tidegate.controller.gateways import GatewayInstall, Gateways
from tidegate.metrics.gateway_scrape import GatewayPage
from tidegate.scaling.gateway_traffic import GatewaySample

CHAT = ("default", "chat")


class FakeGateways:
    """Leases in a list, pages in a table."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.leases: dict[str, dict[str, Any]] = {}
        self.says: dict[str, GatewayPage | None] = {}
        self.asked: list[Mapping[str, str]] = []
        self.failure: ClusterError | None = None
        self.known = Gateways(GatewayInstall("ops", "tide"), self, self, clock=lambda: self.now, stale_seconds=15.0)

    async def list_documents(
        self, resource: Resource, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """The Leases."""
        assert (resource, namespace, labels) == (LEASES, "ops", {"inference.tidegate.dev/gateway": "tide"})
        if self.failure is not None:
            raise self.failure
        for lease in self.leases.values():
            yield lease

    async def read(self, gateways: Mapping[str, str]) -> dict[str, GatewayPage]:
        """The pages of those that answer."""
        self.asked.append(gateways)
        return {name: page for name in gateways if (page := self.says.get(name)) is not None}

    def renew(self, name: str, **spec: Any) -> None:
        """A gateway writes its Lease."""
        address = spec.pop("address", f"10.0.0.1:{name}")
        annotations = {"inference.tidegate.dev/gateway-metrics": address} if address else {}
        written = {"holderIdentity": name, "leaseDurationSeconds": 15, "renewTime": f"at {self.now}", **spec}
        self.leases[name] = {"metadata": {"name": name, "annotations": annotations}, "spec": written}

    def answers(self, name: str, *, since: float | None = None, **counts: float) -> None:
        """What a gateway's page is from now on."""
        sample = GatewaySample(
            gateway=name, time=self.now, **{"requests": 0.0, "in_flight": 0.0, "held": 0.0, **counts}
        )
        slices = {} if since is None else {CHAT: since}
        self.says[name] = GatewayPage(time=self.now, samples={CHAT: sample}, slices=slices)

    async def tick(self, seconds: float = 5.0, *, renews: tuple[str, ...] = (), answers: tuple[str, ...] = ()) -> None:
        """Let time pass."""
        self.now += seconds
        for name in renews:
            self.renew(name)
        for name in answers:
            self.answers(name)
        await self.known.read()

    @property
    def complete(self) -> bool:
        """Whether all is known of the service."""
        return self.known.traffic_of(CHAT, carries_all=True).complete


async def two() -> FakeGateways:
    """Two gateways that live and answer."""
    given = FakeGateways()
    await given.tick(renews=("1", "2"), answers=("1", "2"))
    return given


async def test_all_that_live_and_answer_are_complete() -> None:
    """The samples are those of their pages; addresses are those of their Leases."""
    given = await two()
    given.answers("1", held=2, in_flight=1)
    await given.known.read()
    traffic = given.known.traffic_of(CHAT, carries_all=False)
    assert (traffic.complete, traffic.carries_all, traffic.held, traffic.in_flight) == (True, False, 2, 1)
    assert given.asked[-1] == {"1": "10.0.0.1:1", "2": "10.0.0.1:2"}
    assert given.known.live == 2


async def test_nobody_there_is_not_complete() -> None:
    """Nobody to say that there is no request."""
    given = FakeGateways()
    await given.tick()
    assert (given.complete, given.known.live, given.known.is_known) == (False, 0, True)


async def test_before_the_first_look_nothing_is_known() -> None:
    """A restart is no idleness."""
    given = FakeGateways()
    assert (given.complete, given.known.is_known) == (False, False)


async def test_one_that_does_not_answer_makes_it_incomplete_once_its_last_word_is_old() -> None:
    """Missing is not zero."""
    given = await two()
    del given.says["2"]
    await given.tick(renews=("1", "2"), answers=("1",))
    assert given.complete
    await given.tick(renews=("1", "2"), answers=("1",))
    assert given.complete
    await given.tick(renews=("1", "2"), answers=("1",))
    assert not given.complete
    assert len(given.known.traffic_of(CHAT, carries_all=True).samples) == 1


async def test_one_that_does_not_know_the_service_makes_it_incomplete() -> None:
    """It has not heard of it yet, or its page lacks a number."""
    given = await two()
    given.says["2"] = GatewayPage(time=given.now, samples={}, slices={})
    await given.known.read()
    assert not given.complete


async def test_one_whose_lease_does_not_change_is_dead_after_its_duration() -> None:
    """Whatever time is written in it; it is then neither asked nor counted."""
    given = await two()
    for _ in range(2):
        await given.tick(renews=("1",), answers=("1",))
        assert given.known.live == 2
    await given.tick(renews=("1",), answers=("1",))
    assert (given.known.live, given.complete, set(given.asked[-1])) == (1, True, {"1"})
    await given.tick(renews=("1", "2"), answers=("1", "2"))
    assert (given.known.live, given.complete) == (2, True)


async def test_one_that_gave_up_its_lease_is_gone_at_once() -> None:
    """It has ended, and said so."""
    given = await two()
    given.renew("2", holderIdentity="")
    await given.known.read()
    assert (given.known.live, given.complete) == (1, True)


async def test_one_that_does_not_say_where_its_metrics_are_cannot_be_counted() -> None:
    """It is none of ours that anybody could ask."""
    given = await two()
    given.renew("2", address="")
    await given.known.read()
    assert given.known.live == 1


@pytest.mark.parametrize(("duration", "dead_after"), [(3600, 60), (None, 15), (1, 5)])
async def test_a_duration_is_taken_within_bounds(duration: int | None, dead_after: float) -> None:
    """A Lease that claims to last for an hour keeps nobody awake for an hour."""
    given = FakeGateways()
    given.renew("1", leaseDurationSeconds=duration)
    await given.known.read()
    given.now += dead_after - 0.1
    assert given.known.live == 1
    given.now += 0.2
    assert given.known.live == 0


async def test_leases_that_cannot_be_listed_leave_it_unknown() -> None:
    """For a while what was known holds; then nobody is put to sleep."""
    given = await two()
    given.failure = ClusterError(0, "Unreachable", "no route")
    await given.tick(answers=("1", "2"))
    assert given.complete
    for _ in range(3):
        await given.tick(answers=("1", "2"))
    assert (given.complete, given.known.is_known) == (False, False)


async def test_the_latest_word_on_a_slice_counts() -> None:
    """Of a leader that was and one that is; what a dead one said counts no more."""
    given = await two()
    assert given.known.slice_since(CHAT) is None
    given.answers("1", since=900.0)
    given.answers("2", since=950.0)
    await given.known.read()
    assert given.known.slice_since(CHAT) == 950.0
    given.renew("2", holderIdentity="")
    given.answers("1", since=900.0)
    await given.known.read()
    assert given.known.slice_since(CHAT) == 900.0


@pytest.mark.parametrize("text", ["", "tide", "/tide", "ops/", "a/b/c"])
def test_an_install_that_is_none_is_refused(text: str) -> None:
    """The message names the flag, the value and the form."""
    with pytest.raises(ValueError, match=r"--gateway '.*': give the namespace"):
        GatewayInstall.parse(text)


def test_an_install_is_a_namespace_and_a_name() -> None:
    """As the chart writes it."""
    assert GatewayInstall.parse("ops/tide") == GatewayInstall("ops", "tide")
