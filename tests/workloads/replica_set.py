"""A Deployment without a rollout: pods, a size, and a controller that takes pods away as Kubernetes does.

Kubernetes' order is that of `ActivePodsWithRanks` (pkg/controller/controller_utils.go), as far as it can differ here:
not ready, lower deletion cost, and then whatever.
"""

from dataclasses import dataclass, field, replace
from random import Random

from tidegate.scaling.observation import PodObservation
from tidegate.scaling.sample import Sample
from tidegate.workloads.leaving import LeavingPod, PodMarks, Situation, WayDown, serving_replicas, way_down

TICK_SECONDS = 5.0
START = 1_000_000.0


@dataclass(slots=True)
class Pod:
    """A pod, and what it is doing."""

    name: str
    ready: bool = True
    running: float = 0.0
    frees_per_tick: float = 0.0
    """Requests that end in a tick while it is out of service; in service, others take their place."""

    marks: PodMarks = field(default_factory=lambda: PodMarks(routing="serving"))
    grace_seconds: float = 360.0


@dataclass(slots=True)
class ReplicaSet:
    """The pods, and who has gone."""

    pods: list[Pod]
    replicas: int
    owned: bool = True
    seed: int = 0
    """Of what Kubernetes does where it does not care."""

    now: float = START
    gone: list[Pod] = field(default_factory=list)
    costs_seen: dict[str, float] = field(default_factory=dict)
    writes: int = 0
    """On pods, and of sizes."""

    sizes: list[int] = field(default_factory=list)
    may_mark: bool = True
    rolls: bool = False

    def step(self, wanted: int) -> WayDown:
        """Look, and say what is next."""
        there = [self._seen(pod) for pod in self.pods]
        given = Situation(
            pods=there,
            replicas=self.replicas,
            owned=self.owned,
            rolls=self.rolls,
            may_mark=self.may_mark,
            costs_seen=self.costs_seen,
            stale_after_seconds=15.0,
            now=self.now,
        )
        return way_down(given, wanted)

    def tick(self, wanted: int, *, deletes: bool = True) -> WayDown:
        """Write what is to be written, and let the controller and time do their part."""
        step = self.step(wanted)
        for pod in self.pods:
            if pod.name in step.marks:
                pod.marks = step.marks[pod.name]
                self.writes += 1
        self.costs_seen = dict(step.costs_seen)
        if step.replicas != self.replicas:
            self.replicas = step.replicas
            self.sizes.append(step.replicas)
            self.writes += 1
        if deletes:
            self.control()
        self.now += TICK_SECONDS
        for pod in self.pods:
            if pod.marks.drains:
                pod.running = max(0.0, pod.running - pod.frees_per_tick)
        return step

    def control(self) -> None:
        """Make or take away pods, as the size has it."""
        chance = Random(self.seed)  # noqa: S311 - no secret
        order = sorted(self.pods, key=lambda pod: (pod.ready, pod.marks.deletion_cost or 0, chance.random()))
        taken = order[: max(0, len(self.pods) - self.replicas)]
        self.gone += taken
        self.pods = [pod for pod in self.pods if pod not in taken]
        while len(self.pods) < self.replicas:
            self.pods.append(Pod(f"new-{len(self.pods)}-{self.now:.0f}"))

    def serving(self) -> int:
        """The size as the rule sees it."""
        return serving_replicas(self.replicas, [(pod.ready, pod.marks) for pod in self.pods])

    def in_service(self) -> int:
        """Pods that take requests."""
        return sum(pod.ready and not pod.marks.drains for pod in self.pods)

    def names(self) -> set[str]:
        """Who is there."""
        return {pod.name for pod in self.pods}

    def draining(self) -> set[str]:
        """Who drains."""
        return {pod.name for pod in self.pods if pod.marks.drains}

    def marked(self) -> set[str]:
        """Whom Kubernetes is told to take."""
        return {pod.name for pod in self.pods if pod.marks.is_marked}

    def _seen(self, pod: Pod) -> LeavingPod:
        reading = Sample(time=self.now, running=pod.running, waiting=0.0) if pod.ready else None
        seen = PodObservation(uid=pod.name, name=pod.name, ready=pod.ready, reading=reading)
        return LeavingPod(seen=seen, marks=pod.marks, grace_seconds=pod.grace_seconds)


def four(**changes: float) -> ReplicaSet:
    """Pods a, b, c and d, of which a is the emptiest; `changes` are running requests."""
    loads = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, **changes}
    return ReplicaSet([Pod(name, running=load) for name, load in loads.items()], replicas=4)


def foreign(pod: Pod, cost: int) -> None:
    """Let somebody else have put a deletion cost on a pod."""
    pod.marks = replace(pod.marks, deletion_cost=cost, cost_is_foreign=True)
