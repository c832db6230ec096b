"""Releases that are killed, upgraded and uninstalled while models are at work: nobody who uses these notices."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from custom_resources import Document

from helm_release import Release
from live_cluster import LiveCluster
from model_namespace import Load, ModelNamespace, own_namespace

TURNS = 10
"""Of a new operator, at a second each, until it counts as having had its say."""

ANSWERS = 10
TARGET = {"tokenThroughput": {"targetPerReplica": 100}}
NEXT = {"image": {"tag": "next"}}
TWO = {"operator": {"replicas": 2}}


@dataclass(frozen=True, slots=True)
class Busy:
    """A service with two replicas, at work."""

    here: ModelNamespace
    load: Load


@pytest.fixture(scope="module")
def busy(request: pytest.FixtureRequest, cluster: LiveCluster, shared_release: Release, _fresh: None) -> Iterator[Busy]:
    """One in the routing mode of the parameter; all tests with that mode disturb it, one after another."""
    shared_release.install()
    with own_namespace(cluster) as here:
        here.apply(here.least(scaling=TARGET, routing={"mode": request.param}))
        here.wait_serving(pods=1)
        with here.load(requests_per_second=3, prompt_tokens=40, answer_tokens=10) as load:
            here.wait_serving(pods=2)
            yield Busy(here, load)


def kill(release: Release) -> None:
    """Delete the leader's pod, and wait for nothing."""
    where = f"--namespace={release.namespace}"
    leader = str(release.leader())
    release.cluster.kubectl("delete", "pod", leader, where, "--grace-period=0", "--force", "--wait=false")


def upgrade_values(release: Release) -> None:
    """`helm upgrade` with other values."""
    release.install(logging={"level": "debug"}, commonLabels={"team": "serving"})


def upgrade_image(release: Release) -> None:
    """`helm upgrade` with another image tag."""
    release.install(**NEXT)


def uninstall_and_install(release: Release) -> None:
    """`helm uninstall`, then `helm install`."""
    release.uninstall()
    release.install()


CHANGES = {
    "killed": ("Gateway", {}, kill),
    "killed beside another": ("Gateway", TWO, kill),
    "upgraded to other values": ("Gateway", {}, upgrade_values),
    "upgraded to another image": ("Gateway", {}, upgrade_image),
    "uninstalled and installed": ("None", {}, uninstall_and_install),  # The gateways go, too.
}
"""What is done to the release: a service's routing mode, values before, and what then happens."""


@pytest.mark.usefixtures("next_image")
@pytest.mark.parametrize(("busy", "values", "happen"), CHANGES.values(), ids=CHANGES, indirect=["busy"])
def test_no_replica_is_moved_and_no_pod_is_touched(
    busy: Busy, release: Release, values: Document, happen: Callable[[Release], None]
) -> None:
    """And no answer is lost. The next operator goes on where the last one was."""
    here, load = busy.here, busy.load
    if values:
        release.install(**values)
    before = here.wait("one leads", release.leader)
    pods, sizes, deployment = here.pods(), here.sizes(), here.deployment()
    assert (len(pods), set(pods.values())) == (2, {0})
    happen(release)
    after = here.wait("another one leads", lambda: (now := release.leader()) != before and now)
    here.wait("it has had its say", lambda: release.turns(str(after)) >= TURNS)
    load.wait_answered(ANSWERS)
    assert here.pods() == pods
    assert here.sizes() == sizes
    assert here.deployment()["metadata"]["generation"] == deployment["metadata"]["generation"]
    load.check_none_failed()
    here.wait_serving(pods=2)
