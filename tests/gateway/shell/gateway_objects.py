"""Objects that gateways read, and what they make of them; and tests whose waits take no time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import looptime

from tidegate.api.names import API_VERSION, GROUP
from tidegate.api.routing import RoutingMode, WakePlan
from tidegate.cluster.resources import Document
from tidegate.gateway.members import Member, MemberState
from tidegate.gateway.routed_service import Key, ModelPod, PodEngine, RoutedService

CHAT: Key = ("models", "chat")
UID = "5b1e"


def in_fake_time(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a story whose waits take no time."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0)) as runner:
        runner.run(story())


def now() -> float:
    """Seconds of the loop."""
    return asyncio.get_running_loop().time()


def routed(key: Key = CHAT, **changes: Any) -> RoutedService:
    """A service as the policy knows it."""
    given: dict[str, Any] = {
        "key": key,
        "uid": UID,
        "created": 1_600_000_000.0,
        "mode": RoutingMode.GATEWAY,
        "port": 12_000,
        "models": ("m",),
        "shared": True,
        "max_held_requests": 1000,
        "hold_timeout_seconds": 300.0,
        "affinity_header": None,
        "engines": {"default": PodEngine(port=8000, health_path="/health")},
        "wake_plan": WakePlan(deployment="chat", allowed=True, reason="Asleep"),
    }
    return RoutedService(**(given | changes))


def inference_service(
    name: str = "chat", *, uid: str = UID, spec: Document | None = None, status: Document | None = None
) -> Document:
    """An InferenceService as the API server has it, routed unless a status says otherwise."""
    return {
        "apiVersion": API_VERSION,
        "kind": "InferenceService",
        "metadata": {
            "namespace": "models",
            "name": name,
            "uid": uid,
            "generation": 1,
            "creationTimestamp": "2020-09-13T12:26:40Z",
        },
        "spec": spec or {"model": {"name": "m"}, "engine": {"type": "vLLM", "image": "i"}},
        "status": routing_status() if status is None else status,
    }


def routing_status(mode: str = "Gateway", port: int | None = 12_000, *, standby: bool = False) -> Document:
    """What an operator writes for gateways."""
    routing = {"mode": mode, "standby": standby} | ({} if port is None else {"port": port})
    return {"routing": routing, "wakePlan": {"deployment": "chat", "allowed": True, "reason": "Asleep"}}


def pod(name: str = "chat-1", *, service: str | None = "chat", ready: bool = True, **changes: Any) -> Document:
    """A pod as the API server has it."""
    labels = {f"{GROUP}/routing": "serving"} | ({f"{GROUP}/service": service} if service else {})
    found: Document = {
        "kind": "Pod",
        "metadata": {
            "namespace": "models",
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": "2020-09-13T12:26:40Z",
            "labels": labels,
        },
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": str(ready)}]},
    }
    for key, value in changes.items():
        found[key] = found[key] | value
    return found


def member(name: str = "gateway-1", address: str = "10.7.0.1", **changes: Any) -> Member:
    """A gateway that serves."""
    return Member(**({"name": name, "address": address, "metrics": f"{address}:9090"} | changes))


def leaving(name: str, address: str) -> Member:
    """A gateway that leaves."""
    return member(name, address, state=MemberState.LEAVING)


def lease(of: Member, renewed: str) -> Document:
    """A gateway's Lease as the API server has it."""
    body = of.lease(namespace="models", install="here", acquired="", renewed=renewed)
    body["metadata"]["uid"] = f"uid-{of.name}"
    return body


class Told:
    """A policy that notes what it is told."""

    def __init__(self) -> None:
        self.services: dict[Key, RoutedService] = {}
        self.pods: dict[Key, dict[str, ModelPod]] = {}
        self.events: list[str] = []

    def put_service(self, service: RoutedService) -> None:
        """A service is new, or has changed."""
        self.events.append(f"put {service.key[1]}")
        self.services[service.key] = service

    def forget_service(self, key: Key) -> None:
        """A service is gone."""
        self.events.append(f"forget {key[1]}")
        del self.services[key]

    def put_pods(self, key: Key, pods: tuple[ModelPod, ...]) -> None:
        """These are all pods of a service."""
        self.events.append(f"pods {key[1]} {len(pods)}")
        self.pods[key] = {each.name: each for each in pods}
