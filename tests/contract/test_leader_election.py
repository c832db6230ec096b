"""Two operators and one Lease: whatever becomes of the leader, one goes on, no size moves, nothing is done twice.

Each operator reaches the API server through a proxy of its own, which remembers all that it wrote.
"""

import asyncio
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from electing_operator import HANDOVER_SECONDS, electing_operator
from faulty_api_server import CUT, FaultyApiServer, faulty_api_server
from flood import flood
from operated_namespace import AT_ONCE, OperatedNamespace
from operator_process import Engines, OperatorProcess

pytestmark = pytest.mark.cluster

MANY = 40
"""Services, made at once: so many that whoever is stopped among them has not finished."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of the two.

    Attributes:
        operator: Its process.
        proxy: The way to the API server that it alone takes.
    """

    operator: OperatorProcess
    proxy: FaultyApiServer


@dataclass(frozen=True, slots=True)
class Pair:
    """Two operators of one namespace.

    Attributes:
        here: The namespace.
        members: Both.
    """

    here: OperatedNamespace
    members: tuple[Member, Member]

    def lease(self) -> dict[str, Any]:
        """The spec of their Lease."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.here.namespace}/leases/operators"
        spec: dict[str, Any] = self.here.cluster.api.get(path).document.get("spec", {})
        return spec

    def leaders(self) -> list[Member]:
        """Those that say they lead; one that does not run, or is stopped, is not asked."""
        return [member for member in self.members if _is_running(member.operator) and member.operator.leads()]

    def leader(self) -> Member:
        """The one that leads, as soon as one does."""
        (found,) = self.here.wait("one leads", self.leaders, HANDOVER_SECONDS)
        return found

    def follower_of(self, leader: Member) -> Member:
        """The other one."""
        (other,) = (member for member in self.members if member is not leader)
        return other

    def wait_until_leads(self, member: Member) -> None:
        """Wait for a handover."""
        self.here.wait("the other one leads", member.operator.leads, HANDOVER_SECONDS)

    def wrote_sizes(self) -> list[str]:
        """All writes of sizes, by either."""
        return [write for member in self.members for write in member.proxy.writes() if write.endswith("/scale")]


@pytest.fixture
def pair(here: OperatedNamespace, tmp_path: Path) -> Iterator[Pair]:
    """Two operators, of which one has begun to lead."""
    with ExitStack() as stack:
        members = []
        for name in ("a", "b"):
            directory = tmp_path / name
            directory.mkdir()
            proxy = stack.enter_context(faulty_api_server(here.cluster.kubeconfig, directory))
            operator = stack.enter_context(electing_operator(here.namespace, proxy.kubeconfig, directory / "log"))
            members.append(Member(operator, proxy))
        pair = Pair(here, (members[0], members[1]))
        pair.leader()
        yield pair
        for member in members:
            member.operator.process.send_signal(signal.SIGCONT)


def _is_running(operator: OperatorProcess) -> bool:
    if operator.process.poll() is not None:
        return False
    state = Path(f"/proc/{operator.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "T"


def pods_of(here: OperatedNamespace) -> set[str]:
    """The uids of all pods there are."""
    return {pod["metadata"]["uid"] for pod in here.cluster.api.get(here.path("pods")).document["items"]}


class TestTwo:
    """Both in good health."""

    def test_one_decides_and_writes_and_the_other_is_ready_to(self, pair: Pair) -> None:
        """The follower answers /readyz and /metrics, and says nothing of services: it has decided nothing."""
        pair.here.apply(pair.here.least(replicas=2))
        pair.here.wait_serving(pods=2)
        leader = pair.leader()
        follower = pair.follower_of(leader)
        leader.operator.wait_turns(3)

        assert not follower.operator.leads()
        assert follower.proxy.writes() == []
        assert leader.proxy.writes() != []
        assert "tidegate_desired_replicas{" in leader.operator.page()
        assert "tidegate_desired_replicas{" not in follower.operator.page()
        assert follower.operator.alive()
        assert pair.lease()["leaseTransitions"] == 0
        holder = pair.here.kubectl("get", "lease", "operators", "--output=jsonpath={.spec.holderIdentity}")
        assert f'"identity": "{holder}"' in leader.operator.said()


class TestHandover:
    """A fleet at rest, and one whose size was written a moment ago."""

    @pytest.mark.parametrize("end", [OperatorProcess.stop, OperatorProcess.kill], ids=["stopped", "killed"])
    def test_nothing_moves_when_the_leader_ends(self, pair: Pair, end: Any) -> None:
        """Three idle pods are two too many, and stay for the new leader's first window; no pod is restarted."""
        here = pair.here
        here.apply(here.least(replicas=3, **AT_ONCE), "pinned")
        here.apply(here.least(replicas=3), "idle")
        for name in ("pinned", "idle"):
            here.wait_serving(name, pods=3)
        here.apply(here.least(), "idle")
        here.wait_condition("ScalingLimited", "True", "Stabilizing", "idle")
        leader = pair.leader()
        follower = pair.follower_of(leader)
        here.wait("it is at rest", lambda: _rests(leader), HANDOVER_SECONDS)
        pods, generations = pods_of(here), _generations(here)

        end(leader.operator)

        pair.wait_until_leads(follower)
        follower.operator.wait_turns(5)
        assert pods_of(here) == pods
        assert _generations(here) == generations
        assert follower.proxy.writes() == []
        assert pair.lease()["leaseTransitions"] == 1

    def test_a_size_that_was_just_written_is_not_written_again(self, pair: Pair) -> None:
        """Killed right after its write, before it could tell anybody: the next one sees the size, and agrees."""
        here = pair.here
        here.apply(here.least(replicas=1))
        here.wait_serving(pods=1)
        before = len(pair.wrote_sizes())
        leader = pair.leader()
        here.apply(here.least(replicas=4))
        here.wait_size(4)
        leader.operator.kill()

        follower = pair.follower_of(leader)
        pair.wait_until_leads(follower)
        here.wait_serving(pods=4)
        follower.operator.wait_turns(3)
        assert len(pair.wrote_sizes()) == before + 1
        assert here.deployment()["metadata"]["generation"] == 2
        assert here.condition("ConflictingScaler")[:2] == ("False", "SoleWriter")
        assert here.events("ForeignChange") == []

    def test_a_leader_that_is_cut_off_stops_and_another_goes_on(self, pair: Pair) -> None:
        """Its process lives, follows, and does not push back in when it can be heard again."""
        here = pair.here
        here.apply(here.least(replicas=2))
        here.wait_serving(pods=2)
        leader = pair.leader()
        follower = pair.follower_of(leader)

        leader.proxy.fail_with(CUT)
        here.wait("it has stopped", lambda: not leader.operator.leads(), HANDOVER_SECONDS)
        pair.wait_until_leads(follower)
        here.apply(here.least(replicas=3))
        here.wait_serving(pods=3)
        wrote = len(leader.proxy.writes())
        leader.proxy.heal()
        follower.operator.wait_turns(8)

        assert [leader.operator.leads(), follower.operator.leads()] == [False, True]
        assert len(leader.proxy.writes()) == wrote
        assert leader.operator.alive()


