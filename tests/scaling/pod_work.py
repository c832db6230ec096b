"""What pods did between two looks, made up: from a replica model and a load, without any engine in between."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tidegate.scaling.pod_step import PodStep
from tidegate.simulator.models import ReplicaModel

LOOK_SECONDS = 5.0


def pod_did(**facts: Any) -> PodStep:
    """Five seconds in which a pod did nothing but what is said."""
    nothing = PodStep(
        start=0.0,
        end=LOOK_SECONDS,
        arrived=0.0,
        exact=True,
        ended=0.0,
        abandoned=0.0,
        started=0.0,
        finished=0.0,
        served=0.0,
        prompt_work=0.0,
        prompts=0.0,
        answers=0.0,
        waiting_change=0.0,
        waited=False,
    )
    return replace(nothing, **facts)


def busy_pod(
    model: ReplicaModel, running: float, prompt_share: float, *, start: float = 0.0, shows_steps: bool = True
) -> PodStep:
    """A pod that worked without a break for as long as between two looks.

    Args:
        model: how long its steps take.
        running: sequences in each step.
        prompt_share: how much of the time went into prompts, 0 to 1.
        start: when it began.
        shows_steps: whether the engine counts its steps.
    """
    steps = LOOK_SECONDS * (1 - prompt_share) / model.step_seconds(round(running))
    prompts = 1000 * LOOK_SECONDS * prompt_share / model.c_milliseconds if model.c_milliseconds else 0.0
    return pod_did(
        start=start,
        end=start + LOOK_SECONDS,
        served=steps * running + prompts,
        prompt_work=prompts,
        running=running,
        busy_share=1.0,
        steps=steps if shows_steps else None,
    )


def at_looks(steps: Iterable[PodStep]) -> list[PodStep]:
    """The same, one after the other."""
    moved = []
    for index, step in enumerate(steps):
        start = index * LOOK_SECONDS
        moved.append(replace(step, start=start, end=start + LOOK_SECONDS))
    return moved
