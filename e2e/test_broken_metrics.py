"""Engines whose metrics cannot be read, or believed."""

import pytest

from model_namespace import ModelNamespace

pytestmark = pytest.mark.usefixtures("release")

FAULTS = {"nan": "NotANumber", "missing": "Missing", "error500": "Missing", "truncated": "Missing"}
"""What is wrong with the pages, to the reason in the condition."""


def test_nothing_shrinks_while_metrics_are_broken(here: ModelNamespace) -> None:
    """Two idle replicas, one too many: held, and the condition tells why; let go of when the metrics are mended."""
    scaling = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
    for fault in FAULTS:
        here.apply(here.least(replicas=2, scaling=scaling), fault)
    for fault in FAULTS:
        here.wait_serving(fault, pods=2)
        here.engine("PUT", "/faults/all", {"metrics": fault}, fault)
    for fault, reason in FAULTS.items():
        here.wait_condition("MetricsAvailable", "False", reason, fault)
        here.kubectl("patch", f"infer/{fault}", "--type=merge", '--patch={"spec":{"replicas":null}}')
    for fault in FAULTS:
        here.wait_condition("ScalingLimited", "True", "MetricsHeld", fault)
        assert here.size(fault) == 2
        here.engine("DELETE", "/faults/all", name=fault)
    for fault in FAULTS:
        here.wait_size(1, fault)
        here.wait_serving(fault, pods=1)
