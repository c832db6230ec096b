"""What moves the size: tokens, queues, silence, a person's hand."""

import pytest

from model_namespace import ModelNamespace, administration, pod_that

pytestmark = pytest.mark.usefixtures("release")

STABILIZATION_SECONDS = 10
SOON = {"scaleDown": {"stabilizationWindowSeconds": STABILIZATION_SECONDS}}


def test_tokens_scale_up_and_silence_scales_down(here: ModelNamespace) -> None:
    """Up for 250 tokens/s at 100 for each replica, while nothing queues; down when they have been gone for a while."""
    here.apply(here.least(scaling={"maxReplicas": 4, "tokenThroughput": {"targetPerReplica": 100}, "behavior": SOON}))
    here.wait_serving(pods=1)
    with here.load(requests_per_second=2.5, prompt_tokens=90, answer_tokens=10) as load:
        here.wait_size(3)
        here.wait_serving(pods=3)
        load.wait_answered(10)
        load.check_none_failed()
        assert here.status()["signals"]["waiting"] == 0
    here.wait_condition("ScalingLimited", "True", "Stabilizing")
    assert here.size() == 3
    here.wait_size(1)
    here.wait_serving(pods=1)
    assert here.sizes()[0][0] == 1
    assert here.sizes()[-1][1] == 1


def test_a_queue_scales_up(here: ModelNamespace) -> None:
    """Without a target for tokens: the engine takes four requests at a time, and the others wait."""
    slow = ["tidegate", "engine", "--type=vLLM", "--hardware=cpu", *administration()]
    scaling = {"maxReplicas": 3, "queueDepth": {"targetPerReplica": 1, "drainSeconds": 10}}
    here.apply(here.least(template=pod_that(command=slow), scaling=scaling))
    here.wait_serving(pods=1)
    with here.load(requests_per_second=2, prompt_tokens=10, answer_tokens=60):
        here.wait("requests wait", lambda: float(here.status().get("signals", {}).get("waiting") or 0) > 1)
        here.wait_size(3)
        here.wait_serving(pods=3)


def test_kubectl_scale_pins_and_a_patch_unpins(here: ModelNamespace) -> None:
    """On the InferenceService. At zero it is off, and says so; afterwards the size follows demand again."""
    here.apply(here.least(scaling={"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}))
    here.wait_serving(pods=1)
    here.kubectl("scale", "infer/chat", "--replicas=2")
    here.wait_condition("ScalingLimited", "True", "Pinned")
    here.wait_serving(pods=2)
    here.kubectl("scale", "infer/chat", "--replicas=0")
    here.wait_condition("Ready", "False", "PinnedAtZero")
    here.wait("the pods are gone", lambda: not here.pods())
    here.kubectl("patch", "infer/chat", "--type=merge", '--patch={"spec":{"replicas":null}}')
    here.wait_serving(pods=1)
    here.wait("all changes are listed", lambda: here.sizes() == [(1, 2), (2, 0), (0, 1)])
