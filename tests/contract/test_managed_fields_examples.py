"""The managedFields that the unit tests of `workloads` read are what a real API server writes.

The examples are in tests/workloads/fixtures/managed_fields. With TIDEGATE_CAPTURE=1 this test writes them anew.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deployment_under_test import Deployment
from writers import WRITERS

pytestmark = pytest.mark.cluster

EXAMPLES = Path(__file__).resolve().parents[1] / "workloads" / "fixtures" / "managed_fields"
SCALE = WRITERS["kubectl scale"].write


def _after(*writes: Callable[[Deployment], object]) -> Callable[[Deployment], None]:
    def run(deployment: Deployment) -> None:
        for write in writes:
            write(deployment)

    return run


def _ours(deployment: Deployment) -> None:
    deployment.create_and_scale(3)
    deployment.apply_body()


def _by(name: str, replicas: int) -> Callable[[Deployment], None]:
    return lambda deployment: WRITERS[name].write(deployment, replicas)


def _body(replicas: int | None = None) -> Callable[[Deployment], object]:
    return lambda deployment: deployment.apply_body(replicas)


def _scaler(replicas: int) -> Callable[[Deployment], object]:
    return lambda deployment: deployment.apply_scale(replicas, force=True)


STEPS = {
    "created_by_the_body_alone": _after(_body(3)),
    "created_and_owned_through_scale": _after(_body(3), _scaler(3)),
    "scaled_by_the_scaler": _after(_ours),
    "scaled_by_kubectl_scale": _after(_ours, _by("kubectl scale", 7)),
    "scaled_to_zero_by_kubectl_scale": _after(_ours, _by("kubectl scale", 0)),
    "patched_by_kubectl": _after(_ours, _by("kubectl patch", 7)),
    "applied_by_kubectl_client_side": _after(_ours, _by("kubectl apply", 2)),
    "applied_by_kubectl_server_side_with_force": _after(_ours, _by("kubectl apply --server-side --force-conflicts", 2)),
    "scaled_by_another_scaler": _after(_ours, _by("PUT of /scale", 7)),
    "shared_with_another_scaler": _after(_ours, _by("PUT of /scale", 7), _scaler(7)),
    "defaulted_and_owned_by_nobody": _after(_body()),
    "first_apply_over_a_size_owned_by_nobody": _after(_body(), _scaler(1)),
}
"""Name of the example to what was written before it was taken."""


@pytest.mark.parametrize("name", STEPS)
def test_the_example_is_what_the_api_server_writes(deployment: Deployment, name: str) -> None:
    """Times and status aside, the example and the managedFields of today's API server are equal."""
    STEPS[name](deployment)
    deployment.settle()
    path = EXAMPLES / f"{name}.json"
    if os.environ.get("TIDEGATE_CAPTURE") == "1":
        path.write_text(json.dumps(deployment.managed_fields(), indent=2) + "\n")
    assert _comparable(json.loads(path.read_text())) == _comparable(deployment.managed_fields())


def test_there_is_no_example_without_steps() -> None:
    """An example that no step makes would be one that nobody compares."""
    assert {path.stem for path in EXAMPLES.glob("*.json")} == set(STEPS)


def _comparable(entries: list[dict[str, Any]]) -> list[str]:
    """Entries without times, without order (that one follows the times), and without what controllers report."""
    return sorted(
        json.dumps({**entry, "time": "time" in entry}, sort_keys=True)
        for entry in entries
        if entry.get("subresource") != "status"
    )
