"""One service at one instant, as far as scaling is concerned."""

from dataclasses import dataclass

from tidegate.scaling.allotment import Allotment
from tidegate.scaling.budget import Budget
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.gateway_traffic import GatewayTraffic
from tidegate.scaling.sample import ArrivalMethod, CountedAt, Sample, ScrapeFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class PodObservation:
    """One pod of the workload."""

    uid: str
    """Tells a pod from its successor of the same name, so that counters of two pods are never subtracted."""

    name: str
    ready: bool

    created: float | None = None
    """When it was created, in seconds since the epoch; None where that is not known."""

    template: str = ""
    """Which pod template it is made of (`pod-template-hash`): what was learned of one does not hold for the next."""

    unschedulable: bool = False
    """It has no place to run: no node, or a queue holds it back."""

    reading: Sample | ScrapeFailure | None = None
    """The last sample, or why there is none; None before the first attempt."""

    draining: bool = False
    """It finishes what it has and takes no more, because it is to leave: neither capacity nor part of the size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One service at one instant."""

    replicas: int
    """The size of the workload as it is written (`spec.replicas`), whoever wrote it, less the pods that drain."""

    pods: tuple[PodObservation, ...] = ()
    """Pods of the workload that are not being deleted."""

    arrival_method: ArrivalMethod = ArrivalMethod.FINISHED_AND_GAUGES
    """How these pods' engine lets arrivals be seen."""

    expected_signals: tuple[str, ...] = ()
    """Signals that this engine is known to give. One of them missing from a page is news, another is not."""

    prompts_counted_at: CountedAt = CountedAt.DONE
    answers_counted_at: CountedAt = CountedAt.DONE
    """When this engine counts the tokens of prompts, and all other work."""

    work_unit: str = "tokens"
    """What work is counted in; `requests` counts each request as 1."""

    max_sequences: int | None = None
    """Requests that one replica works on at once at most, where the engine's arguments say so."""

    stale_after_seconds: float = 15.0
    """A sample older than this says nothing about now."""

    rollout_in_progress: bool = False
    """Pods of two templates exist side by side."""

    gateway: GatewayTraffic | None = None
    """What the gateways say; None where no gateway has a part in the service, so that nobody would wake it."""

    engine_is_silent: bool = False
    """The engine has no metrics at all: what is known of its pods are the gateways' counts."""

    yielded_to: str | None = None
    """The other writer of this workload's replicas that has been yielded to."""

    share: float | None = None
    """Which share of the service's requests goes to these pods, 0 to 1; None where they are all there is. With a share,
    what arrives is known from the gateways only, and is what arrives for all variants together."""

    prompt_work_per_request: float | None = None
    """Of `work_per_request`, that of the prompt."""

    work_per_request: float | None = None
    """What a request takes, in work units, as the other variants have seen it; None where none of them has."""

    assumed: Capacity | None = None
    """What a replica is taken to do until it was measured; None where nothing is."""

    allotment: Allotment | None = None
    """What this variant is given of the service's work; None where there is no other."""

    refused: int = 0
    """Pods that were ordered and are not there, because a quota, a policy or the nodes turn them away."""

    without_place_since: float | None = None
    """Since when at least one of the pods has no place to run, without a pause; None while all have one."""

    cost_per_hour: float | None = None
    """What one replica costs for an hour; None where that is not known."""

    budget: Budget | None = None
    """What the service may cost now; None where nothing bounds it."""

    @property
    def ready_pods(self) -> tuple[PodObservation, ...]:
        """Pods that can take requests."""
        return tuple(pod for pod in self.pods if pod.ready and not pod.draining)

    @property
    def read_pods(self) -> tuple[PodObservation, ...]:
        """Ready pods that have been asked for their metrics at least once."""
        return tuple(pod for pod in self.ready_pods if pod.reading is not None)

    @property
    def placeless(self) -> int:
        """Pods that were ordered and find no place."""
        return self.refused + sum(pod.unschedulable and not pod.draining for pod in self.pods)

    @property
    def part(self) -> float:
        """`share` as a factor."""
        return 1.0 if self.share is None else self.share

    @property
    def is_counted_by_gateways(self) -> bool:
        """Whether the gateways' counts are all there is, and complete."""
        return self.gateway is not None and self.gateway.complete and self.gateway.carries_all

    @property
    def coming(self) -> int:
        """Replicas that were ordered and do not show yet: not ready, or ready since the last round of scrapes."""
        return max(0, self.replicas - len(self.read_pods))
