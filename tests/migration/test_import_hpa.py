from typing import Any

import pytest
from importable import Document, horizontal_pod_autoscaler, imported, lost_of, refusal_of, spec_of

BEHAVIOR = {
    "scaleUp": {"policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}], "selectPolicy": "Max"},
    "scaleDown": {
        "stabilizationWindowSeconds": 600,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
        "tolerance": "0.2",
    },
}


def metric(kind: str, name: str, **target: Any) -> Document:
    """A metric by the adapter's name."""
    return {"type": kind, kind.lower(): {"metric": {"name": name}, "target": target}}


WAITING = [
    (metric("Pods", "vllm:num_requests_waiting", type="AverageValue", averageValue="5"), 5),
    (metric("Pods", "vllm_num_requests_waiting", type="AverageValue", averageValue="2500m"), "2.5"),
    (metric("External", "vllm_num_requests_waiting", type="AverageValue", averageValue=3), 3),
    (metric("Object", "llamacpp_requests_deferred", type="AverageValue", averageValue="1k"), 1000),
]
LOST = [
    (metric("External", "vllm_num_requests_waiting", type="Value", value="10"), "compared with the whole queue"),
    (metric("Pods", "vllm_num_requests_running", type="AverageValue", averageValue="8"), "propose no size"),
    (metric("Pods", "vllm_kv_cache_usage_perc", type="AverageValue", averageValue="800m"), "KV cache"),
    (metric("Pods", "vllm:generation_tokens_total", type="AverageValue", averageValue="9"), "together"),
    (metric("Pods", "http_requests_per_second", type="AverageValue", averageValue="9"), "no metric of an engine"),
    (metric("Pods", "vllm_num_requests_waiting", type="AverageValue", averageValue="0"), "not a number above zero"),
    (metric("Pods", "vllm_num_requests_waiting", type="AverageValue", averageValue="lots"), "not a number above zero"),
    (metric("Pods", "vllm_num_requests_waiting", type="AverageValue"), "not a number above zero"),
    (
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
        "CPU and memory",
    ),
    (
        {
            "type": "ContainerResource",
            "containerResource": {"name": "memory", "container": "v", "target": {"type": "Utilization"}},
        },
        "CPU and memory",
    ),
]


def test_bounds_and_behavior_are_taken_over_word_for_word() -> None:
    """What people know of the HorizontalPodAutoscaler holds on, and nothing is carried out yet."""
    spec = spec_of(horizontal_pod_autoscaler(minReplicas=2, behavior=BEHAVIOR))

    assert spec["scaling"] == {"mode": "Advisory", "minReplicas": 2, "maxReplicas": 5, "behavior": BEHAVIOR}
    assert spec["targetRef"] == {"name": "chat", "engine": {"type": "vLLM"}}


def test_the_namespace_goes_with_it() -> None:
    """An object of all namespaces' listing lands where its Deployment is."""
    document = horizontal_pod_autoscaler()
    document["metadata"]["namespace"] = "models"

    (found,) = imported(document).imported

    assert found.document["metadata"] == {"name": "chat", "namespace": "models"}


@pytest.mark.parametrize(("given", "target"), WAITING)
def test_a_metric_of_waiting_requests_becomes_the_queue_term(given: Document, target: Any) -> None:
    """Whatever an adapter made of its name: so much may wait for each replica."""
    assert spec_of(horizontal_pod_autoscaler(metrics=[given]))["scaling"]["queueDepth"] == {"targetPerReplica": target}


@pytest.mark.parametrize(("given", "because"), LOST)
def test_what_proposes_no_size_here_is_said(given: Document, because: str) -> None:
    """No metric disappears without a word."""
    (lost,) = lost_of(horizontal_pod_autoscaler(metrics=[given]))

    assert because in lost
    assert "queueDepth" not in spec_of(horizontal_pod_autoscaler(metrics=[given]))["scaling"]


def test_of_several_targets_the_smallest_is_taken() -> None:
    """The largest proposal wins in a HorizontalPodAutoscaler: it comes from the smallest target."""
    metrics = [given for given, _ in WAITING]

    (found,) = imported(horizontal_pod_autoscaler(metrics=metrics)).imported

    assert found.document["spec"]["scaling"]["queueDepth"] == {"targetPerReplica": "2.5"}
    assert any("of 4 targets the smallest is taken" in note for note in found.notes)


def test_bounds_that_a_service_cannot_have_are_moved_and_said() -> None:
    """Zero becomes one, as nothing sleeps yet; thousands become one thousand."""
    document = horizontal_pod_autoscaler(minReplicas=0, maxReplicas=5000)

    assert spec_of(document)["scaling"]["minReplicas"] == 1
    assert spec_of(document)["scaling"]["maxReplicas"] == 1000
    assert [lost.partition(":")[0] for lost in lost_of(document)] == ["spec.minReplicas", "spec.maxReplicas"]


def test_the_first_version_is_read() -> None:
    """Its one metric is CPU; what the API server hides in annotations is pointed at."""
    document = horizontal_pod_autoscaler(targetCPUUtilizationPercentage=70)
    document["apiVersion"] = "autoscaling/v1"
    document["metadata"]["annotations"] = {"autoscaling.alpha.kubernetes.io/behavior": "{}"}

    assert spec_of(document)["scaling"]["maxReplicas"] == 5
    assert [("70" in lost, "hpa.v2" in lost) for lost in lost_of(document)] == [(True, False), (False, True)]


def test_a_beta_version_is_refused() -> None:
    """The message says how to get it as one that is read."""
    document = horizontal_pod_autoscaler() | {"apiVersion": "autoscaling/v2beta2"}

    assert "kubectl get hpa.v2.autoscaling chat -o yaml" in refusal_of(document)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"scaleTargetRef": {"kind": "StatefulSet", "name": "chat"}}, "it scales StatefulSet 'chat'"),
        ({"scaleTargetRef": {"kind": "Deployment"}}, "spec.scaleTargetRef.name: Field required"),
        ({"maxReplicas": "many"}, "spec.maxReplicas: "),
        ({"metrics": {}}, "spec.metrics: "),
        ({"metrics": ["cpu"]}, "spec.metrics.0: "),
        ({"behavior": {"scaleUp": {"policies": [{"type": "Cats"}]}}}, "spec.behavior.scaleUp.policies.0."),
        ({"scaleTargetRef": {"kind": "Deployment", "name": "Not_A_Name"}}, "spec.targetRef.name: "),
    ],
)
def test_what_is_no_autoscaler_of_a_deployment_is_refused(spec: Document, message: str) -> None:
    """The message names the field."""
    assert refusal_of(horizontal_pod_autoscaler(**spec)).startswith(message)


def test_one_that_was_made_from_a_scaled_object_is_passed_over() -> None:
    """KEDA's own HorizontalPodAutoscaler has lost what its ScaledObject says."""
    document = horizontal_pod_autoscaler()
    document["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "chat", "controller": True}]

    outcome = imported(document)

    assert (outcome.imported, outcome.refused) == ([], [])
    assert [each.message for each in outcome.passed_over] == ["it was made from ScaledObject chat; import that"]


def test_two_on_one_deployment_are_not_both_taken() -> None:
    """Two InferenceServices on a Deployment would be refused by the operator."""
    outcome = imported(horizontal_pod_autoscaler(), horizontal_pod_autoscaler())

    assert len(outcome.imported) == 1
    assert "is scaled by HorizontalPodAutoscaler chat (input.yaml:1) too" in outcome.refused[0].message


def test_a_field_of_behavior_that_is_not_known_is_said() -> None:
    """A newer Kubernetes may know more."""
    (lost,) = lost_of(horizontal_pod_autoscaler(behavior={"scaleUp": {"selectPolicy": "Max", "mood": "good"}}))

    assert lost.startswith("spec.behavior: ")
