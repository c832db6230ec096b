"""What one decision costs: `python tools/bench/decide_cost.py`.

A service whose pods work steadily is decided on at every tick, with new samples, as the operator does it. Printed is
the median time of a decision, in microseconds, for several amounts of pods, and for a look without new samples.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "operator"))

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.engines.vllm import VLLM
from tidegate.scaling.decide import decide
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=4000, help="decisions per row (default 4000)")
    arguments = parser.parse_args()
    for pods in (1, 8, 64):
        new = median_microseconds(pods, arguments.decisions, is_new=True)
        old = median_microseconds(pods, arguments.decisions, is_new=False)
        print(f"{pods:3d} pods: {new:6.0f} us with new samples, {old:6.0f} us without")


if __name__ == "__main__":
    main()
