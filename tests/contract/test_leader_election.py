"""Two operators and one Lease: whatever becomes of the leader, one goes on, no size moves, nothing is done twice.

Each operator reaches the API server through a proxy of its own, which remembers all that it wrote.
"""

import asyncio
import secrets
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faulty_api_server import CUT, FaultyApiServer, faulty_api_server
from flood import flood
from operated_namespace import AT_ONCE, OperatedNamespace
from operator_process import Engines, OperatorProcess, running_operator

from live_cluster import LiveCluster

pytestmark = pytest.mark.cluster

QUICK = ("--lease-duration-seconds=6", "--renew-deadline-seconds=4", "--retry-period-seconds=1")
HANDOVER_SECONDS = 60
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
            operator = stack.enter_context(_operator(here.namespace, proxy.kubeconfig, directory / "log"))
            members.append(Member(operator, proxy))
        pair = Pair(here, (members[0], members[1]))
        pair.leader()
        yield pair
        for member in members:
            member.operator.process.send_signal(signal.SIGCONT)


@contextmanager
def _operator(namespace: str, kubeconfig: Path, log: Path, *, until_ready: bool = True) -> Iterator[OperatorProcess]:
    lease = ("--leader-elect", "--lease-name=operators", f"--lease-namespace={namespace}")
    arguments = (f"--namespace={namespace}", *lease, *QUICK)
    with running_operator(kubeconfig, log, *arguments, until_ready=until_ready) as operator:
        yield operator


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


class TestRefused:
    """Without the Lease it neither leads nor ends."""

    @pytest.mark.parametrize(
        ("granted", "verb"), [((), "get"), (("get",), "create"), (("get", "create"), "update")], ids=str
    )
    def test_each_missing_right_is_named(
        self, here: OperatedNamespace, tmp_path: Path, granted: tuple[str, ...], verb: str
    ) -> None:
        """The verb, the resource, the Lease, and what to grant; when all are granted it leads."""
        kubeconfig = _limited(here, tmp_path, granted)
        with _operator(here.namespace, kubeconfig, tmp_path / "log", until_ready=False) as operator:
            operator.wait_unready(f"cannot {verb} leases.coordination.k8s.io 'operators'")
            said = operator.readiness()
            assert f'cannot {verb} resource "leases"' in said
            assert "grant get, create and update on leases" in said
            assert operator.said().count("the Lease cannot be had") == 1
            assert not operator.leads()
            _grant(here, f"--group=system:serviceaccounts:{here.namespace}", "get", "create", "update")
            here.wait("it leads", operator.leads, HANDOVER_SECONDS)
            assert "leases" not in operator.readiness()


def _grant(here: OperatedNamespace, subject: str, *verbs: str) -> None:
    name = f"leases-{secrets.token_hex(4)}"
    here.kubectl("create", "role", name, f"--verb={','.join(verbs)}", "--resource=leases.coordination.k8s.io")
    here.kubectl("create", "rolebinding", name, f"--role={name}", subject)


def _limited(here: OperatedNamespace, directory: Path, verbs: tuple[str, ...]) -> Path:
    """A kubeconfig of somebody who may read all that an operator reads, and do no more to Leases than is granted."""
    name = f"limited-{secrets.token_hex(4)}"
    subject = f"--serviceaccount={here.namespace}:{name}"
    here.kubectl("create", "serviceaccount", name)
    here.cluster.kubectl("create", "clusterrolebinding", name, "--clusterrole=view", subject)
    resources = "inferenceservices.inference.tidegate.dev,acceleratorprofiles.inference.tidegate.dev"
    here.cluster.kubectl("create", "clusterrole", name, "--verb=get,list,watch", f"--resource={resources}")
    here.cluster.kubectl("create", "clusterrolebinding", f"{name}-ours", f"--clusterrole={name}", subject)
    if verbs:
        _grant(here, subject, *verbs)
    token = here.kubectl("create", "token", name).strip()
    path = directory / "kubeconfig"
    path.write_bytes(here.cluster.kubeconfig.read_bytes())
    for arguments in (
        ("set-credentials", "limited", f"--token={token}"),
        ("set-context", "--current", "--user=limited"),
    ):
        LiveCluster(here.cluster.name, path, here.cluster.program, here.cluster.api).kubectl("config", *arguments)
    return path
