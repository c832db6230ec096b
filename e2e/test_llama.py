"""A real engine, llama.cpp's server: served, read and scaled."""

from typing import Any

import pytest
from openai import OpenAI

from model_namespace import ModelNamespace, pod_that
from streamed_answer import check_streamed_answer

pytestmark = pytest.mark.usefixtures("release")

STABILIZATION_SECONDS = 10
SLOTS = 2
ANSWER_TOKENS = 800


def llama(here: ModelNamespace, image: str, **scaling: Any) -> dict[str, Any]:
    """A spec with llama.cpp in little: two requests at a time, and so slow that they queue without hurting the machine.

    Further requests wait for a slot each in a thread of its own. Without as many threads as there may be requests those
    for `/metrics` and `/health` would sometimes have to wait, too.
    """
    model = ["--model", "/models/tiny.gguf", "--ignore-eos", "--ctx-size", str(SLOTS * 2048)]
    args = [*model, "--parallel", str(SLOTS), "--threads", "1", "--threads-http", "200"]
    return here.least(
        engine={"type": "llamaCpp", "image": image, "args": args},
        template=pod_that(command=None, resources={"limits": {"cpu": "100m"}}),
        scaling=scaling,
    )


def test_openais_client_gets_a_streamed_answer_of_a_real_model(here: ModelNamespace, llama_image: str) -> None:
    """By the model's name in the spec; the tokens that were read and written show in the status."""
    here.apply(llama(here, llama_image))
    here.wait_serving(pods=1)
    with here.forwarded() as url, OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["m"]
        check_streamed_answer(client, "m", tokens=300)
    here.wait("its tokens show", lambda: float(here.status()["signals"].get("servedPerSecond") or 0) > 0)


@pytest.mark.parametrize("mode", ["None", "Gateway"])
def test_more_requests_than_slots_scale_up_and_silence_scales_down(
    here: ModelNamespace, llama_image: str, mode: str
) -> None:
    """What there is no slot for waits, in the engine or at the gateways: its count is what adds replicas."""
    soon = {"scaleDown": {"stabilizationWindowSeconds": STABILIZATION_SECONDS}}
    queue = {"targetPerReplica": 1, "drainSeconds": 10}
    spec = llama(here, llama_image, maxReplicas=3, queueDepth=queue, behavior=soon)
    here.apply(spec | {"routing": {"mode": mode}})
    here.wait_serving(pods=1)
    with here.load(requests_per_second=2, prompt_tokens=0, answer_tokens=ANSWER_TOKENS) as load:
        here.wait_size(3)
        here.wait_serving(pods=3)
        first = here.status()["changes"][-1]
        assert (first["from"], first["reason"], "wait" in first["message"]) == (1, "ScaledUp", True)
        here.wait("others help", lambda: here.status()["signals"]["running"] > SLOTS)
        assert float(here.status()["signals"]["arrivingPerSecond"]) > 0
        load.wait_answered(3)
        load.check_none_failed()
    here.wait_condition("ScalingLimited", "True", "Stabilizing")
    assert here.size() == 3
    here.wait_size(1)
    here.wait_serving(pods=1)
