"""The ways to run a service on hardware of several kinds, each of them a replay."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.simulator.hardware import Hardware
from tidegate.simulator.outcome import outcome_document
from tidegate.simulator.policy import MixedPolicy, OnOneVariant
from tidegate.simulator.replay import SetUp, replay
from tidegate.simulator.rivals.clairvoyant_mix import ClairvoyantMix
from tidegate.simulator.rivals.fluid import operating_point
from tidegate.simulator.rivals.wva_variants import WvaVariants
from tidegate.simulator.tidegate_fleet_policy import TidegateFleetPolicy
from tidegate.simulator.tidegate_policy import TidegatePolicy
from tidegate.simulator.trace import TraceRequest, read_trace

from .prices import KINDS

TRACES = Path(__file__).resolve().parents[3] / "examples" / "traces"
MOST_REPLICAS = 100

DEFAULTS, OBJECTIVES = "defaults", "objectives"
SHARES = (1.4, 1.0, 0.8, 0.6, 0.4, 0.25)
"""Of what a replica can do, what it is given: the tunings that each kind alone is tried with."""

LOADS = (1.8, 1.6, 1.4, 1.2, 1.1, 1.0, 0.9)
RATIOS = ("0", "0.5", "1")
"""How busy L4s and CPUs are meant to be beside A100s; 0 is not to use them."""

INTERVALS_SECONDS = (60, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A trace and how often each of its requests comes."""

    name: str
    trace: str
    copies: int = 1
    first_token_seconds: float = 2.0
    inter_token_seconds: float = 0.1


CASES: Mapping[str, Case] = {
    case.name: case
    for case in (
        Case(name="conversation", trace="azure-2023-conversation-full.csv.gz"),
        Case(name="code", trace="azure-2023-code-full.csv.gz"),
    )
}


MIXED: Mapping[str, Sequence[str]] = {"tidegate": tuple(KINDS), "pair": (DEFAULT_VARIANT, "l4")}
"""Tidegate's fleets by name: the variants that the service has."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run."""

    case: str
    fleet: str
    """One of `MIXED`, `wva`, `hindsight`, or the variant that is used alone."""

    tuning: str = DEFAULTS
    """`defaults`, `objectives`, a share of what a replica can do, or what hindsight assumes: interval, load, ratio."""


def jobs_of(case: str) -> Iterator[Job]:
    """All runs of a case."""
    for fleet in MIXED:
        for tuning in (DEFAULTS, OBJECTIVES):
            yield Job(case, fleet, tuning)
    yield Job(case, "wva")
    yield Job(case, "cpu")
    for variant in (DEFAULT_VARIANT, "l4"):
        for tuning in (DEFAULTS, OBJECTIVES, *map(str, SHARES)):
            yield Job(case, variant, tuning)
    for interval in INTERVALS_SECONDS:
        for load in LOADS:
            for ratio in RATIOS:
                yield Job(case, "hindsight", f"{interval},{load},{ratio}")


@lru_cache(maxsize=2)
def requests_of(name: str) -> Sequence[TraceRequest]:
    """What arrives."""
    case = CASES[name]
    context_tokens = min(kind.model.context_tokens for kind in KINDS.values())
    return read_trace(TRACES / case.trace).within(context_tokens).multiplied(case.copies, seed=1).requests


def run(job: Job) -> Mapping[str, Any]:
    """Replay the job's trace.

    Returns:
        A run as in the JSON of `tidegate simulate`, without its series and changes; and `secondsTaken`.
    """
    start = time.process_time()
    requests, set_up = requests_of(job.case), set_up_of(CASES[job.case])
    document = outcome_document(replay(requests, _policy(job, requests, set_up), set_up))
    kept = {name: value for name, value in document.items() if name not in {"series", "changes"}}
    return {**kept, "secondsTaken": round(time.process_time() - start, 2)}


def set_up_of(case: Case) -> SetUp:
    """Where it is replayed."""
    hardware = {
        variant: Hardware(
            model=kind.model,
            replica_model=kind.name,
            cost_per_hour=kind.cost_per_hour,
            max_replicas=MOST_REPLICAS,
            initial_replicas=case.copies * kind.initial_replicas if variant == DEFAULT_VARIANT else 0,
        )
        for variant, kind in KINDS.items()
    }
    return SetUp(
        model=hardware[DEFAULT_VARIANT].model,
        variants=hardware,
        max_replicas=MOST_REPLICAS,
        first_token_seconds=case.first_token_seconds,
        inter_token_seconds=case.inter_token_seconds,
    )


def spec_of(
    case: Case, *, with_objectives: bool, target: float | None = None, variants: Sequence[str] = ()
) -> InferenceServiceSpec:
    """The service, with these variants."""
    scaling: dict[str, Any] = {"maxReplicas": MOST_REPLICAS}
    if with_objectives:
        scaling["objectives"] = {
            "timeToFirstToken": {"percentile": 95, "milliseconds": round(1000 * case.first_token_seconds)},
            "interTokenLatency": {"percentile": 95, "milliseconds": round(1000 * case.inter_token_seconds)},
        }
    if target is not None:
        scaling["tokenThroughput"] = {"targetPerReplica": str(round(target))}
    document = {
        "model": {"name": "llama-3.1-8b"},
        "engine": {"type": "vLLM", "image": "simulated"},
        "costPerHour": str(KINDS[DEFAULT_VARIANT].cost_per_hour),
        "variants": [
            {"name": variant, "costPerHour": str(KINDS[variant].cost_per_hour)}
            for variant in variants
            if variant != DEFAULT_VARIANT
        ],
        "scaling": scaling,
    }
    return InferenceServiceSpec.model_validate(document)


def tokens_per_second(variant: str, requests: Sequence[TraceRequest], case: Case) -> float:
    """What a replica can do of requests of the mean size, prompts and answers together."""
    prompt = sum(request.prompt_tokens for request in requests) / len(requests)
    output = sum(request.output_tokens for request in requests) / len(requests)
    point = operating_point(
        KINDS[variant].model,
        prompt_tokens=prompt,
        output_tokens=output,
        inter_token_seconds=case.inter_token_seconds,
    )
    return (prompt + output) / (prompt * point.prompt_token_seconds + output * point.output_token_seconds)


def _policy(job: Job, requests: Sequence[TraceRequest], set_up: SetUp) -> MixedPolicy:
    case = CASES[job.case]
    costs = {variant: kind.cost_per_hour for variant, kind in KINDS.items()}
    if job.fleet in MIXED:
        spec = spec_of(case, with_objectives=job.tuning == OBJECTIVES, variants=MIXED[job.fleet])
        return TidegateFleetPolicy(spec, costs)
    if job.fleet == "wva":
        return WvaVariants(name=job.fleet, hardware=set_up.hardware)
    if job.fleet == "hindsight":
        interval, load, ratio = job.tuning.split(",")
        others = float(load) * float(ratio)
        loads = {DEFAULT_VARIANT: float(load), "l4": others, "cpu": others}
        return ClairvoyantMix(
            name=job.fleet,
            requests=requests,
            set_up=set_up,
            loads={variant: each for variant, each in loads.items() if each},
            interval_seconds=float(interval),
        )
    target = None
    if job.tuning not in (DEFAULTS, OBJECTIVES):
        target = float(job.tuning) * tokens_per_second(job.fleet, requests, case)
    alone = TidegatePolicy(spec_of(case, with_objectives=job.tuning == OBJECTIVES, target=target))
    return OnOneVariant(alone, job.fleet, initial_replicas=case.copies * KINDS[job.fleet].initial_replicas)
