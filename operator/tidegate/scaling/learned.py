"""What a service has taught: how fast its replicas are, how long they take to come, where its demand goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from tidegate.api.scaling import Objectives
from tidegate.scaling.arrivals import WINDOW_SECONDS, Traffic
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.capacity_estimate import Occupancy
from tidegate.scaling.forecast import Forecast
from tidegate.scaling.health import MetricsHealth
from tidegate.scaling.lead_time import LeadTime
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.pod_pace import PodPaces
from tidegate.scaling.pod_step import PodStep
from tidegate.scaling.promises import Promises
from tidegate.scaling.recurrence import Recurrence
from tidegate.scaling.sample import Sample, believable
from tidegate.scaling.step_time import StepTime

NO_PROMISE = Objectives()


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """All of it. What a restart finds again, and what it learns anew, is told in `learned_text`."""

    step_time: StepTime = field(default_factory=StepTime)
    paces: PodPaces = field(default_factory=PodPaces)
    occupancy: Occupancy = field(default_factory=Occupancy)
    lead_time: LeadTime = field(default_factory=LeadTime)
    forecast: Forecast = field(default_factory=Forecast)
    """Of the requests that arrive per second."""

    recurrence: Recurrence = field(default_factory=Recurrence)
    promises: Promises = field(default_factory=Promises)

    def observe(
        self,
        observation: Observation,
        traffic: Traffic,
        steps: Mapping[str, PodStep],
        health: MetricsHealth,
        now: float,
        *,
        counted_anew: bool = False,
    ) -> Self:
        """Take in what was seen. Nothing is learned of pods while two templates stand side by side.

        Without new samples there is nothing to learn but that time has passed: the same ones would count twice. Where
        the gateways have `counted_anew`, what arrives is known though none of these pods was read.
        """
        seen = replace(self, lead_time=self.lead_time.observe(observation, now))
        if (steps or counted_anew) and traffic.requests_per_second is not None:
            seen = replace(
                seen, forecast=self.forecast.see(traffic.requests_per_second, now, counted_seconds=WINDOW_SECONDS)
            )
        if not steps:
            return seen
        templates = {pod.template for pod in observation.ready_pods}
        if len(templates) == 1 and not observation.rollout_in_progress and health.fresh:
            fit = self.paces.fit_to_teach(steps)
            # While nothing is known at all, what cold pods teach is better than nothing.
            teaching = fit if fit or self.step_time.seconds is not None else _showing(steps)
            step_time = self.step_time.learn(teaching, template=next(iter(templates)), now=now)
            seen = replace(
                seen,
                step_time=step_time,
                paces=self.paces.see(steps, step_time, now),
                occupancy=self.occupancy.see(
                    kv_share=None if traffic.kv_usage is None else traffic.kv_usage * len(health.fresh),
                    running=traffic.running,
                    is_full=(traffic.waiting or 0.0) >= len(health.fresh),
                    held_when_full=_held_when_full(health.fresh),
                    pods=len(health.fresh),
                    now=now,
                ),
            )
        return seen

    def judge_promises(
        self,
        promised: Objectives,
        traffic: Traffic,
        before: Mapping[str, Sample],
        after: Mapping[str, Sample],
        now: float,
    ) -> Self:
        """Take in what the pods' histograms have grown by from one look's samples to the next one's, by uid."""
        if promised == NO_PROMISE:
            return self
        seen = replace(
            self.promises,
            first_token=self.promises.first_token.see("first_token_seconds", before, after, now),
            inter_token=self.promises.inter_token.see("inter_token_seconds", before, after, now),
        )
        lead = self.lead_time
        judged = seen.judge(
            promised,
            settled_since=None if lead.awaited_since is not None else lead.complete_since or float("-inf"),
            compete=bool(traffic.waiting) or (traffic.running or 0.0) > len(after),
            now=now,
        )
        return replace(self, promises=judged)

    def remember_need(self, capacity: Capacity | None, traffic: Traffic, seconds: float, now: float) -> Self:
        """Note how many replicas the requests of these seconds would need, for when they come again."""
        arriving = traffic.requests_per_second
        if capacity is None or arriving is None or not seconds:
            return self
        busy = capacity.busy_seconds_per_request
        # A full replica works on a whole batch meanwhile.
        stay_seconds = 0.0 if capacity.batch is None else busy * capacity.batch - WINDOW_SECONDS
        seen = self.recurrence.see(arriving * busy, arriving * seconds, seconds, now, stay_seconds=stay_seconds)
        return replace(self, recurrence=seen)


def _held_when_full(fresh: Sequence[PodObservation]) -> float | None:
    """Requests that a full pod works on, as a mean; None where none is seen to be full.

    Only those are full in whose own queue some wait: a pod that has just come has all its room yet.
    """
    samples = [pod.reading for pod in fresh if isinstance(pod.reading, Sample)]
    held = [believable(each.running) for each in samples if (believable(each.waiting) or 0.0) >= 1]
    shown = [running for running in held if running is not None]
    return sum(shown) / len(shown) if shown else None


def _showing(steps: Mapping[str, PodStep]) -> list[PodStep]:
    """Those of pods that show their work."""
    return [step for step in steps.values() if step.shows_its_work]
