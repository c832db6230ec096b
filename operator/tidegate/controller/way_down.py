"""From what was decided to the next step of the way down: marks on pods, and a size. Pure; docs/scale-down.md."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from tidegate.controller.actions import MarkPod, MarkPods
from tidegate.controller.pod_marks import patch_of
from tidegate.controller.records import PodRecord
from tidegate.controller.refused import Refused
from tidegate.scaling.decision import Decision
from tidegate.scaling.observation import Observation
from tidegate.scaling.wording import count
from tidegate.workloads.leaving import LeavingPod, PodMarks, Situation, Stage, WayDown, serving_replicas, way_down


@dataclass(slots=True)
class WayDownState:
    """What is remembered of a service's way down. What must survive a restart is on the pods."""

    costs_seen: Mapping[str, float] = field(default_factory=dict)
    """By uid of the pods that we have marked: when that was first seen."""

    refused: Refused | None = None
    """Why pods cannot be written on, if they cannot."""

    note: str = ""
    """What is to be said of it beside the decision."""

    def may_mark(self, now: float) -> bool:
        """Whether pods are to be written on: not for a while after that was refused."""
        return self.refused is None or now >= self.refused.retry_at

    def marks_were_refused(self, message: str, now: float) -> None:
        """The API server did not take a mark."""
        self.refused = Refused.after(self.refused, "marks", message, now)

    def marks_were_taken(self) -> None:
        """The API server took all."""
        self.refused = None


def serving_size(replicas: int, pods: Collection[PodRecord], *, owned: bool) -> int:
    """The size as the rule sees it: less the pods that drain."""
    if not owned or not any(pod.marks.drains for pod in pods):
        return replicas  # Nearly always, and asked of each service at each tick.
    return serving_replicas(replicas, [(pod.ready, _marks(pod, owned=owned)) for pod in pods if not pod.leaving])


def next_step(
    state: WayDownState,
    pods: Collection[PodRecord],
    observation: Observation,
    decision: Decision,
    *,
    replicas: int,
    owned: bool,
    rolls: bool,
    now: float,
) -> WayDown:
    """Say what is next on the way to the size that was decided. Where none may be written, everybody stays.

    Args:
        state: takes in what was seen.
        pods: the service's pods.
        observation: the same, as the rule saw them.
        decision: what it decided.
        replicas: the size that is written.
        owned: whether the pods are ours.
        rolls: whether pods of two templates are there.
        now: seconds since the epoch.
    """
    wanted = decision.to_replicas if decision.applied else replicas
    if wanted >= replicas and not any(pod.marks.is_ours for pod in pods):
        state.costs_seen, state.note = {}, ""
        return _nobody_leaves(replicas, wanted)
    seen = {pod.uid: pod for pod in observation.pods}
    given = Situation(
        pods=[
            LeavingPod(seen=seen[pod.uid], marks=_marks(pod, owned=owned), grace_seconds=pod.grace_seconds)
            for pod in pods
            if not pod.leaving
        ],
        replicas=replicas,
        owned=owned,
        rolls=rolls,
        may_mark=state.may_mark(now),
        costs_seen=state.costs_seen,
        stale_after_seconds=observation.stale_after_seconds,
        tells_requests=not observation.engine_is_silent,
        unused_at=_unused_at(observation),
        now=now,
    )
    step = way_down(given, wanted)
    state.costs_seen = step.costs_seen
    state.note = _note(state, step, leaves=step.replicas < replicas, owned=owned)
    return step


def marks_to_write(
    step: WayDown, pods: Iterable[PodRecord], decision: Decision, *, serving: int, owned: bool, message: str
) -> list[MarkPods]:
    """What a step wants written on pods: nothing, or one action.

    Args:
        step: the step.
        pods: the service's pods.
        decision: what it follows from.
        serving: pods that are in service before, by the size.
        owned: whether the pods are ours.
        message: what is told of it.
    """
    if not step.marks:
        return []
    marks = [
        _mark(pod, _marks(pod, owned=owned), step.marks[pod.uid])
        for pod in pods
        if pod.uid in step.marks and not pod.leaving
    ]
    told = serving if decision.to_replicas != serving else None
    return [MarkPods(pods=tuple(marks), from_replicas=told, reason=decision.reason, message=message)]


def everybody_stays(pods: Iterable[PodRecord]) -> list[MarkPods]:
    """Take back what is written on our pods, because no size can be decided."""
    marks = [
        _mark(pod, pod.marks, pod.marks.back()) for pod in pods if not pod.leaving and pod.marks != pod.marks.back()
    ]
    return [MarkPods(pods=tuple(marks))] if marks else []


def _unused_at(observation: Observation) -> float | None:
    """When the gateways were read last, where all requests pass them and none is with a pod."""
    gateway = observation.gateway
    if gateway is None or not observation.is_counted_by_gateways or gateway.in_flight:
        return None
    return min(sample.time for sample in gateway.samples)


def _nobody_leaves(replicas: int, wanted: int) -> WayDown:
    return WayDown(
        replicas=wanted,
        marks={},
        stages={},
        serving_after_marks=replicas,
        serving_after_scale=wanted,
        costs_seen={},
    )


def _marks(pod: PodRecord, *, owned: bool) -> PodMarks:
    """What is written on a pod; on somebody else's only the deletion cost is ours to read and write."""
    return pod.marks if owned else replace(pod.marks, routing=None, draining_since=None)


def _mark(pod: PodRecord, before: PodMarks, after: PodMarks) -> MarkPod:
    return MarkPod(
        key=pod.key,
        metadata={**patch_of(before, after), "uid": pod.uid, "resourceVersion": pod.version},
        joins=before.drains - after.drains,
    )


def _note(state: WayDownState, step: WayDown, *, leaves: bool, owned: bool) -> str:
    if state.refused is not None and not step.stages and leaves:
        return f"pods cannot be marked, so Kubernetes chooses who leaves: {state.refused.message}"
    draining = sum(stage is not Stage.UNGUIDED for stage in step.stages.values())
    if not draining or not owned:
        return ""
    verb, they = ("drains", "it leaves") if draining == 1 else ("drain", "they leave")
    return f"{count(draining, 'pod')} {verb} before {they}"
