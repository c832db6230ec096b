from typing import Any

import pytest
from importable import NOTHING_TOLD, Document, deployment, imported, kserve, lost_of, refusal_of, spec_of

MODE = "serving.kserve.io/deploymentMode"


def test_the_predictors_deployment_is_the_target() -> None:
    """It is named after the object and its predictor."""
    assert spec_of(kserve())["targetRef"]["name"] == "chat-predictor"
    assert spec_of(kserve(name="fast"))["targetRef"]["name"] == "chat-fast-predictor"


@pytest.mark.parametrize(
    ("predictor", "bounds"),
    [
        ({"minReplicas": 2, "maxReplicas": 4}, (2, 4)),
        ({"minReplicas": 2, "maxReplicas": None}, (2, 2)),
        ({"minReplicas": None, "maxReplicas": None}, (1, 1)),
        ({"minReplicas": 0, "maxReplicas": 4}, (1, 4)),
    ],
)
def test_bounds_are_those_that_kserve_makes_of_them(predictor: Document, bounds: tuple[int, int]) -> None:
    """Without a maximum, KServe's own autoscaler stays at the minimum."""
    scaling = spec_of(kserve(**predictor))["scaling"]

    assert (scaling["minReplicas"], scaling["maxReplicas"]) == bounds


@pytest.mark.parametrize(
    ("predictor", "because"),
    [
        ({}, "scaleMetric: cpu: CPU and memory"),
        ({"scaleMetric": "memory", "scaleTarget": 70}, "memory at 70: CPU and memory"),
        ({"scaleMetric": "concurrency", "scaleTarget": 4}, "no metric of an engine"),
        ({"autoScaling": {"metrics": [{"type": "PodMetric"}]}}, "type PodMetric"),
        ({"autoScaling": {"metrics": [{"type": "Resource", "resource": {"name": "cpu"}}]}}, "CPU and memory"),
    ],
)
def test_metrics_that_propose_no_size_here_are_said(predictor: Document, because: str) -> None:
    """CPU is KServe's default, and is said as well."""
    (lost,) = lost_of(kserve(**predictor))

    assert because in lost


@pytest.mark.parametrize(
    ("target", "found"),
    [({"type": "AverageValue", "averageValue": "3"}, {"targetPerReplica": 3}), ({"type": "Value", "value": "3"}, None)],
)
def test_an_external_query_is_read_as_a_scaled_objects(target: Document, found: Any) -> None:
    """KServe hands it to KEDA."""
    source = {"metric": {"backend": "prometheus", "query": "sum(vllm:num_requests_waiting)"}, "target": target}
    scaling = {"metrics": [{"type": "External", "external": source}], "behavior": {"scaleUp": {"selectPolicy": "Min"}}}

    made = spec_of(kserve(autoScaling=scaling))["scaling"]

    assert made.get("queueDepth") == found
    assert made["behavior"] == scaling["behavior"]


def test_engine_and_model_are_known_from_kserves_own_runtime() -> None:
    """It has vLLM inside, on port 8080, and serves under the object's name."""
    document = kserve(model={"modelFormat": {"name": "huggingface"}, "runtime": "kserve-huggingfaceserver"})

    spec = spec_of(document, choice=NOTHING_TOLD)

    assert spec["model"] == {"name": "chat"}
    assert spec["targetRef"]["engine"] == {"type": "vLLM", "port": 8080}


def test_the_deployment_knows_better_than_the_predictor() -> None:
    """What runs is what counts."""
    container = {"image": "vllm/vllm-openai", "args": ["--model=llama"]}
    runs = deployment({"image": "llama.cpp", "args": ["--alias", "gemma"]}, name="chat-predictor")

    spec = spec_of(kserve(containers=[container]), runs, choice=NOTHING_TOLD)

    assert (spec["model"]["name"], spec["targetRef"]["engine"]["type"]) == ("gemma", "llamaCpp")


@pytest.mark.parametrize(
    ("predictor", "field"),
    [({"canaryTrafficPercent": 10}, "canaryTrafficPercent"), ({"workerSpec": {}}, "workerSpec")],
)
def test_parts_that_stay_behind_are_said(predictor: Document, field: str) -> None:
    """Only one Deployment is the target."""
    assert any(lost.startswith(f"spec.predictor.{field}: ") for lost in lost_of(kserve(**predictor)))


def test_what_must_be_done_before_automatic_is_noted() -> None:
    """KServe makes an autoscaler unless told that it is somebody else's matter, and its mode may be anything."""
    (bare,) = imported(kserve({})).imported
    (ready,) = imported(kserve()).imported

    assert [("autoscalerClass=external" in note, MODE in note) for note in bare.notes[:2]] == [
        (False, True),
        (True, False),
    ]
    assert not any("serving.kserve.io" in note for note in ready.notes)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (kserve({MODE: "Serverless"}), f"annotation {MODE}: Serverless"),
        (kserve() | {"spec": {}}, "spec.predictor: Field required"),
        (kserve() | {"apiVersion": "serving.kserve.io/v1alpha1"}, "serving.kserve.io/v1alpha1 is not read"),
        (kserve() | {"kind": "LLMInferenceService"}, "it is not read"),
    ],
)
def test_what_has_no_deployment_to_scale_is_refused(document: Document, message: str) -> None:
    """Knative's pods are its own; other kinds are not read."""
    assert refusal_of(document).startswith(message)
