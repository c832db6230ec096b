"""Measures what reading a pod costs: the page's parser alone, a whole scrape over loopback, and many a second.

    PYTHONPATH=operator python tools/bench/scrape_cost.py [--pods 1000] [--seconds 5] [--loop asyncio]

Pods are addresses of 127.0.0.0/8, all served by one process of its own that answers with a prepared page of vLLM, so
that what is measured here is the reader. Costs are CPU time of this process, medians of several rounds; times of the
wall clock depend on what else the machine does. The last line is one JSON object.
"""

import argparse
import asyncio
import json
import resource
import statistics
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TypeVar

import uvloop
from pod_server import pods
from prometheus_client.parser import text_string_to_metric_families
from vllm_page import vllm_page

from tidegate.engines.page import read_page
from tidegate.engines.vllm import VLLM
from tidegate.metrics.pod_scrape import PodScraper, ScrapeTarget
from tidegate.scaling.sample import Sample

Result = TypeVar("Result")

ROUNDS = 7
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}


def _median_cpu_seconds(work: Callable[[], object], times: int) -> float:
    """Median CPU time of one call, over rounds of several."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - start) / times)
    return statistics.median(rounds)


def _targets(port: int, pods: int) -> list[ScrapeTarget[int]]:
    table = replace(VLLM, metrics_port=port)
    return [ScrapeTarget(key=pod, address=f"127.1.{pod // 250}.{pod % 250 + 1}", table=table) for pod in range(pods)]


async def _scrape_all(scraper: PodScraper, targets: list[ScrapeTarget[int]]) -> None:
    results = await scraper.scrape(targets)
    bad = [result for result in results.values() if not isinstance(result, Sample)]
    if bad:
        raise SystemExit(f"{len(bad)} of {len(results)} scrapes failed, the first with: {bad[0].message}")


async def _one_by_one(port: int, *, kept: int) -> float:
    """CPU seconds of a scrape when nothing else goes on; `kept` is how many connections may stay open."""
    rounds = []
    async with PodScraper(clock=time.time, maximum_idle_connections=kept) as scraper:
        targets = _targets(port, 1)
        for _ in range(ROUNDS):
            start = time.process_time()
            for _ in range(100):
                await _scrape_all(scraper, targets)
            rounds.append((time.process_time() - start) / 100)
    return statistics.median(rounds[1:])


async def _saturated(port: int, pods: int, seconds: float, *, kept: int) -> tuple[float, float]:
    """Scrapes a second, and CPU seconds of one, as fast as the process can."""
    scrapes, targets = 0, _targets(port, pods)
    async with PodScraper(clock=time.time, maximum_idle_connections=kept, timeout_seconds=30) as scraper:
        await _scrape_all(scraper, targets)
        wall, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - wall < seconds:
            await _scrape_all(scraper, targets)
            scrapes += pods
        return scrapes / (time.perf_counter() - wall), (time.process_time() - cpu) / scrapes


async def _paced(port: int, pods: int, seconds: int, *, kept: int) -> tuple[float, float]:
    """Scrapes a second, and the share of a core, when each pod is due once a second, evenly spread.

    Fewer scrapes than pods: the machine, busy with this or with other things, did not keep up.
    """
    targets, slices = _targets(port, pods), 20
    async with PodScraper(clock=time.time, maximum_idle_connections=kept, timeout_seconds=30) as scraper:
        await _scrape_all(scraper, targets)
        wall, cpu = time.perf_counter(), time.process_time()
        for part in range(seconds * slices):
            await asyncio.sleep(max(0.0, wall + part / slices - time.perf_counter()))
            await _scrape_all(scraper, targets[part % slices :: slices])
        await asyncio.sleep(max(0.0, wall + seconds - time.perf_counter()))
        spent = time.perf_counter() - wall
        return seconds * pods / spent, (time.process_time() - cpu) / spent


def _run(loop: str, work: Coroutine[None, None, Result]) -> Result:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(work)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pods", type=int, default=1000, help="pods to read when many are read")
    arguments.add_argument("--seconds", type=int, default=5, help="how long to read many")
    arguments.add_argument("--loop", choices=LOOPS, default="asyncio", help="event loop; the operator's is asyncio's")
    options = arguments.parse_args()

    page = vllm_page()
    text = page.decode()
    figures: dict[str, float] = {"page_kilobytes": len(page) / 1000, "rss_before_megabytes": _megabytes()}
    for name, with_latencies in (("parse", False), ("parse_with_latencies", True)):
        read = partial(read_page, page, VLLM, time=0.0, with_latencies=with_latencies)
        figures[f"{name}_milliseconds"] = 1000 * _median_cpu_seconds(read, 50)
    figures["full_parse_milliseconds"] = 1000 * _median_cpu_seconds(
        lambda: list(text_string_to_metric_families(text)), 1
    )
    with pods(page) as port:
        for name, kept in (("kept_connection", options.pods), ("new_connection", 0)):
            figures[f"scrape_{name}_milliseconds"] = 1000 * _run(options.loop, _one_by_one(port, kept=kept))
            rate, cpu = _run(options.loop, _saturated(port, options.pods, options.seconds, kept=kept))
            figures[f"saturated_{name}_scrapes_per_second"] = rate
            figures[f"saturated_{name}_milliseconds"] = 1000 * cpu
        rate, cores = _run(options.loop, _paced(port, options.pods, options.seconds, kept=512))
        figures["paced_scrapes_per_second"], figures["paced_cores"] = rate, cores
    figures["rss_after_megabytes"] = _megabytes()
    for name, value in figures.items():
        print(f"{name:45} {value:10.3f}")
    print(json.dumps({"bench": "scrape_cost", "loop": options.loop, **{k: round(v, 3) for k, v in figures.items()}}))


if __name__ == "__main__":
    main()
