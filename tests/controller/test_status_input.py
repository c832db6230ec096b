from dataclasses import replace
from typing import Any

import pytest

from tidegate.api.conditions import Reason
from tidegate.api.inference_service_status import Change
from tidegate.api.routing import ColdStart
from tidegate.controller.checks import Refusal
from tidegate.controller.records import service_record
from tidegate.controller.status_input import StatusInput, news
from tidegate.scaling.decide import decide
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import Sample
from tidegate.workloads.not_starting import NotStarting

NOW = 1_700_000_000.0
SERVICE = service_record(
    {
        "metadata": {"namespace": "default", "name": "chat", "uid": "1", "generation": 1},
        "spec": {"model": {"name": "m"}, "engine": {"type": "vLLM", "image": "vllm"}},
    }
)


def look(now: float, *, waiting: float = 0.0, ready: bool = True, **changes: Any) -> StatusInput:
    """What a look at a service of one pod has to tell."""
    sample = Sample(time=now, waiting=waiting, running=0.0)
    observation = Observation(replicas=1, pods=(PodObservation(uid="1", name="a", ready=ready, reading=sample),))
    assert SERVICE.spec is not None
    decision, _ = decide(SERVICE.spec, observation, Memory(), now)
    given = StatusInput(
        service=SERVICE,
        previous={},
        refusal=None,
        deployment=None,
        observation=observation,
        decision=decision,
        not_starting=(),
        conflict_reason=Reason.SOLE_WRITER,
        conflict_message="",
        changes=(),
        url=None,
        now=now,
    )
    return replace(given, **changes)


def test_another_look_at_the_same_is_no_news() -> None:
    """The times of the look, of its samples and of its decision are none."""
    assert news(look(NOW)) == news(look(NOW + 5))


@pytest.mark.parametrize(
    "other",
    [
        look(NOW, waiting=3.0),
        look(NOW, ready=False),
        look(NOW, service=replace(SERVICE, generation=2)),
        look(NOW, previous={"replicas": 1}),
        look(NOW, refusal=Refusal(Reason.NAME_TAKEN, "taken")),
        look(NOW, observation=None, decision=None),
        look(NOW, not_starting=(NotStarting(reason=Reason.CRASHING, pods=1, example="a: ended"),)),
        look(NOW, conflict_message="somebody"),
        look(NOW, changes=(Change(time="t", from_=1, to=2, reason="ScaledUp", message="m"),)),
        look(NOW, url="http://chat"),
        look(NOW, cold_start=ColdStart(time="t", pod="a", total_seconds=42)),
    ],
    ids=[
        "a signal",
        "a pod",
        "a spec",
        "what is written",
        "a refusal",
        "no decision",
        "trouble",
        "a rival",
        "a change",
        "a URL",
        "a cold start",
    ],
)
def test_whatever_a_status_says_is_news(other: StatusInput) -> None:
    """So that it is written."""
    assert news(other) != news(look(NOW))
