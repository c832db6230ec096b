"""One service as the policy knows it: its pods, who waits for them, and what has been counted."""

import math
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tidegate.gateway.exchange import Reply, Request
from tidegate.gateway.policy.counts import ServiceCounts, Tally
from tidegate.gateway.policy.hold import HoldQueue
from tidegate.gateway.policy.pick import Places, by_affinity, least_loaded
from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.policy.refusal import Problem, Refusal
from tidegate.gateway.policy.retry_budget import RetryBudget
from tidegate.gateway.policy.standing import Standing, State, standing
from tidegate.gateway.policy.wake import Waking
from tidegate.gateway.routed_service import Key, ModelPod, RoutedService

if TYPE_CHECKING:
    import asyncio

DEFAULT_SEQUENCES = 256
"""Requests that a pod takes at once where nobody knows better: vLLM's own bound for most GPUs."""

LEND_AFTER_SECONDS = 10.0
"""For so long a service may be awake, and only pods that drain be there: an operator that lives has them serve again
when it sees who waits, which takes it two looks. Where none does, they take requests as they are."""

UNKNOWN_LEAD_SECONDS = 10
"""What clients are told to wait while no lead time is learned."""

LONGEST_RETRY_SECONDS = 60
"""What clients are told to wait at most. OpenAI's SDKs wait that long; told more, old ones come back at once and new
ones, at more than two minutes, not at all."""


def _no_bound(_: PodLoad) -> int:
    return sys.maxsize


