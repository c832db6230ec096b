"""One simulated engine under load in virtual time, seen through its metrics page, and what Tidegate makes of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random

from tidegate.api.engine import EngineType
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.engines.page import read_page
from tidegate.engines.table import EngineTable
from tidegate.scaling.arrivals import WINDOW_SECONDS, Traffic
from tidegate.scaling.decide import decide
from tidegate.scaling.decision import Decision
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import Sample
from tidegate.simulator.engine_page import HeldGauges, write_page
from tidegate.simulator.engine_pages import ENGINE_PAGES
from tidegate.simulator.fleet import DEFAULT_MODELS
from tidegate.simulator.llama_cpp_page import llama_cpp_page
from tidegate.simulator.models import MODELS, ReplicaModel
from tidegate.simulator.replica import Replica
from tidegate.simulator.request import Request, RequestState
from tidegate.simulator.vllm_page import vllm_page

SCRAPE_SECONDS = 5.0
MODEL_NAME = "m"

Draw = Callable[[Random], Request]
Page = Callable[[Replica, float], str]


@dataclass(frozen=True)
class Phase:
    """Some minutes of load."""

    seconds: float
    load: float
    """Requests that arrive, as a multiple of what the engine can serve."""

    patience_seconds: float = inf
    """A client leaves that has no first token by then."""


@dataclass(frozen=True)
class Look:
    """What one look at the page was worth."""

    time: float
    phase: int
    sample: Sample
    decision: Decision
    """With the target that `run` was given."""

    seen: Traffic
    requests_per_second: float
    """That arrived within the window."""

    work_per_second: float
    """That they bring."""


def draw_chat(random: Random) -> Request:
    """A chat: about 600 tokens of prompt and 100 of answer, widely spread; small enough for every engine here."""
    prompt = round(min(max(random.lognormvariate(5.9, 0.9), 4), 3_000))
    return Request(prompt, round(min(max(random.lognormvariate(4.3, 0.8), 4), 1_000)))


def draw_text(random: Random) -> Request:
    """A text to be embedded; its vector takes the time of one token."""
    return Request(round(min(max(random.lognormvariate(5.9, 0.9), 4), 3_000)), 1)


def physics(flavour: EngineType) -> tuple[ReplicaModel, Draw]:
    """A flavour's replica, and its requests."""
    name = DEFAULT_MODELS[flavour]
    return MODELS[name], draw_text if name == "embedder" else draw_chat


def page_of(flavour: EngineType) -> Page:
    """A page writer with a memory of its own, as every engine has."""
    held, ended = HeldGauges(), ("/v1/completions", "POST", "2xx")
    if flavour is EngineType.VLLM:
        return lambda replica, _: vllm_page(
            replica,
            model_name=MODEL_NAME,
            created=0.0,
            http_requests={ended: replica.measures.finished + replica.measures.aborted},
        )
    if flavour is EngineType.LLAMA_CPP:
        return lambda replica, _: llama_cpp_page(replica)
    page = ENGINE_PAGES[flavour]
    return lambda replica, time: write_page(page, replica, model_name=MODEL_NAME, time=time, held=held)


def capacity(model: ReplicaModel, draw: Draw) -> float:
    """Requests per second that a replica finishes while its queue never empties."""
    random, replica, time = Random(5), Replica(model), 0.0  # noqa: S311 - a workload, not a secret
    for _ in range(400):
        replica.submit(draw(random), 0.0)
    while replica.measures.finished < 300:
        time = replica.next_event_time()
        replica.advance(time)
    return 300 / time


def work_of(request: Request, draw: Draw, table: EngineTable) -> float:
    """Work of a request: its tokens, but for the one that stands for a vector; or one."""
    if table.work_unit != "tokens":
        return 1
    return request.prompt_tokens + (request.output_tokens if draw is draw_chat else 0)