class TestStoppedProcess:
    """SIGSTOP past its Lease, then SIGCONT: as when a node stalls, or a machine is suspended."""

    def test_under_load_it_writes_nothing_when_it_goes_on(self, pair: Pair, engines: Engines) -> None:
        """The other one has seen the load end, and made the service smaller; the old one knows the load."""
        here = pair.here
        here.apply(here.least(**AT_ONCE))
        here.wait_serving(pods=1)
        (address,) = here.addresses()
        leader = pair.leader()
        follower = pair.follower_of(leader)
        engines.break_(address, slow=200)
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, flood(f"http://{address}:{engines.port}", clients=300))
            try:
                here.wait("it has grown", lambda: here.size() > 1)
                leader.operator.process.send_signal(signal.SIGSTOP)
                pair.wait_until_leads(follower)
            finally:
                engines.reset(address)
                engines.mend(address)
        here.wait_size(1)
        here.wait_serving(pods=1)
        _goes_on_and_writes_nothing(pair, leader)
        assert here.size() == 1

    def test_in_the_middle_of_its_writes_it_writes_no_more_of_them(self, pair: Pair) -> None:
        """Answers wait for it, and each would be followed by the next write; the other one does those."""
        here = pair.here
        leader = pair.leader()
        follower = pair.follower_of(leader)
        for number in range(MANY):
            here.apply(here.least(replicas=1), f"service-{number}")
        here.wait("it is at it", lambda: len(leader.proxy.writes()) > MANY // 4)
        leader.operator.process.send_signal(signal.SIGSTOP)
        pair.wait_until_leads(follower)
        _goes_on_and_writes_nothing(pair, leader)
        for number in range(MANY):
            here.wait_serving(f"service-{number}", pods=1)
        assert set(_generations(here).values()) == {1}


def _rests(leader: Member) -> bool:
    """Whether nothing is written for longer than the ten seconds that numbers wait for."""
    before = leader.proxy.writes()
    leader.operator.wait_turns(12)
    return leader.proxy.writes() == before


def _goes_on_and_writes_nothing(pair: Pair, stopped: Member) -> None:
    """Let a stopped process go on, and wait until it follows."""
    wrote = stopped.proxy.writes()
    stopped.operator.process.send_signal(signal.SIGCONT)
    pair.here.wait("it follows", lambda: not stopped.operator.leads(), HANDOVER_SECONDS)
    pair.follower_of(stopped).operator.wait_turns(5)
    assert stopped.proxy.writes() == wrote
    assert "leading no more" in stopped.operator.said()
    assert stopped.operator.alive()
    assert [member is stopped for member in pair.leaders()] == [False]


def _generations(here: OperatedNamespace) -> dict[str, int]:
    """How often each Deployment was changed."""
    items = here.cluster.api.get(here.path("deployments")).document["items"]
    return {item["metadata"]["name"]: item["metadata"]["generation"] for item in items}
