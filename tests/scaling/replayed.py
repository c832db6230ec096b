"""A service in a replay: the real replica model, the real rule, and every decision that it took.

    story = replayed(arrivals(4.0, 600), size=2)
    assert story.largest() == 2

Unless a test says otherwise, replicas are of the RTX 4090 model, ready a minute after they were ordered, and requests
have prompts of 1,000 tokens and answers of 200. Ticks and scrapes come every 5 seconds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from timeline import service

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.decide import decide
from tidegate.scaling.decision import Decision
from tidegate.scaling.learned_text import learned_text, recall
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.simulator.models import MODELS, ReplicaModel
from tidegate.simulator.outcome import Outcome
from tidegate.simulator.policy import Choice
from tidegate.simulator.replay import SetUp, replay
from tidegate.simulator.trace import TraceRequest
from tidegate.simulator.trouble import parse_fault

COLD_START_SECONDS = 60.0
LONGEST_TEXT = 6144
EVERY_DAY = service(maxReplicas=40)
Tamper = Callable[[Observation, float], Observation]
"""Makes another observation of what is seen at a time."""


def arrivals(
    per_second: float,
    seconds: float,
    *,
    prompt_tokens: int = 1000,
    output_tokens: int = 200,
    begin: float = 0.0,
    seed: int = 1,
) -> list[TraceRequest]:
    """Requests as chance has it, at one mean rate. Their sizes differ by up to half to both sides."""
    random, requests = Random(seed), []  # noqa: S311 - a test, and one that is to be repeatable
    now = begin + random.expovariate(per_second)
    while now < begin + seconds:
        prompt, answer = (max(1, round(size * random.uniform(0.5, 1.5))) for size in (prompt_tokens, output_tokens))
        requests.append(TraceRequest(now, prompt, answer))
        now += random.expovariate(per_second)
    return requests


def slower(model: ReplicaModel, times: float) -> ReplicaModel:
    """The same replica, each step of which takes so many times as long."""
    return replace(
        model,
        alpha_milliseconds=times * model.alpha_milliseconds,
        beta_milliseconds=times * model.beta_milliseconds,
        c_milliseconds=times * model.c_milliseconds,
    )


@dataclass(slots=True)
class Watched:
    """Tidegate's rule as a policy that keeps every decision, and may be shown things or restarted."""

    spec: InferenceServiceSpec = EVERY_DAY
    memory: Memory = field(default_factory=Memory)
    begin: float = 0.0
    """The hour at which the trace starts; what was learned before is of earlier."""

    tamper: Tamper | None = None
    restarts_at: float | None = None
    """When another operator takes over, with what status says."""

    decisions: list[Decision] = field(default_factory=list)
    name: str = "tidegate"
    period_seconds: float = 5.0
    victims_are_emptiest: bool = True

    def decide(self, observation: Observation, now: float) -> Choice:
        """Run the rule."""
        if self.tamper is not None:
            observation = self.tamper(observation, now)
        if self.restarts_at is not None and now >= self.restarts_at:
            self.restarts_at = None
            self.memory = recall(learned_text(self.memory, LONGEST_TEXT), now)
        decision, self.memory = decide(self.spec, self._dated(observation), self.memory, self.begin + now)
        self.decisions.append(decision)
        return Choice(decision.to_replicas, decision.message, decision)

    def _dated(self, observation: Observation) -> Observation:
        pods = tuple(
            replace(
                pod,
                created=None if pod.created is None else pod.created + self.begin,
                reading=None if pod.reading is None else replace(pod.reading, time=pod.reading.time + self.begin),
            )
            for pod in observation.pods
        )
        return replace(observation, pods=pods)


@dataclass(frozen=True, slots=True)
class Story:
    """What came of it."""

    outcome: Outcome
    watched: Watched

    def decisions(self, begin: float = 0.0, end: float = float("inf")) -> list[Decision]:
        """Those of a while, in seconds since the start of the trace."""
        start = self.watched.begin
        return [each for each in self.watched.decisions if begin <= each.time - start < end]

    def largest(self, begin: float = 0.0, end: float = float("inf")) -> int:
        """The largest size that was decided in a while."""
        return max(each.to_replicas for each in self.decisions(begin, end))

    def smallest(self, begin: float = 0.0, end: float = float("inf")) -> int:
        """The smallest."""
        return min(each.to_replicas for each in self.decisions(begin, end))

    def busy_seconds(self, at: float) -> float:
        """What a request was thought to cost a replica then."""
        capacity = self.decisions(at)[0].capacity
        assert capacity is not None
        return capacity.busy_seconds_per_request

    @property
    def kept(self) -> float:
        """Share of the requests that were kept their promise."""
        return self.outcome.slo_attainment


def replayed(
    requests: Iterable[TraceRequest],
    *,
    model: ReplicaModel = MODELS["rtx4090"],
    size: int = 1,
    faults: Sequence[str] = (),
    cold_start_seconds: float = COLD_START_SECONDS,
    watched: Watched | None = None,
    **set_up: Any,
) -> Story:
    """Replay requests, sorted by time first, from a size on; other facts are those of `SetUp`."""
    watched = watched or Watched()
    outcome = replay(
        sorted(requests),
        watched,
        SetUp(
            model=replace(model, startup_seconds=cold_start_seconds),
            initial_replicas=size,
            max_replicas=1000,
            faults=[parse_fault(text) for text in faults],
            **set_up,
        ),
    )
    return Story(outcome, watched)
