"""The policy as a whole: every request comes here, and leaves with a pod or with an answer."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping

from tidegate.gateway.exchange import Ended, Forward, Reply, Request
from tidegate.gateway.policy.counts import Report
from tidegate.gateway.policy.desk import Desk
from tidegate.gateway.policy.flights import Flight
from tidegate.gateway.policy.hold import Held
from tidegate.gateway.policy.inherited import Inherited
from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.policy.service import Service
from tidegate.gateway.policy.waiting_room import Wake
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
            held_bytes_limit: of the headers and bodies of all requests that are held.
            source: decides between pods that are equal.
        """
        self._clock = clock
        self._held_bytes_limit = held_bytes_limit
        self._start = clock()
        self._gateways = 1
        self._mended = 0
        self._services: dict[Key, Service] = {}
        self._inherited = Inherited()
        self._desk = Desk(
            self._services,
            clock=clock,
            wake=wake,
            new_id=new_id,
            held_bytes_limit=held_bytes_limit,
            source=source or random.Random(),  # noqa: S311 - spreads load; nothing secret.
        )

    # What the cluster says

    def put_service(self, spec: RoutedService) -> None:
        """Learn of a service, or of what changed in it: it holds for those that wait already, too."""
        service = self._service(spec.key)
        service.spec = spec
        self._desk.models.put(spec)
        self._desk.room.review(service)

    def forget_service(self, key: Key) -> None:
        """A service is gone: those that wait for it are told so at once, those that run go on."""
        self._desk.models.forget(key)
        service = self._services.get(key)
        if service is not None:
            service.spec = None
            self._desk.room.review(service)
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
        service.waking.pods_changed(self._now())
        self._desk.room.review(service)
        self._drop_if_empty(service)

    def pod_answered(self, key: Key, uid: str) -> None:
        """Our own probe had an answer from a pod's engine: it takes requests, whatever the kubelet knows by now."""
        service = self._services.get(key)
        load = service.pods.get(uid) if service is not None else None
        if service is not None and load is not None:
            load.probed()
            self._desk.room.review(service)

    def set_gateways(self, count: int) -> None:
        """Learn how many gateways are alive: they share the places that pods have. At least 1, this one."""
        self._gateways = max(1, count)
        for service in self._services.values():
            service.gateways = self._gateways
            self._desk.room.review(service)

    def to_probe(self) -> Iterator[tuple[Key, ModelPod, str | None]]:
        """Pods that somebody waits for: their service, themselves, and the path that tells whether they are well.

        With a path of None a connection has to do. Ask every 200 ms.
        """
        now = self._now()
        for service in self._services.values():
            if service.queue and service.spec is not None:
                for pod in service.unproven(now):
                    yield service.key, pod, pod.health_path

    # Requests

    async def route(self, request: Request) -> Forward | Reply:
        """Settle what becomes of a request; this takes as long as it is held.

        Cancel it when the client has left. Once it has returned a `Forward`, tell `ended` exactly when that is over,
        also if it could not be handed to Envoy any more; telling it twice does no harm.
        """
        settled = self._desk.settle(request)
        if not isinstance(settled, Held):
            return settled
        delivered = False
        try:
            answer = await settled.answer
            delivered = True
        finally:
            if not delivered:
                self._desk.abandon(settled)
        return answer

    def ended(self, ended: Ended) -> None:
        """A request that was sent on is over, one way or another."""
        if ended.pick_id is None:
            return  # Answered here: counted when it was.
        flight = self._end(ended.pick_id, status=ended.status)
        if flight is None:
            self._ended_elsewhere(ended.pick_id, ended.address)
            return
        service, now = flight.service, self._now()
        if flight.use:
            service.tally.abandoned += ended.client_left
        if REFUSED_FLAG in ended.flags:
            flight.pod.refused(now)
            self._desk.room.review(service)
            return
        if ended.status:
            flight.pod.finished(now)
        self._desk.room.places_freed(service)

    def resync(self, in_flight: Mapping[str, int]) -> None:
        """Compare with what Envoy carries: at the start, and every half a minute or so.

        At the start this takes over what a picker before this one sent off. Later it mends counts: log entries get lost
        when Envoy is not listened to in time.

        Args:
            in_flight: address to the requests that are active there, as Envoy said within the last second.
        """
        over, inherited = self._desk.flights.settle(in_flight, self._now())
        for pick_id in over:
            self._end(pick_id, status=0)
        self._mended += len(over)
        self._inherited.resync(inherited)
        for service in self._services.values():
            self._desk.room.places_freed(service)

    def leave(self, *, within_seconds: float = LEAVING_SECONDS) -> None:
        """This gateway is told to end: requests are still taken and held, but not for longer than this.

        Then all that are held, and all that would have to be, are answered 503 with Retry-After: 1.
        """
        self._desk.room.close(self._now() + within_seconds)
        for service in self._services.values():
            self._desk.room.review(service)

    def holds(self, key: Key) -> bool:
        """Whether requests are held for a service now."""
        return self.held(key) > 0

    def held(self, key: Key) -> int:
        """How many requests are held for a service now."""
        service = self._services.get(key)
        return 0 if service is None else len(service.queue)

    def report(self) -> Report:
        """All counts, now."""
        now, clock_now = self._now(), self._clock()
        for each in self._services.values():
            each.stand(clock_now)
        return Report(
            services={key: each.counts(now) for key, each in self._services.items() if each.spec is not None},
            held=self._desk.room.held,
            held_bytes=self._desk.room.held_bytes,
            held_bytes_limit=self._held_bytes_limit,
            unrouted=self._desk.unrouted,
            mended=self._mended,
            leaving=self._desk.room.closing,
        )

    def _end(self, pick_id: str, *, status: int) -> Flight | None:
        """Count the end of a request that this picker sent off and whose end has not been told yet."""
        flight = self._desk.flights.end(pick_id)
        if flight is not None and flight.use:
            flight.service.last_use = self._clock()
            flight.service.tally.responses[status] += 1
        return flight

    def _ended_elsewhere(self, pick_id: str, address: str | None) -> None:
        """Of a picker before this one; or told a second time, and then it counts no more."""
        if address is None or not self._desk.flights.of_another_picker(pick_id):
            return
        service = self._inherited.end(address)
        if service is not None:
            service.last_use = self._clock()
            self._desk.room.places_freed(service)

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
