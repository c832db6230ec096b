"""When a body is applied, and when it is held back."""

from dataclasses import replace
from typing import Any

import pytest

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.workloads.deployment import deployment
from tidegate.workloads.hashing import with_body_hash
from tidegate.workloads.healing import Cause, Need, is_held_back, needs_apply
from tidegate.workloads.live import LiveDeployment, live_deployment, live_service
from tidegate.workloads.owner import Owner
from tidegate.workloads.service import service

OWNER = Owner(name="chat", namespace="default", uid="o")
IMAGE = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"engine"}', "f:image")
SURGE = ("f:spec", "f:strategy", "f:rollingUpdate", "f:maxSurge")
VERSION = "inference.tidegate.dev/render-version"
INPUTS = "inference.tidegate.dev/inputs-hash"


def spec(image: str = "e:1") -> InferenceServiceSpec:
    """A spec with a vLLM engine."""
    return InferenceServiceSpec.model_validate({"model": {"name": "m"}, "engine": {"type": "vLLM", "image": image}})


BODY = deployment(OWNER, spec(), None)


def field_set(value: Any) -> dict[str, Any]:
    """What server-side apply records for a body: keyed by name where items have one, whole lists otherwise."""
    if isinstance(value, dict):
        return {f"f:{name}": field_set(part) for name, part in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
        return {f'k:{{"name":"{item["name"]}"}}': field_set(item) for item in value}
    return {}


def without(fields: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """A field set that has lost one field."""
    first, *rest = path
    left = {key: part for key, part in fields.items() if key != first}
    return {**left, first: without(fields[first], tuple(rest))} if rest else left


def only(path: tuple[str, ...]) -> dict[str, Any]:
    """A field set of one field."""
    return {path[0]: only(path[1:])} if path else {}


def live(
    body: dict[str, Any] = BODY,
    *,
    lost: tuple[tuple[str, ...], ...] = (),
    taken_by: str | None = None,
) -> LiveDeployment:
    """The Deployment after a body was applied and fields of it were lost, to somebody or to nobody."""
    fields = field_set(body)
    for path in lost:
        fields = without(fields, path)
    entries = [{"manager": "tidegate", "operation": "Apply", "fieldsV1": fields}]
    if taken_by is not None:
        entries += [{"manager": taken_by, "operation": "Update", "fieldsV1": only(path)} for path in lost]
    metadata = {**body["metadata"], "uid": "u", "resourceVersion": "7", "managedFields": entries}
    return live_deployment({**body, "metadata": metadata})


def rendered_by(version: str) -> dict[str, Any]:
    """The body that another version of this code makes from the same inputs."""
    metadata = BODY["metadata"]
    annotations = {**metadata["annotations"], VERSION: version}
    body = {
        **BODY,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {**BODY["spec"], "minReadySeconds": 1},
    }
    return with_body_hash(body)


OLDER = rendered_by("0")
ANNOTATION = ("f:metadata", "f:annotations", "f:inference.tidegate.dev/body-hash")

CASES: list[tuple[str, LiveDeployment | None, Need | None]] = [
    ("nothing there", None, Need(cause=Cause.ABSENT)),
    ("as applied", live(), None),
    ("other inputs", live(deployment(OWNER, spec("e:2"), None)), Need(cause=Cause.INPUTS_CHANGED)),
    ("same inputs, another render version", live(OLDER), None),
    (
        "same inputs and version, another owner",
        live(deployment(replace(OWNER, uid="another"), spec(), None)),
        Need(cause=Cause.BODY_CHANGED),
    ),
    (
        "a field that somebody changed",
        live(lost=(IMAGE,), taken_by="kubectl-set"),
        Need(
            cause=Cause.FOREIGN_CHANGE,
            fields=("spec.template.spec.containers[name=engine].image",),
            by=("kubectl-set",),
        ),
    ),
    (
        "fields that somebody removed",
        live(lost=(IMAGE, SURGE)),
        Need(
            cause=Cause.FOREIGN_CHANGE,
            fields=("spec.strategy.rollingUpdate.maxSurge", "spec.template.spec.containers[name=engine].image"),
        ),
    ),
    (
        "managedFields that somebody cleared",
        replace(live(), managers=()),
        Need(cause=Cause.FOREIGN_CHANGE, fields=("metadata.managedFields",)),
    ),
    (
        "our annotations overwritten",
        replace(live(lost=(ANNOTATION,), taken_by="kubectl-annotate"), body_hash="x"),
        Need(
            cause=Cause.FOREIGN_CHANGE,
            fields=("metadata.annotations[inference.tidegate.dev/body-hash]",),
            by=("kubectl-annotate",),
        ),
    ),
    (
        "held back, and the pod template changed by somebody",
        live(OLDER, lost=(IMAGE, SURGE), taken_by="kubectl-set"),
        Need(
            cause=Cause.FOREIGN_CHANGE,
            fields=("spec.template.spec.containers[name=engine].image",),
            by=("kubectl-set",),
        ),
    ),
    ("held back, and something else changed by somebody", live(OLDER, lost=(SURGE,), taken_by="kubectl-edit"), None),
    ("held back, and a field missing that is new in this version", live(OLDER, lost=(IMAGE,)), None),
    ("being deleted", replace(live(lost=(IMAGE,)), deleting=True), None),
]


@pytest.mark.parametrize(("name", "found", "expected"), CASES, ids=[case[0] for case in CASES])
def test_needs_apply(name: str, found: LiveDeployment | None, expected: Need | None) -> None:
    """A body is applied when it should be another one or is not as we left it, and never for an upgrade alone."""
    assert needs_apply(found, BODY) == expected, name


@pytest.mark.parametrize(
    ("found", "expected"),
    [(live(OLDER), True), (live(), False), (live(deployment(OWNER, spec("e:2"), None)), False)],
    ids=["older version", "this version", "other inputs"],
)
def test_held_back(found: LiveDeployment, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """Only a render version that differs for the same inputs holds a body back."""
    assert is_held_back(found, BODY) is expected


def test_an_upgrade_is_applied_with_the_next_change_of_the_inputs() -> None:
    """What was held back comes when the pods have to restart anyway."""
    assert needs_apply(live(OLDER), deployment(OWNER, spec("e:2"), None)) == Need(cause=Cause.INPUTS_CHANGED)


def test_a_service_is_applied_whenever_it_differs() -> None:
    """It restarts nothing, so nothing is held back."""
    engine = spec().engine
    assert engine is not None
    body = service(OWNER, engine)
    other = with_body_hash({**body, "spec": {**body["spec"], "type": "NodePort"}})
    entries = [{"manager": "tidegate", "operation": "Apply", "fieldsV1": field_set(other)}]
    metadata = {**other["metadata"], "uid": "u", "resourceVersion": "7", "managedFields": entries}
    found = live_service({**other, "metadata": metadata})
    assert not is_held_back(found, body)
    assert needs_apply(found, body) == Need(cause=Cause.INPUTS_CHANGED)
    assert needs_apply(found, other) is None


def test_removed_fields_name_nobody() -> None:
    """The message still says that somebody did it."""
    assert Need(cause=Cause.FOREIGN_CHANGE, by=("helm", "flux")).writer == "helm and flux"
    assert Need(cause=Cause.FOREIGN_CHANGE).writer.startswith("somebody")
