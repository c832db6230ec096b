"""A router in fake time, with the little that the tests of it have in common."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from typing import Any

import looptime

from tidegate.api.routing import RoutingMode, WakePlan
from tidegate.gateway.exchange import Ended, Forward, Reply, Request
from tidegate.gateway.policy import Router, WakeOutcome, WakeResult
from tidegate.gateway.routed_service import Key, ModelPod, PodEngine, PodTrouble, RoutedService

CHAT: Key = ("models", "chat")
EPOCH = 1_700_000_000.0
"""What the gateway's clock shows when the loop's shows 0."""

Story = Callable[[], Coroutine[Any, Any, None]]


def in_fake_time(story: Story) -> None:
    """Run a story whose waits take no time."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0)) as runner:
        runner.run(story())


def now() -> float:
    """Seconds of the loop."""
    return asyncio.get_running_loop().time()


def clock() -> float:
    """Seconds since the epoch."""
    return EPOCH + now()


def a_plan(**changes: Any) -> WakePlan:
    """A plan that allows up to 8 replicas, 20 requests each."""
    fields = {
        "deployment": "chat",
        "allowed": True,
        "reason": "Allowed",
        "max_replicas": 8,
        "requests_per_replica": 20,
        "lead_time_seconds": 40,
    }
    return WakePlan(**(fields | changes))


def a_service(key: Key = CHAT, **changes: Any) -> RoutedService:
    """A service that may be woken."""
    fields: dict[str, Any] = {
        "key": key,
        "uid": f"uid-{key[1]}",
        "created": 1_600_000_000.0,
        "mode": RoutingMode.GATEWAY,
        "port": 10_000,
        "models": (key[1],),
        "shared": True,
        "max_held_requests": 1000,
        "hold_timeout_seconds": 300.0,
        "affinity_header": None,
        "engines": {"default": PodEngine(port=8000, health_path="/health")},
        "wake_plan": a_plan(),
    }
    return RoutedService(**(fields | changes))


def a_pod(name: str = "chat-0", **changes: Any) -> ModelPod:
    """A pod that takes requests."""
    fields: dict[str, Any] = {
        "uid": f"uid-{name}",
        "name": name,
        "address": f"{name}:8000",
        "ready": True,
        "serving": True,
        "health_path": "/health",
    }
    return ModelPod(**(fields | changes))


def trouble(reason: str, since: float = EPOCH) -> PodTrouble:
    """Why a pod does not start."""
    return PodTrouble(reason=reason, message=f"says the kubelet of {reason}", since=since)


def a_request(service: Key | None = CHAT, **changes: Any) -> Request:
    """A use."""
    fields: dict[str, Any] = {
        "service": service,
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": {"content-type": "application/json", "x-request-id": "given"},
        "content_length": 2048,
    }
    return Request(**(fields | changes))


def a_get(path: str, service: Key | None = CHAT) -> Request:
    """A question that is no use."""
    return a_request(service, method="GET", path=path, content_length=None)


def an_end(forward: Forward, **changes: Any) -> Ended:
    """The end of a request that went well."""
    fields: dict[str, Any] = {"pick_id": forward.pick_id, "address": forward.address, "status": 200}
    return Ended(**(fields | changes))


def error_of(reply: Reply) -> dict[str, Any]:
    """The error in OpenAI's shape."""
    error: dict[str, Any] = json.loads(reply.body)["error"]
    return error


def header_of(reply: Reply, name: str) -> str | None:
    """A header of an answer; None where it is not there."""
    return dict(reply.headers).get(name)


class Stage:
    """A router, what it asks the API server for, and the callers at its door."""

    def __init__(self, **settings: Any) -> None:
        self.wakes: list[tuple[float, Key, int]] = []
        self.outcomes: list[WakeOutcome | Exception] = []
        """Of the next attempts; then all are Woken."""

        self.wake_seconds = 0.0
        self.pods: tuple[ModelPod, ...] = ()
        """Of the service that was put last."""

        self.running: list[Forward] = []
        """For the test to fill."""

        self.ids = 0
        self.router = Router(
            **(
                {
                    "clock": clock,
                    "wake": self._wake,
                    "new_id": self._new_id,
                    "held_bytes_limit": 1 << 30,
                    "source": random.Random(7),  # noqa: S311 - a test.
                }
                | settings
            )
        )

    async def _wake(self, service: RoutedService, replicas: int) -> WakeOutcome:
        self.wakes.append((now(), service.key, replicas))
        await asyncio.sleep(self.wake_seconds)
        outcome = self.outcomes.pop(0) if self.outcomes else WakeOutcome(result=WakeResult.WOKEN)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _new_id(self) -> str:
        self.ids += 1
        return f"id-{id(self)}-{self.ids}"

    def call(self, request: Request | None = None) -> asyncio.Task[Forward | Reply]:
        """Let a caller come."""
        return asyncio.get_running_loop().create_task(self.router.route(request or a_request()))

    def put(self, service: RoutedService, *pods: ModelPod) -> None:
        """Tell the router of a service with its pods."""
        self.pods = pods
        self.router.put_service(service)
        self.router.put_pods(service.key, pods)


async def soon() -> None:
    """Let everything that is due happen, without time going on."""
    for _ in range(300):
        await asyncio.sleep(0)


def sent(task: asyncio.Task[Forward | Reply]) -> Forward:
    """Where a caller was sent."""
    answer = task.result()
    assert isinstance(answer, Forward), answer
    return answer


def refused(task: asyncio.Task[Forward | Reply]) -> Reply:
    """What a caller was answered."""
    answer = task.result()
    assert isinstance(answer, Reply), answer
    return answer
