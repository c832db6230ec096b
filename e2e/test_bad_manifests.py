"""What `kubectl apply` refuses, and what is said about what it cannot refuse."""

import json

import pytest
from crd_refusals import SERVICES
from custom_resources import changed, service

from model_namespace import ModelNamespace

pytestmark = pytest.mark.usefixtures("release")


@pytest.mark.parametrize(
    "name", ["minimum above maximum", "unknown mode", "half a replica", "throughput without target"]
)
def test_kubectl_apply_refuses_it_and_names_the_field(here: ModelNamespace, name: str) -> None:
    """With the CustomResourceDefinitions that the chart has installed."""
    refused = SERVICES[name]
    document = service(changed(here.least(), refused.change))
    answer = here.cluster.kubectl(
        "apply", f"--namespace={here.namespace}", "--filename=-", stdin=json.dumps(document), check=False
    )
    assert answer.returncode != 0
    assert refused.says in answer.stderr


def test_an_unknown_field_is_refused(here: ModelNamespace) -> None:
    """A typing mistake is not dropped in silence."""
    document = service(here.least(scaling={"maxReplica": 3}))
    answer = here.cluster.kubectl(
        "apply", f"--namespace={here.namespace}", "--filename=-", stdin=json.dumps(document), check=False
    )
    assert answer.returncode != 0
    assert 'unknown field "spec.scaling.maxReplica"' in answer.stderr


def test_what_only_the_operator_can_know_is_in_a_condition(here: ModelNamespace) -> None:
    """With the way out; nothing is made meanwhile, and it goes on by itself when it is mended."""
    here.create("/api/v1", "services", {"metadata": {"name": "taken"}, "spec": {"ports": [{"port": 80}]}})
    here.apply(here.least(accelerator={"profile": "nowhere"}), "lost")
    here.apply(here.least(), "taken")
    assert "nowhere" in here.wait_condition("SpecValid", "False", "UnknownProfile", "lost")
    assert "taken" in here.wait_condition("SpecValid", "False", "NameTaken", "taken")
    assert here.find("deployments", "lost") is None
    here.kubectl("delete", "service/taken")
    here.wait_serving("taken", pods=1)
