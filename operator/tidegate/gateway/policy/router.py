"""The policy as a whole: every request comes here, and leaves with a pod or with an answer."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tidegate.gateway.exchange import Ended, Forward, Reply, Request
from tidegate.gateway.policy.counts import Report
from tidegate.gateway.policy.flights import Flight, Flights
from tidegate.gateway.policy.headers import headers_to_add
from tidegate.gateway.policy.hold import Held
from tidegate.gateway.policy.inherited import Inherited
from tidegate.gateway.policy.models import ModelDirectory
from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.policy.refusal import Problem, Refusal
from tidegate.gateway.policy.service import Service
from tidegate.gateway.policy.shared_address import find_service
from tidegate.gateway.policy.standing import State
from tidegate.gateway.policy.uses import is_use
from tidegate.gateway.policy.waiting_room import WaitingRoom, Wake
from tidegate.gateway.policy.without_pod import answer_without_pod
from tidegate.gateway.routed_service import Key, ModelPod, RoutedService

LEAVING_SECONDS = 20.0
"""How long requests are still held after SIGTERM, unless told otherwise."""

REFUSED_FLAG = "upstream_connection_failure"
"""Of Envoy's access log: the pod took no connection."""


class Router:
    """Counts, holds, wakes, picks and lets go.

    All methods are for one event loop, and none but `route` waits. Durations are of the loop's clock.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        wake: Wake,
        new_id: Callable[[], str],
        held_bytes_limit: int,
        source: random.Random | None = None,
    ) -> None:
        """Begin with no services.

        Args:
            clock: seconds since the epoch, the clock of `PodTrouble.since` and of `ServiceCounts.last_use`.
            wake: raises a service's Deployment from 0.
            new_id: gives a word never given before, by no process: ids of requests that bring none, and this picker's.
            held_bytes_limit: of the bodies of all requests that are held.
            source: decides between pods that are equal.
        """
        self._clock = clock
        self._new_id = new_id
        self._held_bytes_limit = held_bytes_limit
        self._source = source or random.Random()  # noqa: S311 - spreads load; nothing secret.
        self._start = clock()
        self._services: dict[Key, Service] = {}
        self._models = ModelDirectory()
        self._flights = Flights(new_id)
        self._inherited = Inherited()
        self._gateways = 1
        self._unrouted: Counter[str] = Counter()
        self._room = WaitingRoom(
            clock=clock, wake=wake, send=self._send_held, held_bytes_limit=held_bytes_limit, source=self._source
        )

    # What the cluster says

    def put_service(self, spec: RoutedService) -> None:
        """Learn of a service, or of what changed in it: it holds for those that wait already, too."""
        service = self._service(spec.key)
        service.spec = spec
        self._models.put(spec)
        self._room.review(service)

    def forget_service(self, key: Key) -> None:
        """A service is gone: those that wait for it are told so at once, those that run go on."""
        self._models.forget(key)
        service = self._services.get(key)
        if service is not None:
            service.spec = None
            self._room.review(service)
            self._drop_if_empty(service)

    def put_pods(self, key: Key, pods: tuple[ModelPod, ...]) -> None:
        """Learn of all pods that a service has now. Those that are missing have gone."""
        service = self._service(key)
        before, service.pods = service.pods, {}
        for gone in before.values():
            self._inherited.forget(gone)
        for pod in pods:
            load = service.pods[pod.uid] = before.get(pod.uid) or PodLoad(pod)
            load.seen(pod)
            self._inherited.put(service, load)
        self._room.review(service)
        self._drop_if_empty(service)

    def pod_answered(self, key: Key, uid: str) -> None:
        """Our own probe had an answer from a pod's engine: it takes requests, whatever the kubelet knows by now."""
        service = self._services.get(key)
        load = service.pods.get(uid) if service is not None else None
        if service is not None and load is not None:
            load.probed()
            self._room.review(service)

    def set_gateways(self, count: int) -> None:
        """Learn how many gateways are alive: they share the places that pods have. At least 1, this one."""
        self._gateways = max(1, count)
        for service in self._services.values():
            service.gateways = self._gateways
            self._room.review(service)

    def to_probe(self) -> Iterator[tuple[Key, ModelPod, str | None]]:
        """Pods that somebody waits for: their service, themselves, and the path that tells whether they are well.

        With a path of None a connection has to do. Ask every 200 ms.
        """
        now = self._now()
        for service in self._services.values():
            if service.queue and service.spec is not None:
                for pod in service.unproven(now):
                    yield service.key, pod, service.spec.health_path

    # Requests

    async def route(self, request: Request) -> Forward | Reply:
        """Settle what becomes of a request; this takes as long as it is held.

        Cancel it when the client has left. Once it has returned a `Forward`, tell `ended` exactly when that is over,
        also if it could not be handed to Envoy any more; telling it twice does no harm.
        """
        settled = self._settle(request)
        if not isinstance(settled, Held):
            return settled
        delivered = False
        try:
            answer = await settled.answer
            delivered = True
        finally:
            if not delivered:
                self._abandon(settled)
        return answer

    def ended(self, ended: Ended) -> None:
        """A request that was sent on is over, one way or another."""
        if ended.pick_id is None:
            return  # Answered here: counted when it was.
        flight = self._flights.end(ended.pick_id)
        if flight is None:
            self._ended_elsewhere(ended.pick_id, ended.address)
            return
        service, now = flight.service, self._now()
        if flight.use:
            service.last_use = self._clock()
            service.tally.responses[ended.status] += 1
            service.tally.abandoned += ended.client_left
        if REFUSED_FLAG in ended.flags:
            flight.pod.refused(now)
            self._room.review(service)
            return
        if ended.status:
            flight.pod.finished(now)
        self._room.places_freed(service)

    def resync(self, in_flight: Mapping[str, int]) -> None:
        """Take over what runs already, after a restart: what Envoy has with each address beyond what was sent there.

        May be repeated at any time; it mends counts of requests whose end was told to nobody.

        Args:
            in_flight: address to the requests that are active there.
        """
        self._inherited.resync(in_flight)

    def leave(self, *, within_seconds: float = LEAVING_SECONDS) -> None:
        """This gateway is told to end: requests are still taken and held, but not for longer than this.

        Then all that are held, and all that would have to be, are answered 503 with Retry-After: 1.
        """
        self._room.close(self._now() + within_seconds)
        for service in self._services.values():
            self._room.review(service)

    def report(self) -> Report:
        """All counts, now."""
        now, clock_now = self._now(), self._clock()
        for each in self._services.values():
            each.stand(clock_now)
        return Report(
            services={key: each.counts(now) for key, each in self._services.items() if each.spec is not None},
            held=self._room.held,
            held_bytes=self._room.held_bytes,
            held_bytes_limit=self._held_bytes_limit,
            unrouted=self._unrouted,
            leaving=self._room.closing,
        )

    # What becomes of a request

    def _settle(self, request: Request) -> Forward | Reply | Held:
        flight = self._flights.find(request.pick_id)
        if flight is not None:
            return self._again(request, flight)
        key: Key | Reply | Problem | None = request.service
        if key is None:
            key = find_service(request, self._models)
        if isinstance(key, Reply):
            return key
        if isinstance(key, Problem):
            return self._reject_unrouted(key)
        service = self._services.get(key)
        if service is None or service.stands.state is State.GONE:
            return self._gone(key)
        if not is_use(request):
            return self._settle_other(service, request)
        if request.attempt == 1 and request.pick_id is None:
            service.tally.requests += 1
            service.last_use = self._clock()
            service.budget.earn()
        now = self._now()
        return self._pick_or_hold(service, request, arrived=now, cold=service.stands.state is not State.WARM)

    def _pick_or_hold(
        self, service: Service, request: Request, *, arrived: float, cold: bool, not_to: str = ""
    ) -> Forward | Reply | Held:
        """One that is a use: nobody overtakes those that wait, but who has waited before."""
        now = self._now()
        pod = None if service.queue and not not_to else service.pick(request, now, self._source, not_to=not_to)
        if pod is not None:
            flight = Flight(service=service, pod=pod, use=True, arrived=arrived, cold=cold)
            return self._send(flight, request, now)
        held = self._room.hold(service, request, arrived=arrived, cold=cold, not_to=not_to)
        return service.reject(held) if isinstance(held, Problem) else held

    def _settle_other(self, service: Service, request: Request, *, not_to: str = "") -> Forward | Reply:
        """One that is no use: sent on where a pod is, never held."""
        now = self._now()
        pod = service.pick_for_other(now, self._source, not_to=not_to)
        if pod is not None:
            return self._send(Flight(service=service, pod=pod, use=False, arrived=now, cold=False), request, now)
        spec, state = service.spec, service.stands.state
        if spec is None:
            return self._gone(service.key)
        retry = service.retry_after_seconds(now)
        answer = answer_without_pod(request, spec, state, retry_after_seconds=retry)
        return answer if isinstance(answer, Reply) else service.reject(answer)

    def _again(self, request: Request, flight: Flight) -> Forward | Reply | Held:
        """The second question about one request: its pod did not take it, or Envoy had nobody to try yet."""
        service, now, uid = flight.service, self._now(), flight.pod.pod.uid
        if request.attempt == 1 or request.pick_id is None:
            return self._headed(request, request.pick_id or "", flight, now)
        self._flights.end(request.pick_id)
        flight.pod.refused(now)
        self._room.review(service)
        if not flight.use:
            return self._settle_other(service, request, not_to=uid)
        service.tally.retries += 1
        if not service.budget.spend(now):
            message = "a pod took no connection, and too many requests were tried a second time lately; come again"
            return service.reject(Problem(refusal=Refusal.RETRY_BUDGET_SPENT, message=message))
        return self._pick_or_hold(service, request, arrived=flight.arrived, cold=flight.cold, not_to=uid)

    def _send_held(self, held: Held, pod: PodLoad) -> Forward:
        flight = Flight(service=held.service, pod=pod, use=True, arrived=held.arrived, cold=held.cold)
        now = self._now()
        if held.cold:
            held.service.tally.cold_start(now - held.arrived)
        return self._send(flight, held.request, now)

    def _send(self, flight: Flight, request: Request, now: float) -> Forward:
        """Count it, and tell Envoy where to."""
        return self._headed(request, self._flights.start(flight, request.pick_id), flight, now)

    def _headed(self, request: Request, pick_id: str, flight: Flight, now: float) -> Forward:
        waited = now - flight.arrived
        headers = headers_to_add(request, cold=flight.cold, held_seconds=waited, new_id=self._new_id)
        return Forward(pick_id=pick_id, address=flight.pod.pod.address, headers_to_add=headers)

    def _abandon(self, held: Held) -> None:
        """The client has left: before its turn, or in the instant between that and its delivery."""
        self._room.abandon(held)
        if held.answer.done() and not held.answer.cancelled() and isinstance(answer := held.answer.result(), Forward):
            self._flights.end(answer.pick_id)
            self._room.places_freed(held.service)

    # Small steps

    def _ended_elsewhere(self, pick_id: str, address: str | None) -> None:
        """Of a picker before this one; or told a second time, and then it counts no more."""
        if address is None or not self._flights.of_another_picker(pick_id):
            return
        service = self._inherited.end(address)
        if service is not None:
            service.last_use = self._clock()
            self._room.places_freed(service)

    def _gone(self, key: Key) -> Reply:
        message = f"the InferenceService {'/'.join(key)} does not exist"
        return self._reject_unrouted(Problem(refusal=Refusal.SERVICE_GONE, message=message))

    def _reject_unrouted(self, problem: Problem) -> Reply:
        self._unrouted[problem.refusal.value] += 1
        return problem.reply()

    def _service(self, key: Key) -> Service:
        service = self._services.get(key)
        if service is None:
            service = self._services[key] = Service(key, now=self._now(), last_use=self._start)
            service.gateways = self._gateways
        return service

    def _drop_if_empty(self, service: Service) -> None:
        if service.spec is None and not service.pods:
            self._services.pop(service.key, None)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
