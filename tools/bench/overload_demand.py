"""How well is demand seen while a service drowns and its clients give up?

Replicas of the simulated engine in virtual time: five minutes at 0.7 of their capacity, five at 3 times, five at 0.7
again; the overload comes in a step or over two minutes. Poisson arrivals of requests sized as in the Azure 2023
conversation trace; clients that leave after ten seconds. Every five seconds the engines are read and
`tidegate.scaling.arrivals` estimates, once from all that vLLM shows and once without its count of ended HTTP requests.
Estimates are compared with what arrived in the same fifteen seconds. The same seeds give the same table.

    python tools/bench/overload_demand.py [SEEDS]
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from statistics import median

from tidegate.scaling.arrivals import WINDOW_SECONDS, ArrivalMemory, Traffic, observe_traffic
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import ArrivalMethod, Sample
from tidegate.simulator.models import MODELS, ReplicaModel
from tidegate.simulator.replica import Replica
from tidegate.simulator.request import Request, RequestState

SCRAPE_SECONDS = 5.0
PHASE_SECONDS = 300.0
RAMP_SECONDS = 120.0
PATIENCE_SECONDS = 10.0

SERVICES = (("l4", 1), ("rtx4090", 1), ("rtx4090", 3), ("rtx4090", 10))
SHAPES = ("step", "ramp")
PATIENCES = ("first token", "whole answer", "random")
"""A client leaves without a first token in time, without the whole answer in time, or at a random time."""

WITH_ENDED = "as it is"
PAGES = (WITH_ENDED, "without ended")
"""vLLM's page, and one without the count of ended HTTP requests."""


def draw_request(random: Random) -> Request:
    """A request of the conversation trace: medians 1020 and 129 tokens, means about 1200 and 210."""
    prompt = round(min(max(random.lognormvariate(6.63, 0.985), 2), 14_050))
    return Request(prompt, round(min(max(random.lognormvariate(5.02, 0.859), 7), 1_000)))


def capacity(model: ReplicaModel) -> float:
    """Requests per second that one replica finishes while its queue never empties."""
    random, replica = Random(5), Replica(model)  # noqa: S311 - a workload, not a secret
    for _ in range(2_500):
        replica.submit(draw_request(random), 0.0)
    replica.advance(100.0)
    before = replica.measures.finished
    replica.advance(600.0)
    return (replica.measures.finished - before) / 500.0


def load(time: float, shape: str) -> float:
    """Arrivals at a time, as a multiple of capacity."""
    if not PHASE_SECONDS <= time < 2 * PHASE_SECONDS:
        return 0.7
    risen = 1.0 if shape == "step" else min(1.0, (time - PHASE_SECONDS) / RAMP_SECONDS)
    return 0.7 + 2.3 * risen


@dataclass
class Service:
    """Replicas behind a least-loaded router, and what really arrived."""

    replicas: list[Replica]
    random: Random
    in_flight: list[int] = field(default_factory=list)
    events: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    arrived: int = 0
    arrived_tokens: int = 0
    ties: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.in_flight = [0] * len(self.replicas)

    def at(self, time: float, act: Callable[[float], None]) -> None:
        """Plan an event."""
        heappush(self.events, (time, next(self.ties), act))

    def advance(self, time: float) -> None:
        """Let everything happen that happens until ``time``."""
        while self.events and self.events[0][0] <= time:
            when, _, act = heappop(self.events)
            act(when)
        for index in range(len(self.replicas)):
            self.settle(index, time)

    def settle(self, index: int, time: float) -> None:
        """Bring one replica to ``time`` and plan its next event."""
        replica = self.replicas[index]
        self.in_flight[index] -= len(replica.advance(time))
        if (then := replica.next_event_time()) < inf:
            self.at(then, lambda when: self.settle(index, when) if replica.next_event_time() == when else None)

    def arrive(self, time: float, patience: str) -> None:
        """A request comes, and its client sets an alarm."""
        request = draw_request(self.random)
        self.arrived += 1
        self.arrived_tokens += request.prompt_tokens + request.output_tokens
        index = min(range(len(self.replicas)), key=lambda replica: (self.in_flight[replica], self.random.random()))
        self.replicas[index].submit(request, time)
        self.in_flight[index] += 1
        self.settle(index, time)
        seconds = self.random.expovariate(1 / PATIENCE_SECONDS) if patience == "random" else PATIENCE_SECONDS
        self.at(time + seconds, lambda when: self.leave(index, request, when, patience))

    def leave(self, index: int, request: Request, time: float, patience: str) -> None:
        """The alarm rings: the client leaves, unless it has what it waits for."""
        self.settle(index, time)
        is_over = request.state in {RequestState.FINISHED, RequestState.ABORTED}
        if not is_over and not (patience == "first token" and request.first_token <= time):
            self.replicas[index].abort(request, time)
            self.in_flight[index] -= 1
            self.settle(index, time)

    def sample(self, index: int, time: float) -> Sample:
        """What vLLM's page would say; its count of ended requests has no series before the first."""
        replica, measures = self.replicas[index], self.replicas[index].measures
        return Sample(
            time=time,
            waiting=replica.waiting,
            running=replica.running,
            kv_usage=replica.kv_usage,
            requests_ended=measures.finished + measures.aborted or None,
            requests_finished=measures.finished,
            first_tokens=measures.time_to_first_token_seconds.count,
            prompt_tokens=measures.prompt_tokens,
            generated_tokens=measures.generated_tokens,
        )


