"""What the operator's own metrics page costs it: `python tools/bench/metrics_page.py [SERVICES]`.

Services of two busy pods each are decided on as the operator does it; then the page is asked for several times, while
another task of the same event loop notes how long it had to wait for its turn. All times are CPU times of this process.
"""

import asyncio
import statistics
import sys
import time

from decide_cost import START, TICK_SECONDS, observation
from prometheus_client.parser import text_string_to_metric_families

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.controller.exporter import Exporter
from tidegate.controller.records import Document, service_record
from tidegate.controller.service_series import Row
from tidegate.controller.state import ServiceState
from tidegate.scaling.decide import decide

PAGES = 7
PODS = 2
SPEC = InferenceServiceSpec.model_validate(
    {
        "model": {"name": "llama-3.1-8b-instruct"},
        "engine": {"type": "vLLM", "image": "vllm/vllm-openai:v0.11.0"},
        "scaling": {"maxReplicas": 20, "tokenThroughput": {"targetPerReplica": 4000}},
    }
)
CONDITIONS = {
    "Ready": ("True", "Serving"),
    "SpecValid": ("True", "Accepted"),
    "MetricsAvailable": ("True", "Fresh"),
    "ScalingLimited": ("False", "WithinLimits"),
    "ConflictingScaler": ("False", "SoleWriter"),
}


def service(number: int) -> Row:
    """A service and what the loop remembers of it after three ticks."""
    status = {
        "conditions": [
            {"type": kind, "status": status, "reason": reason} for kind, (status, reason) in CONDITIONS.items()
        ]
    }
    metadata = {"namespace": f"team-{number % 50}", "name": f"assistant-{number}", "uid": f"uid-{number}"}
    document: Document = {"metadata": metadata, "spec": SPEC.to_document(), "status": status}
    record = service_record(document)
    state = ServiceState.adopt(record, START)
    state.follow(record)
    for tick in range(3):
        now = START + tick * TICK_SECONDS
        state.observation = observation(PODS, now)
        state.decision, state.memory = decide(SPEC, state.observation, state.memory, now)
    return record, state


async def measure(exporter: Exporter) -> tuple[float, float, bytes]:
    """CPU seconds of a page, the longest of them that others had to wait, and the page."""
    longest, done = 0.0, asyncio.Event()

    async def others() -> None:
        nonlocal longest
        while not done.is_set():
            began = time.process_time()
            await asyncio.sleep(0)
            longest = max(longest, time.process_time() - began)

    waiting = asyncio.create_task(others())
    await asyncio.sleep(0)
    began = time.process_time()
    page = await exporter.page()
    cost = time.process_time() - began
    done.set()
    await waiting
    return cost, longest, page


async def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    rows = [service(number) for number in range(count)]
    exporter = Exporter()
    exporter.watch_services(lambda: rows)
    measured = [await measure(exporter) for _ in range(PAGES)]
    page = measured[0][2]
    series = sum(len(family.samples) for family in text_string_to_metric_families(page.decode()))
    print(f"{count} services: {series} series, {len(page) / 1e6:.1f} MB")
    print(f"  CPU time of the page          {1e3 * statistics.median(cost for cost, _, _ in measured):4.0f} ms")
    print(f"  longest wait of other tasks   {1e3 * statistics.median(wait for _, wait, _ in measured):4.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
