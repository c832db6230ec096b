"""Pods that cannot be made, placed, pulled or kept alive: the condition says which, and what to do."""

from typing import Any, NamedTuple

import pytest

from live_cluster import LiveCluster
from model_namespace import ModelNamespace, own_namespace, pod_that

pytestmark = pytest.mark.usefixtures("release")


class Trouble(NamedTuple):
    """One row: a change of the least spec, and what Ready then says."""

    change: dict[str, Any]
    reason: str
    says: str


NOT_STARTING = {
    "missing": Trouble(
        {"engine": {"image": "nowhere.invalid/engine:1"}}, "ImagePullFailing", "nowhere.invalid/engine:1"
    ),
    "large": Trouble(
        {"template": pod_that(resources={"requests": {"memory": "100Ti"}})}, "Unschedulable", "Insufficient memory"
    ),
    "crashing": Trouble({"template": pod_that(command=["sh", "-c", "exit 3"])}, "Crashing", "3"),
}

LIMITS = {"type": "Container", "min": {"memory": "1Gi"}}
REFUSALS = {
    "resourcequotas": ({"hard": {"pods": "0"}}, "exceeded quota"),
    "limitranges": ({"limits": [LIMITS]}, "minimum memory usage per Container is 1Gi"),
}
"""What a namespace's owner sets: kind, spec, and what the API server then says about pods."""


def test_the_condition_says_why_pods_do_not_start(here: ModelNamespace) -> None:
    """With the kubelet's or the scheduler's own words; a service that is mended starts."""
    for name, trouble in NOT_STARTING.items():
        here.apply(here.least(**trouble.change), name)
    for name, trouble in NOT_STARTING.items():
        assert trouble.says in here.wait_condition("Ready", "False", trouble.reason, name)
    here.apply(here.least(), "missing")
    here.wait_serving("missing", pods=1)


@pytest.mark.parametrize("plural", REFUSALS)
def test_the_condition_says_why_pods_are_refused(cluster: LiveCluster, plural: str) -> None:
    """By a bound of the namespace; once that is gone they start."""
    spec, says = REFUSALS[plural]
    with own_namespace(cluster) as here:
        here.create("/api/v1", plural, {"metadata": {"name": "bound"}, "spec": spec})
        here.apply(here.least())
        assert says in here.wait_condition("Ready", "False", "PodsRefused")
        here.delete(plural, "bound")
        here.wait_serving(pods=1)


def test_the_condition_says_what_pod_security_refuses(here: ModelNamespace) -> None:
    """Its own words name the field."""
    here.label(**{"pod-security.kubernetes.io__enforce": "restricted"})
    here.apply(here.least())
    assert "runAsNonRoot" in here.wait_condition("Ready", "False", "PodsRefused")
