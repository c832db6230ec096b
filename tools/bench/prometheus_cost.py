"""Measures what it costs to read a fleet out of a real Prometheus: CPU time here and there, time of the wall, bytes.

    PYTHONPATH=operator:tools python tools/bench/prometheus_cost.py [--pods 1000] [--turns 7] [--latencies]

The store is filled beforehand, by promtool, with what it would have kept of so many pods of vLLM: nothing is scraped
meanwhile. CPU times are medians of several readings; those of Prometheus are the kernel's, in steps of 10 ms.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from prometheus_server import PrometheusMissingError, PrometheusServer, running_prometheus
from tidegate.engines.vllm import VLLM
from tidegate.metrics.prometheus import PrometheusSource, StoredTarget
from tidegate.metrics.prometheus_options import PrometheusOptions
from tidegate.scaling.sample import Sample
from tidegate.simulator.measures import INTERVAL_BOUNDS, LATENCY_BOUNDS

_KEPT_SECONDS = 300
_INTERVALS = (15, 5)
_SERIES = {
    "vllm:num_requests_waiting": ("gauge", ({},)),
    "vllm:num_requests_running": ("gauge", ({},)),
    "vllm:kv_cache_usage_perc": ("gauge", ({},)),
    "http_requests_total": (
        "counter",
        tuple(
            {"method": "POST", "status": status, "handler": f"/v1/{path}"}
            for status in ("2xx", "5xx")
            for path in ("completions", "chat/completions")
        ),
    ),
    "vllm:request_success_total": ("counter", tuple({"finished_reason": each} for each in ("stop", "length", "abort"))),
    "vllm:time_to_first_token_seconds_count": ("counter", ({},)),
    "vllm:prompt_tokens_total": ("counter", ({},)),
    "vllm:generation_tokens_total": ("counter", ({},)),
    "vllm:iteration_tokens_total_count": ("counter", ({},)),
}
"""What the table of vLLM asks for, with the series that a pod has of each."""

_BUCKETS = {
    "vllm:time_to_first_token_seconds_bucket": ("counter", tuple({"le": str(n)} for n in (*LATENCY_BOUNDS, "+Inf"))),
    "vllm:inter_token_latency_seconds_bucket": ("counter", tuple({"le": str(n)} for n in (*INTERVAL_BOUNDS, "+Inf"))),
}
"""What it asks for besides where a service promises something."""

_Series = dict[str, tuple[str, tuple[dict[str, str], ...]]]


def _pod(number: int) -> tuple[str, str]:
    return f"team-{number % 20}", f"chat-{number // 20}-6f7c9d8b5d-{number:05}"


def _history(pods: int, kept: _Series, now: float, interval_seconds: int) -> Iterator[str]:
    """The store's content in OpenMetrics, for promtool."""
    times = range(int(now) - _KEPT_SECONDS, int(now) + 1, interval_seconds)
    for name, (kind, parts) in kept.items():
        # Of a counter, promtool wants the family's name without `_total`; of a histogram's count, no type at all.
        if name.endswith("_total"):
            yield f"# TYPE {name.removesuffix('_total')} {kind}\n"
        elif kind == "gauge":
            yield f"# TYPE {name} {kind}\n"
        for number in range(pods):
            namespace, pod = _pod(number)
            target = {"namespace": namespace, "pod": pod, "container": "engine", "endpoint": "http"}
            target |= {"instance": f"10.0.{number // 250}.{number % 250}:8000", "job": f"{namespace}/tidegate-engines"}
            for part in parts:
                labels = target | part | {"model_name": "m", "engine": "0"}
                block = ",".join(f'{label}="{value}"' for label, value in labels.items())
                for time_seconds in times:
                    value = number + (time_seconds - times[0] if kind == "counter" else 0)
                    yield f"{name}{{{block}}} {value} {time_seconds}\n"
    yield "# EOF\n"