class Service:
    """One service. It decides nothing about time: the router asks, and acts."""

    def __init__(self, key: Key, *, now: float, last_use: float) -> None:
        """Begin with no spec and no pods.

        Args:
            key: its namespace and name.
            now: in seconds of the loop.
            last_use: in seconds of the gateway's clock.
        """
        self.key = key
        self.spec: RoutedService | None = None
        self.pods: dict[str, PodLoad] = {}
        self.queue = HoldQueue()
        self.waking = Waking()
        self.budget = RetryBudget(now)
        self.tally = Tally()
        self.in_flight = 0
        self.last_use = last_use
        self.gateways = 1
        self.stands = standing(None, (), 0.0)
        self.alarm: asyncio.TimerHandle | None = None
        """When the waiting room looks at it next."""

    def stand(self, clock_now: float) -> Standing:
        """Look again how it stands."""
        self.stands = standing(self.spec, self.pods.values(), clock_now)
        return self.stands

    def lend(self, now: float) -> None:
        """Let pods that drain take requests, where nobody else will: somebody who waits is worth more than a drain.

        Args:
            now: in seconds of the loop.
        """
        since = self.waking.awake_since
        if since is not None and now - since >= LEND_AFTER_SECONDS:
            for load in self.pods.values():
                load.lent = load.pod.draining

    def places(self) -> Places:
        """Requests that each pod takes from this gateway at once: its share among all gateways."""
        spec, gateways = self.spec, self.gateways
        # A plan speaks of the variant that it would wake, which is that of all pods only where there is no other.
        plan = spec.wake_plan if spec is not None and len(spec.engines) == 1 else None
        usual = (plan.max_sequences if plan is not None else None) or DEFAULT_SEQUENCES
        return lambda load: -(-(load.pod.max_sequences or usual) // gateways)

    def pick(self, request: Request, now: float, source: random.Random, *, not_to: str = "") -> PodLoad | None:
        """The pod that a use goes to now; None while all places are taken.

        Args:
            request: may carry the service's affinity header.
            now: in seconds of the loop.
            source: decides between equals.
            not_to: uid of a pod that did not take it before; it is picked only where no other has a place.
        """
        takers = [pod for pod in self.pods.values() if pod.ejected_until <= now and pod.available]
        if not_to:
            others = [pod for pod in takers if pod.pod.uid != not_to]
            return self._pick_among(others, request, source) or self._pick_among(takers, request, source)
        return self._pick_among(takers, request, source)

    def _pick_among(self, takers: Sequence[PodLoad], request: Request, source: random.Random) -> PodLoad | None:
        places = self.places()
        header = self.spec.affinity_header if self.spec is not None else None
        value = request.headers.get(header) if header else None
        pod = by_affinity(value, takers, places=places) if value else None
        return pod or least_loaded(takers, places=places, source=source)

    def pick_for_other(self, now: float, source: random.Random, *, not_to: str = "") -> PodLoad | None:
        """The pod that a request goes to that is no use: it takes no place."""
        takers = [pod for pod in self.pods.values() if pod.available]
        takers = [pod for pod in takers if pod.ejected_until <= now and pod.pod.uid != not_to] or takers
        return least_loaded(takers, places=_no_bound, source=source)

    def blocked(self, now: float) -> Problem | None:
        """Why nobody may wait for it, if so: it is gone, it cannot be woken, or its pods are in trouble for good."""
        stands, name = self.stands, "/".join(self.key)
        if stands.state is State.GONE:
            return Problem(refusal=Refusal.SERVICE_GONE, message=f"the InferenceService {name} does not exist")
        if stands.state is State.BLOCKED:
            refusal = Refusal.PODS_IN_TROUBLE if stands.in_trouble else Refusal.CANNOT_WAKE
            what = "has no pod that answers" if stands.in_trouble else "sleeps and may not be woken"
            why = f"{stands.reason}: {stands.message}" if stands.message else stands.reason
            return Problem(refusal=refusal, reason=stands.reason, message=f"the InferenceService {name} {what}: {why}")
        refused = self.waking.refusal(now) if stands.state is State.ASLEEP else None
        if refused is None:
            return None
        message = f"the InferenceService {name} sleeps, and waking it was refused: {refused.message}"
        return Problem(refusal=Refusal.CANNOT_WAKE, reason=refused.reason, message=message)

    def reject(self, problem: Problem) -> Reply:
        """Count a refusal, and make the answer of it."""
        reply = problem.reply()
        self.tally.rejected[problem.refusal.value] += 1
        self.tally.responses[reply.status] += 1
        return reply

    def retry_after_seconds(self, now: float) -> int:
        """When a client had better come again: when pods should be there that are not, and at least in a second."""
        if self.stands.state is State.WARM:
            return 1
        plan = self.spec.wake_plan if self.spec is not None else None
        lead = plan.lead_time_seconds if plan is not None else None
        since = now - self.waking.started if self.waking.started is not None else 0.0
        left = math.ceil((UNKNOWN_LEAD_SECONDS if lead is None else lead) - since)
        return min(max(1, left), LONGEST_RETRY_SECONDS)

    def ejections_end(self, now: float) -> Iterable[float]:
        """When pods that refused a connection are tried again, in seconds of the loop."""
        return (pod.ejected_until for pod in self.pods.values() if pod.ejected_until > now)

    def unproven(self, now: float) -> Iterator[ModelPod]:
        """Pods that have yet to answer before they take requests, again or for the first time."""
        for load in self.pods.values():
            if load.pod.serving and load.pod.address and (not load.available or load.ejected_until > now):
                yield load.pod

    def counts(self, now: float) -> ServiceCounts:
        """All counts at this instant, in seconds of the loop."""
        oldest, tally, places = self.queue.oldest, self.tally, self.places()
        return ServiceCounts(
            requests_total=tally.requests,
            in_flight=self.in_flight + sum(pod.inherited for pod in self.pods.values()),
            held=len(self.queue),
            oldest_held_seconds=0.0 if oldest is None else now - oldest.arrived,
            held_bytes=self.queue.size,
            abandoned_total=tally.abandoned,
            last_use=self.last_use,
            slots=sum(places(pod) for pod in self.pods.values() if pod.available),
            state=self.stands.state.value,
            retries_total=tally.retries,
            rejected=tally.rejected,
            wakes=tally.wakes,
            responses=tally.responses,
            cold_start=tally.cold_starts,
        )
