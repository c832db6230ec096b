"""What the store keeps of odd objects."""

from typing import Any

import pytest
from cluster_objects import LEAST, TARGETING, inference_service, pod, profile

from tidegate.cluster.reading import seconds
from tidegate.controller.records import pod_record, profile_record, service_record


def test_a_service_without_status_has_an_empty_one() -> None:
    """As every new one is."""
    record = service_record(inference_service())
    assert (record.status, record.problem, record.deleting) == ({}, "", False)


def test_a_null_status_or_spec_is_an_empty_one() -> None:
    """Documents come over the wire."""
    record = service_record({**inference_service(), "status": None, "spec": None})
    assert record.status == {}
    assert record.spec is None
    assert record.problem.startswith("spec.model: Field required")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({**LEAST, "engine": {"type": "NextYears", "image": "i"}}, ("spec.engine.type", "'vLLM'", "'NextYears'")),
        ({**LEAST, "scaling": {"maxReplicas": "many"}}, ("spec.scaling.maxReplicas", "'many'")),
        ({**LEAST, "scaling": {"mode": "Reckless"}}, ("spec.scaling.mode", "'Reckless'")),
        ({**TARGETING, "targetRef": {"kind": "StatefulSet", "name": "x"}}, ("spec.targetRef.kind", "'StatefulSet'")),
        ({**LEAST, "replicas": -3}, ("spec.replicas", "'-3'")),
        ({**LEAST, "template": {"spec": {"containers": "none"}}}, ("spec.template.spec.containers", "'none'")),
    ],
)
def test_what_cannot_be_read_is_told_by_field_value_and_fix(spec: dict[str, Any], says: tuple[str, ...]) -> None:
    """A CRD newer than the operator lets it through; the operator cannot guess what it means."""
    record = service_record(inference_service(spec))
    assert record.spec is None
    for part in (*says, "upgrade an operator older than the CRD"):
        assert part in record.problem


def test_fields_of_a_newer_crd_are_passed_over() -> None:
    """An operator that was rolled back goes on with what it knows."""
    record = service_record(inference_service({**LEAST, "routing": {"mode": "Gateway"}}))
    assert record.spec is not None
    assert record.problem == ""


def test_a_profile_that_cannot_be_read_says_why() -> None:
    """It is there, which is another thing than missing."""
    record = profile_record(profile(nodeLabels="all"))
    assert record.spec is None
    assert "spec.nodeLabels" in record.problem


@pytest.mark.parametrize(
    ("spec", "target"),
    [
        (TARGETING, "legacy"),
        (LEAST, "chat"),
        ({"targetRef": {"name": "legacy"}}, "legacy"),
        ({"targetRef": {"name": 3}}, "chat"),
        ({"targetRef": "legacy"}, "chat"),
    ],
)
def test_the_deployment_is_known_though_the_rest_is_not(spec: dict[str, Any], target: str) -> None:
    """A target stays claimed while its service's spec cannot be read."""
    assert service_record(inference_service(spec)).workload == ("default", target)


@pytest.mark.parametrize(
    ("change", "ready", "leaving", "address"),
    [
        ({}, True, False, "127.0.0.1"),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, False, False, "127.0.0.1"),
        ({"conditions": None}, False, False, "127.0.0.1"),
        ({"phase": "Failed"}, True, True, "127.0.0.1"),
        ({"phase": "Succeeded"}, True, True, "127.0.0.1"),
        ({"podIP": ""}, True, False, ""),
    ],
)
def test_what_is_read_from_a_pods_status(change: dict[str, Any], *, ready: bool, leaving: bool, address: str) -> None:
    """A pod that failed or succeeded serves no more, though it may stay for its logs."""
    document = pod()
    record = pod_record({**document, "status": {**document["status"], **change}})
    assert record is not None
    assert (record.ready, record.leaving, record.address) == (ready, leaving, address)


def test_a_pod_without_status_is_neither_ready_nor_leaving() -> None:
    """It has just been made."""
    document = pod()
    del document["status"]
    record = pod_record(document)
    assert record is not None
    assert (record.ready, record.leaving, record.address) == (False, False, "")


def test_a_pods_age_and_template_are_kept() -> None:
    """What is learned is about one template, and how long pods take is told from when they were made."""
    record = pod_record(pod(creationTimestamp="1970-01-01T00:01:00Z"))
    assert record is not None
    assert (record.created, record.template) == (60.0, "abc")
    undated = pod_record(pod())
    assert undated is not None
    assert undated.created is None


def test_a_pod_that_is_being_deleted_is_leaving() -> None:
    """It takes no more requests."""
    record = pod_record(pod(deletionTimestamp="2026-01-01T00:00:00Z"))
    assert record is not None
    assert record.leaving


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, 0.0), ("", 0.0), ("1970-01-01T00:01:00Z", 60.0), ("1970-01-01T00:01:00.500000Z", 60.5)],
)
def test_timestamps_are_seconds_since_the_epoch(text: str | None, expected: float) -> None:
    """Kubernetes writes two forms, and sometimes none."""
    assert seconds(text) == expected


@pytest.mark.parametrize(("spec", "seconds"), [({}, 30.0), ({"terminationGracePeriodSeconds": 0}, 0.0)])
def test_a_pods_grace_period_is_kept(spec: dict[str, Any], seconds: float) -> None:
    """It bounds how long the pod may drain; half a minute where nobody gave one."""
    record = pod_record({**pod(), "spec": spec})
    assert record is not None
    assert record.grace_seconds == seconds


def test_two_states_of_a_pod_that_differ_in_nothing_that_matters_are_equal() -> None:
    """Each heartbeat of a kubelet would be a look at the service otherwise."""
    assert pod_record(pod(resourceVersion="7")) == pod_record(pod(resourceVersion="8"))
