"""Operators that are killed, upgraded and uninstalled while models are at work: nobody who uses these notices."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from helm_release import Release
from kind_cluster import load
from model_namespace import ModelNamespace

TURNS = 10
"""Of a new operator, at a second each, until it counts as having had its say."""

ANSWERS = 20
TARGET = {"tokenThroughput": {"targetPerReplica": 100}}


def kill(release: Release) -> None:
    """Delete the operator's pod without notice."""
    for pod in release.ready_pods():
        where = f"--namespace={release.namespace}"
        release.cluster.kubectl("delete", "pod", pod, where, "--grace-period=0", "--force", "--wait=false")


def upgrade_values(release: Release) -> None:
    """`helm upgrade` with other values."""
    release.install(logging={"level": "debug"}, commonLabels={"team": "serving"})


def upgrade_image(release: Release) -> None:
    """`helm upgrade` with another image tag."""
    release.install(image={"tag": "next"})


def uninstall_and_install(release: Release) -> None:
    """`helm uninstall`, and `helm install` after a while."""
    release.uninstall()
    release.install()


@pytest.fixture
def next_image(here: ModelNamespace) -> str:
    """The same image by another tag, on the node."""
    import subprocess  # noqa: PLC0415

    name = f"{here.image.rpartition(':')[0]}:next"
    subprocess.run(["docker", "tag", here.image, name], check=True)  # noqa: S607
    load(name, here.cluster.name)
    return name


@contextmanager
def undisturbed(here: ModelNamespace, release: Release) -> Iterator[None]:
    """A service under load, whose replicas, pods and answers must be the same after the block and an operator's say."""
    here.apply(here.least(scaling=TARGET))
    here.wait_serving(pods=1)
    with here.load(requests_per_second=3, prompt_tokens=40, answer_tokens=10) as load:
        here.wait_serving(pods=2)
        pods, sizes, deployment = here.pods(), here.sizes(), here.deployment()
        assert set(pods.values()) == {0}
        yield
        (operator,) = here.wait("an operator is ready", lambda: release.ready_pods())
        here.wait("it has had its say", lambda: release.turns(operator) >= TURNS)
        load.wait_answered(ANSWERS)
        assert here.pods() == pods
        assert here.sizes() == sizes
        assert here.deployment()["metadata"]["generation"] == deployment["metadata"]["generation"]
        assert load.counts()["failed"] == 0


@pytest.mark.usefixtures("next_image")
@pytest.mark.parametrize("change", [kill, upgrade_values, upgrade_image, uninstall_and_install])
def test_no_replica_is_moved_and_no_pod_is_touched(
    here: ModelNamespace, release: Release, change: Callable[[Release], None]
) -> None:
    """And no answer is lost. The next operator goes on where the last one was."""
    with undisturbed(here, release):
        before = set(release.ready_pods())
        change(release)
        here.wait("the operator is another", lambda: release.ready_pods() and not before & set(release.ready_pods()))
    here.wait_serving(pods=2)
