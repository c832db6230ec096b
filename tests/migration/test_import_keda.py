from typing import Any

import pytest
from importable import Document, imported, lost_of, prometheus, refusal_of, scaled_object, spec_of

WAITING = "vllm:num_requests_waiting"
BOTH = "sum(rate(vllm:prompt_tokens_total[1m])) + sum(rate(vllm:generation_tokens_total[1m]))"


def cron(name: str | None = None, **metadata: Any) -> Document:
    """A cron trigger: office hours, unless told otherwise; None takes a field away."""
    office = {"timezone": "Europe/Paris", "start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "desiredReplicas": "4"}
    given = {key: value for key, value in {**office, **metadata}.items() if value is not None}
    return {"type": "cron", "metadata": given} | ({} if name is None else {"name": name})


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
    assert lost_of(document) == (
        "spec.minReplicaCount: 0: a target is not put to sleep, for nothing of ours would wake it; minReplicas is 1",
    )


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
        (cron(timezone="Europe/Bonn"), "'Europe/Bonn' is no time zone"),
        (cron(timezone=None), "trigger cron from '0 8 * * 1-5' to '0 18 * * 1-5': schedule.timeZone"),
        (cron(end="0 25 * * *"), "'0 25 * * *' is not a time that comes"),
        (cron(end="0 08 * * MON-FRI"), "would never end"),
        (cron(start="@daily"), "'@daily' is not a time that comes"),
        (cron(desiredReplicas="many"), "desiredReplicas: 'many' is not a number of replicas"),
        (cron(desiredReplicas=None), "is not a number of replicas"),
        (prometheus("sum(vllm:kv_cache_usage_perc)"), "set scaling.kvCache.targetPercent"),
        ({"type": "kafka", "metadata": {}}, "only what engines say of themselves"),
    ],
)
def test_triggers_that_propose_no_size_here_are_said(trigger: Document, because: str) -> None:
    """No trigger disappears without a word, and none is guessed."""
    document = scaled_object(triggers=[trigger])

    (lost,) = lost_of(document)

    assert because in lost
    assert spec_of(document)["scaling"].keys() == {"mode", "minReplicas", "maxReplicas"}


def test_cron_triggers_become_schedules() -> None:
    """Each under a name of its own."""
    document = scaled_object(
        minReplicaCount=1,
        maxReplicaCount=6,
        triggers=[cron(), cron("Black_Friday!", desiredReplicas=20), cron("black-friday"), cron(timezone="UTC")],
    )
    office = {"start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "timeZone": "Europe/Paris", "minReplicas": 4}

    assert spec_of(document)["scaling"]["schedules"] == [
        {"name": "cron-1", **office},
        {"name": "black-friday", **office, "minReplicas": 6},
        {"name": "black-friday-3", **office},
        {"name": "cron-4", **office, "timeZone": "UTC"},
    ]
    assert lost_of(document) == ()
    (found,) = imported(document).imported
    assert [note for note in found.notes if "asks for 20, above maxReplicas: 6 is taken" in note]


def test_a_cron_trigger_for_no_more_than_the_minimum_is_noted() -> None:
    """It would do nothing."""
    (found,) = imported(scaled_object(minReplicaCount=4, triggers=[cron()])).imported

    assert found.lost == ()
    assert any("asks for 4, and minReplicas 4 is as many" in note for note in found.notes)


def test_more_cron_triggers_than_schedules_are_said() -> None:
    """The first sixteen are kept."""
    document = scaled_object(triggers=[cron()] * 17)

    assert len(spec_of(document)["scaling"]["schedules"]) == 16
    assert "at most 16 schedules" in lost_of(document)[0]


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
