"""Services that sleep, and ways to put them to sleep."""

from typing import Any

from custom_resources import Document, changed

from cluster_clients import Clients
from model_namespace import ModelNamespace, administration, pod_that
from sizes_over_time import look

IDLE_SECONDS = 30
"""The least that there may be."""

SLEEPY: Document = {"minReplicas": 0, "scaleToZero": {"idleSeconds": IDLE_SECONDS}}

IN_A_ROW = 6
"""So many requests most likely meet every gateway."""

FALLING_ASLEEP_SECONDS = 150
"""A busy machine may be late with looks, drains and pods, and each adds to the idle seconds."""


def sleeper(here: ModelNamespace, *, mode: str = "Gateway", startup_seconds: float = 0, **changes: Any) -> Document:
    """The spec of a service that sleeps while nobody uses it."""
    start = ["tidegate", "engine", "--type=vLLM", *administration(f"--startup-seconds={startup_seconds}")]
    least = here.least(scaling=SLEEPY, routing={"mode": mode}, template=pod_that(command=start))
    return changed(least, changes)


def apply_asleep(clients: Clients, spec: Document, name: str, there: ModelNamespace | None = None) -> None:
    """Apply a service that has never had a pod: switched off at first, then left to itself, it sleeps.

    Args:
        clients: Who will reach it.
        spec: Without replicas.
        name: Its name.
        there: Its namespace; that of the clients unless given.
    """
    here = there or clients.here
    here.apply(changed(spec, {"replicas": 0}), name)
    here.wait_condition("Ready", "False", "PinnedAtZero", name)
    here.apply(spec, name)
    wait_asleep(here, name)
    # Its address is new: nodes and each gateway learn of it a moment later, and any of these may take a request.
    url = clients.url(name, here.namespace)
    here.wait(f"{name} is reached", lambda: all(clients.reach(url) for _ in range(IN_A_ROW)))


def put_to_sleep(here: ModelNamespace, name: str) -> None:
    """Have a service sleep now, whether it is idle or not."""
    here.kubectl("patch", f"infer/{name}", "--type=merge", '--patch={"spec":{"replicas":0}}')
    here.wait(f"{name} is off", lambda: look(here, name).is_asleep)
    here.kubectl("patch", f"infer/{name}", "--type=merge", '--patch={"spec":{"replicas":null}}')
    wait_asleep(here, name)


def wait_asleep(here: ModelNamespace, name: str) -> None:
    """Wait until a service has no pod left, and says that this is as it should be."""

    def is_asleep() -> bool:
        ready = here.condition("Ready", name)[:2] == ("True", "ScaledToZero")
        return ready and bool(here.status(name)["wakePlan"]["allowed"]) and look(here, name).is_asleep

    here.wait(f"{name} sleeps", is_asleep, FALLING_ASLEEP_SECONDS)
