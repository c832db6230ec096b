"""Recordings made by hand: a service under a load that rises, looked at every five seconds."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tidegate.api.inference_service import InferenceServiceSpec, Model
from tidegate.api.scaling import Scaling
from tidegate.controller.recorder import header
from tidegate.scaling.decide import decide
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.recording import Look, line
from tidegate.scaling.sample import ArrivalMethod, Sample

START = 1_700_000_000.0
SCALING: Mapping[str, Any] = {"maxReplicas": 20, "tokenThroughput": {"targetPerReplica": 1000}}

Lines = list[dict[str, Any]]


def spec_of(scaling: Mapping[str, Any] = SCALING, replicas: int | None = None) -> InferenceServiceSpec:
    """A service with this policy."""
    return InferenceServiceSpec(model=Model(name="m"), scaling=Scaling.model_validate(scaling), replicas=replicas)


def looks(amount: int, *, name: str = "chat", scaling: Mapping[str, Any] = SCALING, rate: float = 2.0) -> list[Look]:
    """Looks at a service whose every size is there at once; requests of 500 tokens come, more with each look."""
    found, memory, size, finished = [], Memory(), 1, 0.0
    spec = spec_of(scaling)
    for number in range(amount):
        time = START + 5.0 * number
        finished += rate * number
        sample = Sample(
            time=time,
            waiting=0.0,
            running=4.0,
            kv_usage=0.1,
            requests_ended=finished,
            requests_finished=finished,
            first_tokens=finished,
            prompt_tokens=400 * finished,
            generated_tokens=100 * finished,
        )
        pods = [PodObservation(uid=f"pod-{name}", name=f"{name}-1", ready=True, reading=sample)]
        idle = {"waiting": 0.0, "running": 0.0, "requests_ended": 0.0, "requests_finished": 0.0, "kv_usage": 0.0}
        pods += [
            PodObservation(uid=f"{index}-{name}", name=f"{index}", ready=True, reading=Sample(time=time, **idle))
            for index in range(1, size)
        ]
        observation = Observation(replicas=size, pods=tuple(pods), arrival_method=ArrivalMethod.ENDED_AND_GAUGES)
        decision, after = decide(spec, observation, memory, time)
        found.append(
            Look(
                service=("default", name),
                time=time,
                spec=spec,
                observation=observation,
                before=memory,
                decision=decision,
                after=after,
            )
        )
        memory, size = after, decision.to_replicas
    return found


def lines_of(given: Iterable[Look], *, adopted: bool = True) -> Lines:
    """The lines of one segment; the first of each service is complete."""
    seen: set[tuple[str, str]] = set()
    found = []
    for look in given:
        first = look.service not in seen
        seen.add(look.service)
        found.append(line(look, with_policy=first, with_memory=first, adopted=adopted and first))
    return found


def write_segment(path: Path, number: int, lines: Lines, **changes: object) -> Path:
    """Write a file as the operator would; `changes` are to its first line."""
    first = {**asdict(header(number, START + number)), **changes}
    path.write_text("".join(json.dumps(each) + "\n" for each in (first, *lines)))
    return path