def mean_work(draw: Draw, table: EngineTable) -> float:
    """Of a request, on the average."""
    random = Random(7)  # noqa: S311 - as above
    return sum(work_of(draw(random), draw, table) for _ in range(2_000)) / 2_000


def service(target: float, *, may_wait: int) -> InferenceServiceSpec:
    """A service whose replicas are given so much work per second.

    So many requests may wait at each: of texts to be embedded, hundreds wait for the batch that is being computed.
    """
    return InferenceServiceSpec.model_validate(
        {
            "model": {"name": MODEL_NAME},
            "engine": {"type": "vLLM", "image": "e"},
            "scaling": {
                "maxReplicas": 20,
                "tokenThroughput": {"targetPerReplica": f"{target:.3f}"},
                "queueDepth": {"targetPerReplica": may_wait},
            },
        }
    )


def run(
    flavour: EngineType,
    table: EngineTable,
    phases: Sequence[Phase],
    *,
    without: str | None = None,
    seed: int = 1,
    target_load: float = 1.0,
) -> Iterator[Look]:
    """Run one engine and decide at every scrape; the decisions are not carried out.

    Args:
        flavour: which engine.
        table: how it is read.
        phases: the load, one after the other, from rest.
        without: a metric that is taken off the page, as of an older version.
        seed: of arrivals and sizes.
        target_load: the throughput that a replica is given, as a share of what it can serve.
    """
    random = Random(seed)  # noqa: S311 - as above
    model, draw = physics(flavour)
    per_second = capacity(model, draw)
    replica, page, memory, ties = Replica(model), page_of(flavour), Memory(), count()
    spec = service(target_load * per_second * mean_work(draw, table), may_wait=4 if draw is draw_chat else 500)
    events: list[tuple[float, int, Callable[[float], None]]] = []
    arrived: list[tuple[int, float]] = [(0, 0.0)]
    totals = [0, 0.0]

    def arrive(when: float, patience_seconds: float) -> None:
        request = draw(random)
        totals[0] += 1
        totals[1] += work_of(request, draw, table)
        replica.submit(request, when)
        if patience_seconds < inf:
            heappush(events, (when + patience_seconds, next(ties), lambda late: leave(request, late)))

    def leave(request: Request, when: float) -> None:
        replica.advance(when)
        if request.state in {RequestState.WAITING, RequestState.PREFILLING}:
            replica.abort(request, when)

    start = 0.0
    for index, phase in enumerate(phases):
        when = start
        while (when := when + random.expovariate(phase.load * per_second)) < start + phase.seconds:
            heappush(events, (when, next(ties), lambda at, patience=phase.patience_seconds: arrive(at, patience)))
        for scrape in range(1, round(phase.seconds / SCRAPE_SECONDS) + 1):
            now = start + scrape * SCRAPE_SECONDS
            while events and events[0][0] <= now:
                moment, _, act = heappop(events)
                act(moment)
            replica.advance(now)
            text = page(replica, now)
            if without is not None:
                text = "".join(line for line in text.splitlines(keepends=True) if without not in line)
            sample = read_page(text.encode(), table, time=now, model_name=MODEL_NAME)
            pod = PodObservation(uid="1", name="1", ready=True, reading=sample)
            observation = Observation(
                replicas=1,
                pods=(pod,),
                arrival_method=table.arrivals,
                prompts_counted_at=table.prompts_counted_at,
                answers_counted_at=table.answers_counted_at,
                expected_signals=table.expected_signals,
                work_unit=table.work_unit,
            )
            decision, memory = decide(spec, observation, memory, now)
            arrived.append((totals[0], totals[1]))
            before = arrived[max(0, len(arrived) - 1 - round(WINDOW_SECONDS / SCRAPE_SECONDS))]
            # The mean size is that of all requests so far: one window has too few to show it.
            rate = (totals[0] - before[0]) / WINDOW_SECONDS
            yield Look(now, index, sample, decision, decision.traffic, rate, rate * totals[1] / max(1, totals[0]))
        start += phase.seconds
