from typing import Any

import pytest
from importable import Document, imported, lost_of, prometheus, refusal_of, scaled_object, spec_of

WAITING = "vllm:num_requests_waiting"
BOTH = "sum(rate(vllm:prompt_tokens_total[1m])) + sum(rate(vllm:generation_tokens_total[1m]))"


def test_bounds_and_behavior_are_taken_over() -> None:
    """The behavior is the HorizontalPodAutoscaler's that KEDA makes."""
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 120}}
    document = scaled_object(
        minReplicaCount=2, maxReplicaCount=6, advanced={"horizontalPodAutoscalerConfig": {"behavior": behavior}}
    )

    assert spec_of(document)["scaling"] == {
        "mode": "Advisory",
        "minReplicas": 2,
        "maxReplicas": 6,
        "behavior": behavior,
    }
    assert lost_of(document) == ()


def test_what_keda_takes_for_granted_is_made_plain() -> None:
    """A ScaledObject without bounds goes from 0 to 100."""
    document = scaled_object(minReplicaCount=None)

    assert (spec_of(document)["scaling"]["minReplicas"], spec_of(document)["scaling"]["maxReplicas"]) == (1, 100)
    assert lost_of(document) == ("spec.minReplicaCount: 0: a service does not sleep at zero yet; minReplicas is 1",)


@pytest.mark.parametrize(
    ("trigger", "term", "target"),
    [
        (prometheus(f"sum({WAITING})"), "queueDepth", 5),
        (prometheus(f"avg({WAITING})", metricType="Value"), "queueDepth", 5),
        (prometheus(f"sum({WAITING})", 7.5, metricType="AverageValue"), "queueDepth", "7.5"),
        (prometheus(BOTH, "4000"), "tokenThroughput", 4000),
    ],
)
def test_queries_that_are_understood_become_terms(trigger: Document, term: str, target: Any) -> None:
    """A sum is divided by the replicas; a mean is compared as it is."""
    assert spec_of(scaled_object(triggers=[trigger]))["scaling"][term] == {"targetPerReplica": target}


@pytest.mark.parametrize(
    ("trigger", "because"),
    [
        (prometheus(f"sum({WAITING})", metricType="Value"), "a sum compared as a whole"),
        (prometheus(f"avg({WAITING})"), "a mean that is divided by the replicas once more"),
        (prometheus("sum(rate(vllm:generation_tokens_total[1m]))"), "together"),
        (prometheus("sum(vllm:num_requests_running)"), "requests that run"),
        (prometheus("histogram_quantile(0.95, x)"), "no metric of an engine"),
        (prometheus(f"sum({WAITING})", ""), "not a number above zero"),
        ({"type": "prometheus"}, "no metric of an engine"),
        ({"type": "cpu", "metadata": {"value": "60"}}, "CPU and memory"),
        ({"type": "cron", "metadata": {"start": "0 8 * * *"}}, "there are no schedules yet"),
        ({"type": "kafka", "metadata": {}}, "only what engines say of themselves"),
    ],
)
def test_triggers_that_propose_no_size_here_are_said(trigger: Document, because: str) -> None:
    """No trigger disappears without a word, and none is guessed."""
    document = scaled_object(triggers=[trigger])

    (lost,) = lost_of(document)

    assert because in lost
    assert spec_of(document)["scaling"].keys() == {"mode", "minReplicas", "maxReplicas"}


def test_a_formula_takes_its_triggers_with_it() -> None:
    """What a formula makes of queries is another number than any of them."""
    document = scaled_object(
        triggers=[prometheus(f"sum({WAITING})")],
        advanced={"scalingModifiers": {"formula": "a + b", "target": "5"}},
    )

    assert "'a + b'" in lost_of(document)[0]
    assert "queueDepth" not in spec_of(document)["scaling"]


@pytest.mark.parametrize(
    "field", ["cooldownPeriod", "initialCooldownPeriod", "idleReplicaCount", "fallback", "pollingInterval"]
)
def test_each_field_without_a_counterpart_is_named(field: str) -> None:
    """In what is lost, or in the notes."""
    value = {"failureThreshold": 3, "replicas": 2} if field == "fallback" else 0
    (found,) = imported(scaled_object(**{field: value})).imported

    assert any(sentence.startswith(f"spec.{field}: ") for sentence in (*found.lost, *found.notes))


@pytest.mark.parametrize(
    ("annotations", "changed"),
    [
        ({"autoscaling.keda.sh/paused-replicas": "0"}, {"replicas": 0}),
        ({"autoscaling.keda.sh/paused-replicas": "4", "autoscaling.keda.sh/paused": "true"}, {"replicas": 4}),
        ({"autoscaling.keda.sh/paused": "true"}, {"mode": "Paused"}),
        ({"autoscaling.keda.sh/paused": "yes"}, {"mode": "Paused"}),
        ({"autoscaling.keda.sh/paused": "false"}, {}),
        (
            {"autoscaling.keda.sh/paused-scale-in": "true"},
            {"behavior": {"scaleUp": {"selectPolicy": "Min"}, "scaleDown": {"selectPolicy": "Disabled"}}},
        ),
        ({"autoscaling.keda.sh/paused-scale-out": "true"}, {"behavior": {"scaleUp": {"selectPolicy": "Disabled"}}}),
    ],
)
def test_a_pause_stays_a_pause(annotations: dict[str, str], changed: Document) -> None:
    """What somebody held on purpose is held, by the means there are here."""
    given = {"advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"selectPolicy": "Min"}}}}}
    base = spec_of(scaled_object(**given))

    spec = spec_of(scaled_object(annotations, **given))

    assert spec.get("replicas") == changed.get("replicas")
    assert spec["scaling"]["mode"] == changed.get("mode", "Advisory")
    assert spec["scaling"]["behavior"] == changed.get("behavior", base["scaling"]["behavior"])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (scaled_object(scaleTargetRef={"name": "chat", "kind": "StatefulSet"}), "it scales StatefulSet 'chat'"),
        (scaled_object(triggers=None), "spec.triggers: "),
        (scaled_object({"autoscaling.keda.sh/paused-replicas": "some"}), "annotation autoscaling.keda.sh/paused-repl"),
        (scaled_object() | {"apiVersion": "keda.sh/v2"}, "keda.sh/v2 is not read"),
        (scaled_object() | {"kind": "ScaledJob"}, "it starts Jobs"),
    ],
)
def test_what_scales_no_deployment_is_refused(document: Document, message: str) -> None:
    """The message says what it is, or names the field."""
    assert refusal_of(document).startswith(message)
