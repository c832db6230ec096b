"""What is kept of live objects."""

from typing import Any

import pytest

from tidegate.workloads.live import LiveCondition, LiveDeployment, live_deployment, live_service
from tidegate.workloads.selector import selector_text

METADATA: dict[str, Any] = {
    "namespace": "default",
    "name": "chat",
    "uid": "u",
    "resourceVersion": "7",
    "generation": 4,
    "annotations": {
        "inference.tidegate.dev/body-hash": "b",
        "inference.tidegate.dev/inputs-hash": "i",
        "inference.tidegate.dev/render-version": "1",
        "deployment.kubernetes.io/revision": "2",
    },
    "ownerReferences": [{"uid": "x", "kind": "Other"}, {"uid": "o", "controller": True}],
}


def deployment(spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """A document as the API server gives it out."""
    return {"metadata": METADATA, "spec": {"replicas": 3, **(spec or {})}, "status": status}


def test_a_deployment_is_projected() -> None:
    """Every field comes from where Kubernetes keeps it."""
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "m"}
    found = live_deployment(
        deployment(
            {"selector": {"matchLabels": {"app": "chat"}}},
            observedGeneration=4,
            replicas=3,
            updatedReplicas=2,
            readyReplicas=1,
            availableReplicas=1,
            conditions=[condition],
        )
    )
    assert (found.key, found.uid, found.resource_version, found.owner_uid) == (("default", "chat"), "u", "7", "o")
    assert (found.body_hash, found.inputs_hash, found.render_version) == ("b", "i", "1")
    assert (found.generation, found.observed_generation, found.replicas) == (4, 4, 3)
    assert (found.current_replicas, found.updated_replicas, found.ready_replicas, found.available_replicas) == (
        3,
        2,
        1,
        1,
    )
    assert found.selector == "app=chat"
    assert found.conditions == (LiveCondition(**condition),)
    assert not found.deleting


def test_an_object_of_somebody_else_is_projected_too() -> None:
    """Without our annotations, an owner or a status nothing is made up."""
    metadata = {"namespace": "n", "name": "x", "uid": "u", "resourceVersion": "1", "deletionTimestamp": "t"}
    found = live_deployment({"metadata": metadata, "spec": {}})
    assert (found.owner_uid, found.body_hash, found.inputs_hash, found.render_version) == (None, None, None, None)
    assert (found.replicas, found.ready_replicas, found.managers, found.deleting) == (1, 0, (), True)
    service = live_service({"metadata": METADATA, "spec": {}})
    assert (service.key, service.owner_uid, service.body_hash) == (("default", "chat"), "o", "b")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3}, False),
        ({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 1}, True),
        ({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3}, True),
        ({"observedGeneration": 4, "replicas": 1, "updatedReplicas": 1}, False),
        ({"observedGeneration": 4}, False),
        ({}, True),
    ],
    ids=["settled", "old pods left", "not seen yet", "scaling up is no rollout", "at zero", "just created"],
)
def test_rollout_in_progress(status: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """Pods of an older template make a rollout; missing pods do not."""
    assert live_deployment(deployment(**status)).rollout_in_progress is expected


def test_reports_of_pods_change_nobody_s_fields() -> None:
    """Entries for status are left out."""
    entries = [
        {"manager": "tidegate", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}, "time": "t"},
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsV1": {}},
    ]
    live = live_deployment({**deployment(), "metadata": {**METADATA, "managedFields": entries}})
    assert [manager.name for manager in live.managers] == ["tidegate"]


def test_what_two_field_sets_have_in_common_is_there_once() -> None:
    """Thousands of Deployments that differ in their owner share one tree of their template."""

    def with_owner(uid: str) -> LiveDeployment:
        owner = {"f:ownerReferences": {f'k:{{"uid":"{uid}"}}': {}}}
        fields = {"f:metadata": owner, "f:spec": {"f:template": {"f:spec": {}}}}
        entry = {"manager": "tidegate", "operation": "Apply", "fieldsV1": fields}
        return live_deployment({**deployment(), "metadata": {**METADATA, "managedFields": [entry]}})

    one, other = (with_owner(uid).managers[0].fields for uid in ("1", "2"))
    assert one != other
    assert one["f:spec"]["f:template"] is other["f:spec"]["f:template"]


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({}, ""),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        (
            {
                "matchLabels": {"app": "chat"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["b", "a"]},
                    {"key": "old", "operator": "NotIn", "values": ["x"]},
                    {"key": "canary", "operator": "DoesNotExist"},
                    {"key": "model", "operator": "Exists"},
                ],
            },
            "app=chat,!canary,model,old notin (x),tier in (a,b)",
        ),
    ],
    ids=["empty", "labels", "expressions"],
)
def test_selector_text(selector: dict[str, Any], text: str) -> None:
    """Selectors are written as `kubectl get pods -l` reads them."""
    assert selector_text(selector) == text


@pytest.mark.parametrize(
    ("selector", "to_pods"),
    [
        ({"inference.tidegate.dev/routing": "serving"}, True),
        ({"inference.tidegate.dev/routing": "gateway"}, False),
        ({}, True),
        (None, True),
    ],
)
def test_a_service_tells_whether_it_leads_to_pods(selector: dict[str, str] | None, *, to_pods: bool) -> None:
    """By its selector; one that somebody else has changed is taken for one that does."""
    assert live_service({"metadata": METADATA, "spec": {"selector": selector}}).to_pods is to_pods
