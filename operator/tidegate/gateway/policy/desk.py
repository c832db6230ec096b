"""What becomes of one request at the instant it comes: a pod, an answer, or a place in the waiting room."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping

from tidegate.gateway.exchange import Forward, Reply, Request
from tidegate.gateway.policy.flights import Flight, Flights
from tidegate.gateway.policy.headers import headers_to_add
from tidegate.gateway.policy.hold import Held
from tidegate.gateway.policy.models import ModelDirectory
from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.policy.refusal import Problem, Refusal
from tidegate.gateway.policy.service import Service
from tidegate.gateway.policy.shared_address import find_service
from tidegate.gateway.policy.standing import State
from tidegate.gateway.policy.uses import is_use
from tidegate.gateway.policy.waiting_room import WaitingRoom, Wake
from tidegate.gateway.policy.without_pod import answer_without_pod
from tidegate.gateway.routed_service import Key


class Desk:
    """Where requests come to, and what it sends off."""

    def __init__(
        self,
        services: Mapping[Key, Service],
        *,
        clock: Callable[[], float],
        wake: Wake,
        new_id: Callable[[], str],
        held_bytes_limit: int,
        source: random.Random,
    ) -> None:
        """Open it.

        Args:
            services: those that there are, kept up to date by whoever opens it.
            clock: as `Router`.
            wake: as `Router`.
            new_id: as `Router`.
            held_bytes_limit: as `Router`.
            source: as `Router`.
        """
        self._services = services
        self._clock = clock
        self._new_id = new_id
        self._source = source
        self.models = ModelDirectory()
        self.flights = Flights(new_id)
        self.room = WaitingRoom(
            clock=clock, wake=wake, send=self._send_held, held_bytes_limit=held_bytes_limit, source=source
        )
        self.unrouted: Counter[str] = Counter()
        """Refused requests that belong to no service, by `Refusal`."""

    def settle(self, request: Request) -> Forward | Reply | Held:
        """Settle what becomes of a request, or hold it."""
        flight = self.flights.find(request.pick_id)
        if flight is not None:
            return self._again(request, flight)
        key: Key | Reply | Problem | None = request.service
        if key is None:
            key = find_service(request, self.models)
        if isinstance(key, Reply):
            return key
        if isinstance(key, Problem):
            return self._reject_unrouted(key)
        service = self._services.get(key)
        if service is None or service.stands.state is State.GONE:
            return self._gone(key)
        if not is_use(request, any_post=service.spec is not None and service.spec.any_post):
            return self._settle_other(service, request)
        if request.attempt == 1 and request.pick_id is None:
            service.tally.requests += 1
            service.last_use = self._clock()
            service.budget.earn()
        now = asyncio.get_running_loop().time()
        return self._pick_or_hold(service, request, arrived=now, cold=service.stands.state is not State.WARM)

    def _pick_or_hold(
        self, service: Service, request: Request, *, arrived: float, cold: bool, not_to: str = ""
    ) -> Forward | Reply | Held:
        """One that is a use: nobody overtakes those that wait, but who has waited before."""
        now = asyncio.get_running_loop().time()
        pod = None if service.queue and not not_to else service.pick(request, now, self._source, not_to=not_to)
        if pod is not None:
            flight = Flight(service=service, pod=pod, use=True, arrived=arrived, sent=now, cold=cold)
            return self._send(flight, request, now)
        held = self.room.hold(service, request, arrived=arrived, cold=cold, not_to=not_to)
        return service.reject(held) if isinstance(held, Problem) else held

    def _settle_other(self, service: Service, request: Request, *, not_to: str = "") -> Forward | Reply:
        """One that is no use: sent on where a pod is, never held."""
        now = asyncio.get_running_loop().time()
        pod = service.pick_for_other(now, self._source, not_to=not_to)
        if pod is not None:
            return self._send(
                Flight(service=service, pod=pod, use=False, arrived=now, sent=now, cold=False), request, now
            )
        spec, state = service.spec, service.stands.state
        if spec is None:
            return self._gone(service.key)
        retry = service.retry_after_seconds(now)
        answer = answer_without_pod(request, spec, state, retry_after_seconds=retry)
        return answer if isinstance(answer, Reply) else service.reject(answer)

    def _again(self, request: Request, flight: Flight) -> Forward | Reply | Held:
        """The second question about one request: its pod did not take it, or Envoy had nobody to try yet."""
        service, now, uid = flight.service, asyncio.get_running_loop().time(), flight.pod.pod.uid
        if request.attempt == 1 or request.pick_id is None:
            return self._headed(request, request.pick_id or "", flight, now)
        self.flights.end(request.pick_id)
        flight.pod.refused(now)
        self.room.review(service)
        if not flight.use:
            return self._settle_other(service, request, not_to=uid)
        service.tally.retries += 1
        if not service.budget.spend(now):
            message = "a pod took no connection, and too many requests were tried a second time lately; come again"
            return service.reject(Problem(refusal=Refusal.RETRY_BUDGET_SPENT, message=message))
        return self._pick_or_hold(service, request, arrived=flight.arrived, cold=flight.cold, not_to=uid)

    def _send_held(self, held: Held, pod: PodLoad) -> Forward:
        now = asyncio.get_running_loop().time()
        flight = Flight(service=held.service, pod=pod, use=True, arrived=held.arrived, sent=now, cold=held.cold)
        if held.cold:
            held.service.tally.cold_start(now - held.arrived)
        return self._send(flight, held.request, now)

    def _send(self, flight: Flight, request: Request, now: float) -> Forward:
        """Count it, and tell Envoy where to."""
        return self._headed(request, self.flights.start(flight, request.pick_id), flight, now)

    def _headed(self, request: Request, pick_id: str, flight: Flight, now: float) -> Forward:
        pod = flight.pod.pod
        headers = headers_to_add(
            request,
            cold=flight.cold,
            held_seconds=now - flight.arrived,
            new_id=self._new_id,
            keeps_connections=pod.keeps_connections,
        )
        return Forward(pick_id=pick_id, address=pod.address, headers_to_add=headers)

    def abandon(self, held: Held) -> None:
        """The client has left: before its turn, or in the instant between that and its delivery."""
        self.room.abandon(held)
        if held.answer.done() and not held.answer.cancelled() and isinstance(answer := held.answer.result(), Forward):
            self.flights.end(answer.pick_id)
            self.room.places_freed(held.service)

    def _gone(self, key: Key) -> Reply:
        message = f"the InferenceService {'/'.join(key)} does not exist"
        return self._reject_unrouted(Problem(refusal=Refusal.SERVICE_GONE, message=message))

    def _reject_unrouted(self, problem: Problem) -> Reply:
        self.unrouted[problem.refusal.value] += 1
        return problem.reply()