def _fill(directory: Path, pods: int, kept: _Series, now: float, interval_seconds: int) -> None:
    text = directory / "history.txt"
    with text.open("w") as file:
        file.writelines(_history(pods, kept, now, interval_seconds))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(directory / "data")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    text.unlink()


def _cpu_seconds(server: PrometheusServer) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measure(
    server: PrometheusServer, pods: int, now: float, turns: int, stale_after_seconds: float, *, with_latencies: bool
) -> list[tuple[float, float, float]]:
    targets = [
        StoredTarget(
            key=number,
            pod=_pod(number),
            table=VLLM,
            model_name="m",
            stale_after_seconds=stale_after_seconds,
            with_latencies=with_latencies,
        )
        for number in range(pods)
    ]
    source = PrometheusSource(
        PrometheusOptions(url=server.url, timeout_seconds=9), clock=lambda: now, wall_clock=lambda: now
    )
    found = []
    for _ in range(turns + 1):
        wall, ours, theirs = time.perf_counter(), time.process_time(), _cpu_seconds(server)
        readings = (await source.read(targets)).readings
        found.append((time.process_time() - ours, time.perf_counter() - wall, _cpu_seconds(server) - theirs))
        bad = [
            reading
            for reading in readings.values()
            if not isinstance(reading, Sample) or (reading.first_token_seconds is not None) != with_latencies
        ]
        if bad or len(readings) != pods:
            raise SystemExit(f"{len(bad)} pods of {pods} could not be read: {bad[:1]}")
    source.close()
    return found[1:]


def _answer_bytes(server: PrometheusServer, kept: _Series, now: float, window_seconds: int) -> tuple[int, int]:
    """Bytes of all answers of a turn, as JSON and as sent."""
    plain = packed = 0
    for name in kept:
        query = {"query": f'{{__name__="{name}"}}[{window_seconds}s]', "time": str(now)}
        with requests.get(f"{server.url}/api/v1/query", params=query, timeout=30, stream=True) as answer:
            sent = answer.raw.read(decode_content=False)
        packed += len(sent)
        with requests.get(
            f"{server.url}/api/v1/query", params=query, timeout=30, headers={"Accept-Encoding": "identity"}
        ) as answer:
            plain += len(answer.content)
    return plain, packed


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="Measure reading a fleet out of a Prometheus.")
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--latencies", action="store_true", help="read latencies, as where services promise something")
    asked = parser.parse_args()
    kept: _Series = {**_SERIES, **(_BUCKETS if asked.latencies else {})}
    queries = len(VLLM.metrics) + (len(VLLM.buckets) if asked.latencies else 0)
    series = sum(len(parts) for _, parts in kept.values())
    print(f"{asked.pods} pods, {queries} queries, {asked.pods * series} series", flush=True)
    for interval_seconds in _INTERVALS:
        with tempfile.TemporaryDirectory() as directory:
            now = float(int(time.time()))
            _fill(Path(directory), asked.pods, kept, now, interval_seconds)
            try:
                with running_prometheus(Path(directory)) as server:
                    reading = _measure(
                        server, asked.pods, now, asked.turns, 3.0 * interval_seconds, with_latencies=asked.latencies
                    )
                    rows = asyncio.run(reading)
                    plain, packed = _answer_bytes(server, kept, now, 3 * interval_seconds)
            except PrometheusMissingError as error:
                raise SystemExit(str(error)) from error
        ours, wall, theirs = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"scraped every {interval_seconds} s")
        print(f"  CPU time of a reading     {ours * 1000:6.0f} ms    {ours / asked.pods * 1e6:.0f} us a pod")
        print(f"  its CPU time              {theirs * 1000:6.0f} ms")
        print(f"  time of the wall          {wall * 1000:6.0f} ms")
        print(f"  answers                   {plain / 1e6:6.1f} MB    {packed / 1e6:.2f} MB as sent", flush=True)


if __name__ == "__main__":
    main()
