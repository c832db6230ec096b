"""Streams through the gateway beside the same streams straight from the pods, CPUs pinned.

Envoy and picker have CPU 0, source and sink of tokens CPU 1, as everything else of the rig. Each figure is the median
of runs that take turns, direct and through the gateway; CPU time is the kernel's count for both processes.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gateway_cases.figures import Figure
from bench.gateway_cases.pinned import pinned_service
from gateway_rig.gateway import Gateway
from gateway_rig.token_stream import Streams, sink

STREAMS = 256
RATES = (20, 40, 80)
"""Tokens per second of a stream; the first makes 5,120 together, near the 5,000 of the goal."""

RUNS = 3
SECONDS = 10.0
PODS = 4
GATEWAY_CPU, OTHER_CPU = 0, 1
SHORT_REQUESTS = Streams(streams=32, rate=0, tokens=1, seconds=8, again=True)
MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Pair:
    """A run straight and one through the gateway, and what the latter cost there."""

    direct: dict[str, Any]
    through: dict[str, Any]
    cpu_seconds: float

    @property
    def ratio(self) -> float:
        """Tokens per second, through ÷ direct."""
        return float(self.through["tokensPerSecond"] / self.direct["tokensPerSecond"])

    @property
    def cpu_microseconds(self) -> float:
        """CPU time of the gateway for a token."""
        return float(MICROSECONDS * self.cpu_seconds / self.through["tokens"])

    @property
    def added_milliseconds(self) -> float:
        """How much later the latest hundredth of the tokens comes."""
        return float(self.through["delayP99Milliseconds"] - self.direct["delayP99Milliseconds"])


def measure(directory: Path) -> list[Figure]:
    """Run all rates, then short requests."""
    with pinned_service(directory, PODS, gateway_cpu=GATEWAY_CPU, other_cpu=OTHER_CPU) as (everything, pods, port):
        gateway = everything.gateways[0]
        through = [f"{gateway.address}:{port}"]
        everything.operator.stop()  # It is no part of the path; its ticks would only be noise.
        figures: list[Figure] = []
        for rate in RATES:
            streams = Streams(streams=STREAMS, rate=rate, tokens=int(rate * (SECONDS + 1)), seconds=SECONDS)
            figures += _figures(rate, [_pair(gateway, pods, through, streams) for _ in range(RUNS)])
        short = [_pair(gateway, pods, through, SHORT_REQUESTS) for _ in range(3)]
    return [*figures, *_short(short)]


def _pair(gateway: Gateway, pods: Sequence[str], through: Sequence[str], streams: Streams) -> Pair:
    direct = sink(pods, streams, OTHER_CPU).figures()
    began = time.monotonic()
    running = sink(through, streams, OTHER_CPU)
    time.sleep(max(0.0, began + streams.warm_seconds - time.monotonic()))
    before = gateway.cpu_seconds()
    time.sleep(max(0.0, began + streams.seconds - time.monotonic()))
    cpu_seconds = gateway.cpu_seconds() - before
    return Pair(direct, running.figures(), cpu_seconds)


def _figures(rate: int, pairs: Sequence[Pair]) -> list[Figure]:
    cpu = statistics.median(pair.cpu_microseconds for pair in pairs)
    is_goal = rate == RATES[0]
    troubles = sum(pair.through[key] for pair in pairs for key in ("cut", "lost", "refused"))
    what = f"{STREAMS} streams x {rate}/s"
    reached = statistics.median(pair.through["tokensPerSecond"] for pair in pairs)
    return [
        Figure(f"{what}: through ÷ direct", _spread([p.ratio for p in pairs], ".3f"), ">= 0.98" if is_goal else ""),
        Figure(f"{what}: tokens/s through", f"{reached:.0f}"),
        Figure(
            f"{what}: CPU per token",
            _spread([p.cpu_microseconds for p in pairs], ".1f", " us"),
            "<= 45 us" if is_goal else "",
        ),
        Figure(f"{what}: tokens/s that a core of it would carry", f"{MICROSECONDS / cpu:.0f}"),
        Figure(
            f"{what}: added to the p99 delay of a token", _spread([p.added_milliseconds for p in pairs], ".1f", " ms")
        ),
        Figure(f"{what}: cut, lost or refused", str(troubles), "0"),
    ]


def _short(pairs: Sequence[Pair]) -> list[Figure]:
    rates = [pair.through["requestsPerSecond"] for pair in pairs]
    window = SHORT_REQUESTS.seconds - SHORT_REQUESTS.warm_seconds
    cores = [pair.cpu_seconds / window for pair in pairs]
    return [
        Figure("requests/s of a gateway on one core, 32 clients, one token each", _spread(rates, ".0f")),
        Figure("  of which it used so many cores", _spread(cores, ".2f")),
        Figure(
            "  first token, p50 and p99",
            f"{_median(pairs, 'firstTokenP50Milliseconds'):.1f}, {_median(pairs, 'firstTokenP99Milliseconds'):.1f} ms",
        ),
    ]


def _median(pairs: Sequence[Pair], key: str) -> float:
    return float(statistics.median(pair.through[key] for pair in pairs))


def _spread(values: Sequence[float], form: str, unit: str = "") -> str:
    """The median, and the least and the most."""
    return f"{statistics.median(values):{form}}{unit} ({min(values):{form}} to {max(values):{form}})"
