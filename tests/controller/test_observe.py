"""What of the cluster reaches the rule."""

from typing import Any

import pytest
from cluster_objects import pod

from tidegate.controller.observe import observe
from tidegate.controller.records import pod_record
from tidegate.engines.llama_cpp import LLAMA_CPP
from tidegate.engines.table import EngineTable
from tidegate.engines.vllm import VLLM
from tidegate.metrics.readings import Readings
from tidegate.scaling.observation import Observation
from tidegate.workloads.live import live_deployment
from tidegate.workloads.placement import placement


def _observe(document: dict[str, Any], table: EngineTable = VLLM, args: tuple[str, ...] = ()) -> Observation:
    record = pod_record(document)
    assert record is not None
    template = {"spec": {"containers": [{"name": "engine", "args": list(args)}]}}
    metadata = {"namespace": "a", "name": "chat", "uid": "u", "resourceVersion": "1"}
    live = live_deployment({"metadata": metadata, "spec": {"replicas": 1, "template": template}})
    return observe(
        live,
        [record],
        Readings(),
        table,
        place=placement([record], live, 100.0),
        replicas=1,
        owned=True,
        yielded_to=None,
        gateway=None,
        stale_after_seconds=15.0,
        now=100.0,
    )


def test_a_pods_age_and_template_are_seen() -> None:
    """Lead time is told from the one, and what was learned is kept by the other."""
    (seen,) = _observe(pod(creationTimestamp="1970-01-01T00:01:00Z")).pods
    assert (seen.created, seen.template) == (60.0, "abc")


@pytest.mark.parametrize(
    ("condition", "unschedulable"),
    [
        ({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/9 nodes"}, True),
        ({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}, True),
        ({"type": "PodScheduled", "status": "True"}, False),
        ({"type": "Ready", "status": "False"}, False),
    ],
    ids=["no node", "gated", "scheduled", "not seen yet"],
)
def test_a_pod_that_no_node_takes_is_not_on_its_way(condition: dict[str, str], *, unschedulable: bool) -> None:
    """One that is only late still is."""
    document = pod(ready=False)
    document["status"] = {"phase": "Pending", "conditions": [condition]}
    (seen,) = _observe(document).pods
    assert seen.unschedulable is unschedulable


def test_a_pod_whose_image_is_not_there_is_not_unschedulable() -> None:
    """It has its node, and may start any moment."""
    document = pod(ready=False)
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    document["status"]["containerStatuses"] = [{"name": "engine", "ready": False, "state": {"waiting": waiting}}]
    (seen,) = _observe(document).pods
    assert not seen.unschedulable


@pytest.mark.parametrize(
    ("table", "args", "expected"),
    [
        (VLLM, ("--max-num-seqs", "64"), 64),
        (LLAMA_CPP, ("--max-num-seqs", "64"), None),
        (LLAMA_CPP, ("-np", "4"), 4),
        (VLLM, (), None),
    ],
)
def test_the_batch_is_that_of_the_deployments_engine(
    table: EngineTable, args: tuple[str, ...], expected: int | None
) -> None:
    """Read off the Deployment as it is, so that targets and overlays count as well."""
    assert _observe(pod(), table, args).max_sequences == expected
