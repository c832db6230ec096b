"""Who owns replicas, read from what a real API server has recorded, and what is written next."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tidegate.workloads.live import LiveDeployment, live_deployment
from tidegate.workloads.managed_fields import field_managers
from tidegate.workloads.ownership import (
    Create,
    ReplicaOwnership,
    ReplicaWriter,
    Scale,
    replica_ownership,
    replicas_in_body,
    replicas_step,
)

CAPTURES = Path(__file__).parent / "fixtures" / "managed_fields"


def captured(name: str) -> list[dict[str, Any]]:
    """The `metadata.managedFields` that a real API server answered with (see tests/contract for how)."""
    entries: list[dict[str, Any]] = json.loads((CAPTURES / f"{name}.json").read_text())
    return entries


def live(name: str, replicas: int = 3) -> LiveDeployment:
    """A Deployment with captured field managers."""
    return live_deployment(
        {
            "metadata": {
                "namespace": "default",
                "name": "chat",
                "uid": "u",
                "resourceVersion": "7",
                "managedFields": captured(name),
            },
            "spec": {"replicas": replicas},
        }
    )


def writers(*names: str) -> tuple[ReplicaWriter, ...]:
    """From `manager Operation subresource`."""
    parts = [(*name.split(" "), "") for name in names]
    return tuple(ReplicaWriter(name=part[0], operation=part[1], subresource=part[2]) for part in parts)


OWNERS = {
    "created_by_the_body_alone": (False, True, ()),
    "created_and_owned_through_scale": (True, True, ()),
    "scaled_by_the_scaler": (True, False, ()),
    "scaled_by_kubectl_scale": (False, False, writers("kubectl Update scale")),
    "scaled_to_zero_by_kubectl_scale": (False, False, ()),
    "scaled_by_another_scaler": (False, False, writers("other-scaler Update scale")),
    "shared_with_another_scaler": (True, False, writers("other-scaler Update scale")),
    "patched_by_kubectl": (False, False, writers("kubectl-patch Update")),
    "applied_by_kubectl_client_side": (False, False, writers("kubectl-client-side-apply Update")),
    "applied_by_kubectl_server_side_with_force": (False, False, writers("kubectl Apply")),
    "defaulted_and_owned_by_nobody": (False, False, ()),
    "first_apply_over_a_size_owned_by_nobody": (True, False, ()),
}


def test_every_capture_has_a_row() -> None:
    """No captured case is left out."""
    assert {path.stem for path in CAPTURES.glob("*.json")} == OWNERS.keys()


@pytest.mark.parametrize("name", OWNERS)
def test_owners(name: str) -> None:
    """Our scaler, our body and everybody else are told apart; owners that the API server invents are nobody."""
    scaler, body, foreign = OWNERS[name]
    found = replica_ownership(field_managers(captured(name)))
    assert found == ReplicaOwnership(scaler=scaler, body=body, foreign=foreign)


@pytest.mark.parametrize("name", OWNERS)
def test_the_body_carries_a_size_only_as_its_sole_owner(name: str) -> None:
    """In one case a body without replicas would reset them: there it carries the live number."""
    assert replicas_in_body(live(name)) == (3 if name == "created_by_the_body_alone" else None)


OURS = "scaled_by_the_scaler"
STEPS: list[tuple[str, str, int, dict[str, bool], Scale | None]] = [
    ("nothing to do", OURS, 3, {}, None),
    ("another size", OURS, 5, {}, Scale(from_replicas=3, to_replicas=5, resource_version="7")),
    ("to zero", OURS, 0, {}, Scale(from_replicas=3, to_replicas=0, resource_version="7")),
    ("not allowed", OURS, 5, {"may_scale": False}, None),
    (
        "creation was cut off",
        "created_by_the_body_alone",
        3,
        {},
        Scale(from_replicas=3, to_replicas=3, resource_version="7"),
    ),
    ("cut off, and not allowed", "created_by_the_body_alone", 3, {"may_scale": False}, None),
    ("created, shared with the body", "created_and_owned_through_scale", 3, {}, None),
    (
        "target taken over",
        "applied_by_kubectl_client_side",
        3,
        {"owned": False},
        Scale(from_replicas=3, to_replicas=3, resource_version="7"),
    ),
    ("target in mode Advisory", "applied_by_kubectl_client_side", 9, {"owned": False, "may_scale": False}, None),
    (
        "foreign size that is right",
        "scaled_by_kubectl_scale",
        3,
        {},
        Scale(from_replicas=3, to_replicas=3, resource_version="7"),
    ),
    ("shared with somebody who agrees", "shared_with_another_scaler", 3, {}, None),
]


@pytest.mark.parametrize(("name", "capture", "wanted", "given", "expected"), STEPS, ids=[row[0] for row in STEPS])
def test_the_next_write(name: str, capture: str, wanted: int, given: dict[str, bool], expected: Scale | None) -> None:
    """Written is a size that differs, or a claim that is missing; both carry the version they were decided on."""
    options = {"owned": True, "may_scale": True, **given}
    assert replicas_step(live(capture), wanted, **options) == expected, name


@pytest.mark.parametrize("may_scale", [True, False])
def test_a_missing_deployment_is_created_only_if_it_is_ours(*, may_scale: bool) -> None:
    """In every mode, with the size in the body; a target is never created."""
    assert replicas_step(None, 2, owned=True, may_scale=may_scale) == Create(replicas=2)
    assert replicas_step(None, 2, owned=False, may_scale=may_scale) is None


def test_a_deployment_that_is_being_deleted_is_not_scaled() -> None:
    """Its pods are going; it is created again when it is gone."""
    assert replicas_step(replace(live(OURS), deleting=True), 9, owned=True, may_scale=True) is None
