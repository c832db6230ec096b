"""Where requests are held: within bounds, until a pod has a place, or until there is no sense in waiting."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from tidegate.gateway.exchange import Forward, Request
from tidegate.gateway.policy.hold import Held, bytes_held
from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.policy.refusal import Problem, Refusal
from tidegate.gateway.policy.release import Turns
from tidegate.gateway.policy.service import Service
from tidegate.gateway.policy.standing import State
from tidegate.gateway.policy.wake import WakeOutcome, WakeResult, wake_size
from tidegate.gateway.routed_service import RoutedService

WAKE_TIMEOUT_SECONDS = 10.0
"""For one attempt: then the API server counts as unreachable."""

TIMER_TOLERANCE_SECONDS = 0.001
"""What is due so soon is due now: a timer may ring a little early."""

Wake = Callable[[RoutedService, int], Awaitable[WakeOutcome]]
"""Raises the service's Deployment from 0 to a size by compare-and-set. It may raise: that counts as Unreachable."""


class WaitingRoom:
    """All requests that this gateway holds.

    Its one rule is `review`: it looks at a service as it is now, does what is due, and sets one timer for what will be.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        wake: Wake,
        send: Callable[[Held, PodLoad], Forward],
        held_bytes_limit: int,
        source: random.Random,
    ) -> None:
        """Begin empty.

        Args:
            clock: as `Router`.
            wake: as `Router`.
            send: counts a held request as sent to a pod, and says what Envoy is told.
            held_bytes_limit: as `Router`.
            source: as `Router`.
        """
        self._clock = clock
        self._wake = wake
        self._send = send
        self._held_bytes_limit = held_bytes_limit
        self._source = source
        self._turns: Turns[Service] = Turns(self._let_one_go)
        self._attempts: set[asyncio.Task[None]] = set()
        self._closes_at: float | None = None
        self.held = 0
        self.held_bytes = 0

    @property
    def closing(self) -> bool:
        """Whether the gateway is about to leave."""
        return self._closes_at is not None

    def close(self, at: float) -> None:
        """Hold nothing beyond an instant, in seconds of the loop."""
        self._closes_at = at

    def hold(
        self, service: Service, request: Request, *, arrived: float, cold: bool, not_to: str = ""
    ) -> Held | Problem:
        """Hold a request, or say why not.

        Args:
            service: whose pods it waits for.
            request: a use.
            arrived: in seconds of the loop, when it came first.
            cold: whether it found no pod then.
            not_to: uid of a pod that did not take it.
        """
        now = asyncio.get_running_loop().time()
        problem = self._no_sense(service, now)
        if problem is None and not not_to:  # Who was let in once is not turned away for want of room.
            problem = self._no_room(service, request, now)
        if problem is not None:
            return problem
        held = Held(service, request, arrived=arrived, cold=cold, not_to=not_to)
        service.queue.put(held)
        self.held += 1
        self.held_bytes += held.size
        if service.stands.state is not State.WARM:
            service.waking.wanted(now)
        self._see_to(service, now)
        return held

    def abandon(self, held: Held) -> None:
        """The client of a held request has left."""
        if held in held.service.queue:
            self._take_out(held)
        held.service.tally.abandoned += 1

    def review(self, service: Service) -> None:
        """Look at a service anew, because something about it changed or is due."""
        now = asyncio.get_running_loop().time()
        service.lend(now)
        if service.stand(self._clock()).state is State.WARM:
            service.waking.over()
        if not service.queue:
            return
        problem = self._no_sense(service, now)
        if problem is not None:
            self._turn_away_all(service, problem)
            return
        self._turn_away_overdue(service, now)
        if service.queue:
            self._see_to(service, now)

    def places_freed(self, service: Service) -> None:
        """A pod may have a place again."""
        if service.queue:
            self._see_to(service, asyncio.get_running_loop().time())

    def _see_to(self, service: Service, now: float) -> None:
        """Let go, wake, and set the timer for what is due next."""
        oldest, spec, stands = service.queue.oldest, service.spec, service.stands
        if oldest is None or spec is None:
            return
        due = [oldest.arrived + spec.hold_timeout_seconds]
        if self._closes_at is not None:
            due.append(self._closes_at)
        if stands.state is State.WARM:
            self._turns.add(service)
            due.extend(service.ejections_end(now))
        if stands.changes_at is not None:
            due.append(now + stands.changes_at - self._clock())
        if stands.state is State.ASLEEP and spec.wake_plan is not None and not service.waking.running:
            attempt_at = service.waking.due_at(len(service.queue), spec.wake_plan)
            if attempt_at <= now + TIMER_TOLERANCE_SECONDS:
                self._attempt(service, spec, wake_size(len(service.queue), spec.wake_plan))
            else:
                due.append(attempt_at)
        self._ring_at(service, min(due))

    def _ring_at(self, service: Service, at: float) -> None:
        """Have one timer for a service; it may ring too early, never too late."""
        if service.alarm is not None:
            if service.alarm.when() <= at:
                return
            service.alarm.cancel()
        service.alarm = asyncio.get_running_loop().call_at(at, self._rung, service)

    def _rung(self, service: Service) -> None:
        service.alarm = None
        self.review(service)

    def _no_sense(self, service: Service, now: float) -> Problem | None:
        """Why nobody should wait for a service, if so."""
        if self._closes_at is not None and now >= self._closes_at - TIMER_TOLERANCE_SECONDS:
            return Problem(
                refusal=Refusal.GATEWAY_LEAVING,
                message="this gateway is about to end and no pod was ready in time; another takes the request",
            )
        return service.blocked(now)

    def _no_room(self, service: Service, request: Request, now: float) -> Problem | None:
        """Which bound a request would break, if one."""
        spec = service.spec
        if spec is not None and len(service.queue) >= spec.max_held_requests:
            return Problem(
                refusal=Refusal.QUEUE_FULL,
                retry_after_seconds=service.retry_after_seconds(now),
                message=f"{len(service.queue)} requests wait for the InferenceService {'/'.join(service.key)} already, "
                f"and routing.maxHeldRequests is {spec.max_held_requests}; come again later",
            )
        if self.held_bytes + bytes_held(request) > self._held_bytes_limit:
            return Problem(
                refusal=Refusal.MEMORY_FULL,
                retry_after_seconds=service.retry_after_seconds(now),
                message=f"this gateway holds {self.held_bytes} bytes of requests already, of "
                f"{self._held_bytes_limit} at most; come again later",
            )
        return None

    def _turn_away_all(self, service: Service, problem: Problem) -> None:
        while (held := service.queue.oldest) is not None:
            self._turn_away(held, problem)

    def _turn_away_overdue(self, service: Service, now: float) -> None:
        bound = service.spec.hold_timeout_seconds if service.spec is not None else 0.0
        while (held := service.queue.oldest) and held.arrived + bound <= now + TIMER_TOLERANCE_SECONDS:
            last = service.waking.last
            told = f"; the last attempt to wake it: {last.message}" if last is not None and last.message else ""
            problem = Problem(
                refusal=Refusal.HELD_TOO_LONG,
                retry_after_seconds=service.retry_after_seconds(now),
                message=f"no pod of the InferenceService {'/'.join(service.key)} had a place within "
                f"routing.holdTimeoutSeconds, {bound:g} s ({service.stands.state.value}){told}",
            )
            self._turn_away(held, problem)

    def _turn_away(self, held: Held, problem: Problem) -> None:
        self._take_out(held)
        if not held.answer.done():
            held.answer.set_result(held.service.reject(problem))

    def _let_one_go(self, service: Service) -> bool:
        """Send the oldest on; False when nobody waits, or no pod has a place."""
        now = asyncio.get_running_loop().time()
        while (held := service.queue.oldest) is not None and held.answer.done():
            self._take_out(held)  # Its client left this very moment.
        pod = service.pick(held.request, now, self._source, not_to=held.not_to) if held is not None else None
        if held is None or pod is None:
            return False
        self._take_out(held)
        held.answer.set_result(self._send(held, pod))
        return True

    def _take_out(self, held: Held) -> None:
        held.service.queue.remove(held)
        self.held -= 1
        self.held_bytes -= held.size
        if not held.service.queue:
            held.service.waking.nobody_waits()

    def _attempt(self, service: Service, spec: RoutedService, replicas: int) -> None:
        """Wake a service, beside everything else."""
        service.waking.attempted()
        task = asyncio.get_running_loop().create_task(self._wake_up(service, spec, replicas))
        self._attempts.add(task)  # The loop itself keeps no task alive.
        task.add_done_callback(self._attempts.discard)

    async def _wake_up(self, service: Service, spec: RoutedService, replicas: int) -> None:
        try:
            async with asyncio.timeout(WAKE_TIMEOUT_SECONDS):
                outcome = await self._wake(spec, replicas)
        except TimeoutError:
            message = f"the API server did not answer within {WAKE_TIMEOUT_SECONDS:g} s"
            outcome = WakeOutcome(result=WakeResult.UNREACHABLE, message=message)
        except Exception as error:  # noqa: BLE001 - whatever it is, those that wait must not wait for nothing.
            outcome = WakeOutcome(result=WakeResult.UNREACHABLE, message=f"{type(error).__name__}: {error}")
        service.tally.wakes[outcome.result.value] += 1
        service.waking.concluded(outcome, asyncio.get_running_loop().time())
        self.review(service)
