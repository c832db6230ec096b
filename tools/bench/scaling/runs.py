"""One run, made."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from tidegate.api.engine import Engine, EngineType
from tidegate.api.inference_service import InferenceServiceSpec, Model
from tidegate.api.scaling import Scaling
from tidegate.simulator.outcome import outcome_document
from tidegate.simulator.policy import Policy
from tidegate.simulator.replay import SetUp, replay
from tidegate.simulator.rivals.catalog import RivalContext, rival_named
from tidegate.simulator.tidegate_policy import TidegatePolicy
from tidegate.simulator.trace import TraceRequest, read_trace

from .jobs import STATIC, TIDEGATE, Job
from .set_ups import CASES, TRACES


def spec_of(set_up: SetUp) -> InferenceServiceSpec:
    """An InferenceService that sets nothing but what a simulation has to know: all else is the schema's default."""
    engine = Engine(type=EngineType.VLLM, image="simulated")
    return InferenceServiceSpec(
        model=Model(name="simulated"), engine=engine, scaling=Scaling(max_replicas=set_up.max_replicas)
    )


@lru_cache(maxsize=4)
def requests_of(case_name: str, seed: int) -> Sequence[TraceRequest]:
    """What arrives in a set-up."""
    case = CASES[case_name]
    trace = read_trace(TRACES / case.trace).within(
        case.set_up(seed=seed, routing="random", fault="").model.context_tokens
    )
    return trace.multiplied(case.copies, seed=seed).requests


def policy_and_set_up(job: Job, requests: Sequence[TraceRequest]) -> tuple[Policy, SetUp]:
    """A new policy, and where it works."""
    case = CASES[job.case]
    set_up = case.set_up(seed=job.seed, routing=job.routing, fault=job.fault)
    if job.policy == TIDEGATE:
        return TidegatePolicy(spec_of(set_up)), set_up
    name, _, target = job.policy.partition("=")
    if name == STATIC and not case.starts_short:
        set_up = replace(set_up, initial_replicas=int(target))
    return rival_named(job.policy, RivalContext(requests=requests, set_up=set_up)), set_up


def run(job: Job) -> Mapping[str, Any]:
    """Replay the job's trace.

    Returns:
        A run as in the JSON of `tidegate simulate`, its changes without records, and `durationSeconds` of the trace,
        `scaleDownSeconds` (when it became smaller) and `secondsTaken` of the processor.
    """
    requests = requests_of(job.case, job.seed)
    policy, set_up = policy_and_set_up(job, requests)
    start = time.process_time()
    document = outcome_document(replay(requests, policy, set_up))
    changes = document.pop("changes")
    return {
        **document,
        "durationSeconds": requests[-1].time_seconds,
        "scaleDownSeconds": [change["seconds"] for change in changes if change["to"] < change["from"]],
        "secondsTaken": round(time.process_time() - start, 2),
    }
