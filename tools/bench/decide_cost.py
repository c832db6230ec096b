"""What one decision costs: `python tools/bench/decide_cost.py`.

A service whose pods work steadily is decided on at every tick, with new samples, as the operator does it. Printed is
the median time of a decision, in microseconds, for several amounts of pods, and for a look without new samples; then
that of a service of three variants, which are decided on together, beside that of three decisions one by one.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "operator"))

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.engines.vllm import VLLM
from tidegate.scaling.decide import decide
from tidegate.scaling.fleet import decide_fleet
from tidegate.scaling.gateway_traffic import GatewaySample, GatewayTraffic
from tidegate.scaling.lane import FleetMemory, Lane
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import Sample

TICK_SECONDS = 5.0
START = 1_700_000_000.0


def observation(pods: int, now: float) -> Observation:
    """A service whose pods each finish two requests of 1,000 tokens per second."""
    done = 2.0 * (now - START)
    sample = Sample(
        time=now,
        waiting=0.0,
        running=8.0,
        kv_usage=0.4,
        requests_ended=done,
        requests_finished=done,
        first_tokens=done,
        prompt_tokens=800.0 * done,
        generated_tokens=200.0 * done,
    )
    seen = tuple(
        PodObservation(uid=f"uid-{index}", name=f"pod-{index}", ready=True, reading=sample) for index in range(pods)
    )
    return Observation(
        replicas=pods,
        pods=seen,
        arrival_method=VLLM.arrivals,
        expected_signals=("waiting", "running", "requests_finished", "prompt_tokens", "generated_tokens"),
    )


def median_microseconds(pods: int, decisions: int, *, is_new: bool) -> float:
    """The median time of a decision, with a new sample of each pod every time or without."""
    spec = InferenceServiceSpec.model_validate(
        {
            "model": {"name": "m"},
            "engine": {"type": "vLLM", "image": "vllm"},
            "scaling": {"maxReplicas": 100, "tokenThroughput": {"targetPerReplica": 4000}},
        }
    )
    memory, seconds = Memory(), []
    for tick in range(decisions):
        now = START + TICK_SECONDS * tick
        seen = observation(pods, now if is_new else START + TICK_SECONDS * min(tick, 3))
        began = time.perf_counter()
        _, memory = decide(spec, seen, memory, now)
        seconds.append(time.perf_counter() - began)
    return 1e6 * statistics.median(seconds[decisions // 4 :])


def median_microseconds_of_variants(pods: int, decisions: int, prices: Sequence[float]) -> tuple[float, float]:
    """The median time of a decision about all variants, and of one about each, added up.

    Args:
        pods: of each variant.
        decisions: how many.
        prices: of a replica of each variant; as many variants there are.
    """
    engine = {"type": "vLLM", "image": "vllm"}
    names = [f"v{place}" for place in range(1, len(prices))]
    spec = InferenceServiceSpec.model_validate(
        {
            "model": {"name": "m"},
            "engine": engine,
            "variants": [{"name": name, "engine": engine} for name in names],
            "scaling": {"maxReplicas": 100},
        }
    )
    memory, memories = FleetMemory(), dict.fromkeys(("default", *names), Memory())
    together, alone = [], []
    for tick in range(decisions):
        now = START + TICK_SECONDS * tick
        gateway = GatewayTraffic(
            samples=(GatewaySample(gateway="a", time=now, requests=2.0 * (now - START), in_flight=8.0, held=0.0),),
            complete=True,
            carries_all=True,
        )
        seen = replace(observation(pods, now), gateway=gateway)
        lanes = [
            Lane(
                name=name,
                spec=spec.of_variant(name),
                observation=replace(seen, cost_per_hour=price),
                memory=memories[name],
            )
            for name, price in zip(memories, prices, strict=True)
        ]
        began = time.perf_counter()
        fleet = decide_fleet(spec, lanes, memory, now)
        together.append(time.perf_counter() - began)
        began = time.perf_counter()
        for lane in lanes:
            decide(lane.spec, fleet.observations[lane.name], lane.memory, now)
        alone.append(time.perf_counter() - began)
        memory, memories = fleet.memory, dict(fleet.memories)
    begin = decisions // 4
    return 1e6 * statistics.median(together[begin:]), 1e6 * statistics.median(alone[begin:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=4000, help="decisions per row (default 4000)")
    arguments = parser.parse_args()
    for pods in (1, 8, 64):
        new = median_microseconds(pods, arguments.decisions, is_new=True)
        old = median_microseconds(pods, arguments.decisions, is_new=False)
        print(f"{pods:3d} pods: {new:6.0f} us with new samples, {old:6.0f} us without")
    together, alone = median_microseconds_of_variants(8, arguments.decisions, (2.0, 0.4, 6.0))
    print(f"3 variants of 8 pods: {together:6.0f} us together, {alone:6.0f} us one by one")


if __name__ == "__main__":
    main()
