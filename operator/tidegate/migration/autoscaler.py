"""What an autoscaler was told, whatever kind it is: the middle of the way from its object to an InferenceService."""

from dataclasses import dataclass, field
from typing import Any

from tidegate.api.behavior import Behavior
from tidegate.api.quantity import MAXIMUM_QUANTITY, to_number
from tidegate.api.scaling import MAXIMUM_REPLICAS
from tidegate.migration.documents import Document, KubernetesObject, RefusedError, parsed

LONGEST_QUANTITY = 16
LONGEST_QUOTE = 120

_NO_TERM = {
    "running": "requests that run propose no size here; the tokens that arrive say more: set "
    "scaling.tokenThroughput.targetPerReplica",
    "kv_usage": "the use of the KV cache counts by itself, wherever the engine tells it: set "
    "scaling.kvCache.targetPercent",
    "prompt_tokens": "tokenThroughput counts prompt and generated tokens together: set its targetPerReplica to what a "
    "replica is to be given of both",
}
_NO_TERM["generated_tokens"] = _NO_TERM["prompt_tokens"]


@dataclass(slots=True, kw_only=True)
class Autoscaler:
    """One autoscaler of a Deployment; the readers of the kinds fill it in."""

    origin: KubernetesObject

    deployment: str
    """Name of the Deployment that it scales."""

    minimum: int = 1
    maximum: int = MAXIMUM_REPLICAS

    behavior: Document | None = None
    """As it was written; `behavior` of `autoscaling/v2`."""

    pinned: int | None = None
    paused: bool = False

    queue_targets: list[float] = field(default_factory=list)
    """Waiting requests for each replica, from every metric that says so."""

    work_targets: list[float] = field(default_factory=list)
    """Prompt plus generated tokens per second for each replica, likewise."""

    schedules: list[Document] = field(default_factory=list)
    """As `scaling.schedules` has them."""

    containers: list[Document] = field(default_factory=list)
    """Containers of its pods, where the object itself tells them."""

    lost: list[str] = field(default_factory=list)
    """What could not be carried over, and what to do about it: sentences for people."""

    notes: list[str] = field(default_factory=list)
    """What need not be carried over, and what was changed on the way."""

    def set_bounds(self, minimum: int, minimum_field: str, maximum: int, maximum_field: str) -> None:
        """Take the bounds over, within what an InferenceService may have."""
        self.minimum = min(max(minimum, 1), MAXIMUM_REPLICAS)
        if minimum < 1:
            self.lost.append(
                f"{minimum_field}: {minimum}: a target is not put to sleep, for nothing of ours would wake it; "
                "minReplicas is 1"
            )
        self.maximum = min(max(maximum, self.minimum), MAXIMUM_REPLICAS)
        if maximum != self.maximum:
            self.lost.append(f"{maximum_field}: {maximum}: maxReplicas is {self.maximum}")

    def set_behavior(self, behavior: Any, path: str) -> None:
        """Take a behavior over, word for word.

        Raises:
            RefusedError: if it is not one.
        """
        if not behavior:
            return
        self.behavior = parsed(Behavior, behavior, path).model_dump(mode="json", exclude_unset=True, by_alias=True)
        if self.behavior != behavior:
            self.lost.append(f"{path}: has fields that are not known here; compare it with what became of it")

    def disable(self, direction: str) -> None:
        """Allow no change in a direction (scaleUp or scaleDown)."""
        behavior = self.behavior or {}
        self.behavior = {**behavior, direction: {**behavior.get(direction, {}), "selectPolicy": "Disabled"}}

    def add_term(self, signal: str, target: Any, what: str) -> None:
        """Take a target for each replica over.

        Args:
            signal: waiting or work.
            target: a number or a quantity.
            what: the metric and its target, for the message.
        """
        try:
            number = to_number(str(target))
        except ValueError:
            number = 0.0
        if not 0 < number <= MAXIMUM_QUANTITY:
            self.lost.append(f"{what}: the target is not a number above zero, at most a billion")
            return
        (self.queue_targets if signal == "waiting" else self.work_targets).append(number)

    def lose_signal(self, signal: str | None, what: str) -> None:
        """Say that a metric proposes no size here."""
        self.lost.append(f"{what}: {_NO_TERM.get(signal or '', 'no metric of an engine that proposes a size here')}")

    def lose_resource(self, what: str) -> None:
        """Say that CPU and memory are not scaled on."""
        self.lost.append(f"{what}: CPU and memory do not tell how busy an engine is, and propose no size here")


def quoted(text: str) -> str:
    """A text of others, on one line and short enough for a message."""
    line = " ".join(text.split())
    return repr(line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}…")


def deployment_only(kind: str, name: str) -> str:
    """The name of a target that is a Deployment.

    Raises:
        RefusedError: if it is of another kind.
    """
    if kind != "Deployment":
        raise RefusedError(f"it scales {kind} {name!r}; targetRef takes Deployments only")
    return name