@dataclass(frozen=True)
class Setup:
    """One row of the table, but for what is read."""

    model: str
    replicas: int
    shape: str
    patience: str
    per_second: float
    """Capacity."""


@dataclass(frozen=True)
class Look:
    """What one estimate was worth."""

    time: float
    page: str
    requests: float
    """Requests seen per request that arrived."""
    tokens: float
    """Likewise for tokens."""


def looks(setup: Setup, seed: int) -> Iterator[Look]:
    """Run one service and estimate at every scrape, from both pages."""
    random = Random(seed)  # noqa: S311 - as above
    service = Service([Replica(MODELS[setup.model]) for _ in range(setup.replicas)], random)
    time = 0.0
    while (time := time + random.expovariate(3 * setup.per_second)) < 3 * PHASE_SECONDS:
        if random.random() < load(time, setup.shape) / 3:
            service.at(time, lambda when: service.arrive(when, setup.patience))
    memories = dict.fromkeys(PAGES, ArrivalMemory())
    arrived: list[int] = []
    window = round(WINDOW_SECONDS / SCRAPE_SECONDS)
    for scrape in range(1, round(3 * PHASE_SECONDS / SCRAPE_SECONDS)):
        time = scrape * SCRAPE_SECONDS
        service.advance(time)
        arrived.append(service.arrived)
        samples = [service.sample(index, time) for index in range(setup.replicas)]
        for page in PAGES:
            seen, memories[page] = estimate(memories[page], samples, page)
            if len(arrived) > window and (truth := (arrived[-1] - arrived[-1 - window]) / WINDOW_SECONDS):
                # The mean size is that of all requests so far: one window has too few to show it.
                tokens = truth * service.arrived_tokens / service.arrived
                yield Look(
                    time, page, (seen.requests_per_second or 0.0) / truth, (seen.arriving_per_second or 0.0) / tokens
                )


def estimate(memory: ArrivalMemory, samples: list[Sample], page: str) -> tuple[Traffic, ArrivalMemory]:
    """What the operator makes of the samples."""
    if page != WITH_ENDED:
        samples = [replace(sample, requests_ended=None) for sample in samples]
    pods = tuple(
        PodObservation(uid=str(index), name=str(index), ready=True, reading=sample)
        for index, sample in enumerate(samples)
    )
    observation = Observation(replicas=len(pods), pods=pods, arrival_method=ArrivalMethod.ENDED_AND_GAUGES)
    return observe_traffic(memory, observation, pods, samples[0].time)


def line(setup: Setup, page: str, rows: list[Look]) -> str:
    """One row of the table."""
    overload_start = PHASE_SECONDS + WINDOW_SECONDS
    overload = [row for row in rows if row.page == page and overload_start <= row.time <= 2 * PHASE_SECONDS]
    steady = [row for row in rows if row.page == page and RAMP_SECONDS <= row.time < PHASE_SECONDS]
    requests, tokens = [row.requests for row in overload], [row.tokens for row in overload]
    return (
        f"| {setup.replicas} x {setup.model}, {0.7 * setup.per_second:.1f} → {3 * setup.per_second:.1f}/s"
        f" | {setup.shape} | {setup.patience} | {page}"
        f" | {min(requests):.2f} {median(requests):.2f} {max(requests):.2f} | {median(r.requests for r in steady):.2f}"
        f" | {min(tokens):.2f} {median(tokens):.2f} {max(tokens):.2f} | {median(r.tokens for r in steady):.2f} |"
    )


def main() -> None:
    """Print the table over all seeds."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print("Estimate / truth. Overload: min, median, max; steady: median at 0.7 of capacity.\n")
    print("| service | load | clients leave | page | requests, overload | steady | tokens, overload | steady |")
    print("|---|---|---|---|---|---|---|---|")
    for model, replicas in SERVICES:
        per_second = capacity(MODELS[model]) * replicas
        for shape in SHAPES:
            for patience in PATIENCES:
                setup = Setup(model, replicas, shape, patience, per_second)
                rows = [look for seed in range(seeds) for look in looks(setup, seed)]
                for page in PAGES:
                    print(line(setup, page, rows), flush=True)


if __name__ == "__main__":
    main()
