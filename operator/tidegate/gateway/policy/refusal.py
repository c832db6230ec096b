"""What clients are told when their request is not sent on, in OpenAI's shape, so that their SDKs understand."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tidegate.gateway.exchange import Reply

LONGEST_QUOTE = 100
"""Characters of what a client sent that are repeated to it."""


class Refusal(StrEnum):
    """Every way in which the gateway itself refuses a request: the label `reason` of its counter."""

    SERVICE_GONE = "ServiceGone"
    MODEL_UNKNOWN = "ModelUnknown"
    PATH_UNKNOWN = "PathUnknown"
    MODEL_MISSING = "ModelMissing"
    BODY_INVALID = "BodyInvalid"
    NOT_JSON = "NotJson"
    QUEUE_FULL = "QueueFull"
    MEMORY_FULL = "MemoryFull"
    HELD_TOO_LONG = "HeldTooLong"
    CANNOT_WAKE = "CannotWake"
    PODS_IN_TROUBLE = "PodsInTrouble"
    ASLEEP = "Asleep"
    RETRY_BUDGET_SPENT = "RetryBudgetSpent"
    GATEWAY_LEAVING = "GatewayLeaving"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How a refusal looks in HTTP, and in OpenAI's API."""

    status: int
    type: str = "server_error"
    param: str | None = None
    again: bool = True
    """Whether the same request may succeed later."""


_SHAPES: Mapping[Refusal, _Shape] = MappingProxyType(
    {
        Refusal.SERVICE_GONE: _Shape(status=404, type="invalid_request_error", again=False),
        Refusal.MODEL_UNKNOWN: _Shape(status=404, type="invalid_request_error", param="model", again=False),
        Refusal.PATH_UNKNOWN: _Shape(status=404, type="invalid_request_error", again=False),
        Refusal.MODEL_MISSING: _Shape(status=400, type="invalid_request_error", param="model", again=False),
        Refusal.BODY_INVALID: _Shape(status=400, type="invalid_request_error", again=False),
        Refusal.NOT_JSON: _Shape(status=415, type="invalid_request_error", again=False),
        Refusal.QUEUE_FULL: _Shape(status=429, type="rate_limit_error"),
        Refusal.MEMORY_FULL: _Shape(status=503),
        Refusal.HELD_TOO_LONG: _Shape(status=504, type="timeout_error"),
        Refusal.CANNOT_WAKE: _Shape(status=503, again=False),
        Refusal.PODS_IN_TROUBLE: _Shape(status=503, again=False),
        Refusal.ASLEEP: _Shape(status=503),
        Refusal.RETRY_BUDGET_SPENT: _Shape(status=503),
        Refusal.GATEWAY_LEAVING: _Shape(status=503),
    }
)

_CODES: Mapping[Refusal, str] = MappingProxyType(
    {
        Refusal.MODEL_UNKNOWN: "model_not_found",
        Refusal.QUEUE_FULL: "rate_limit_exceeded",
    }
)
"""Where OpenAI has a word of its own; elsewhere the code is the reason in small letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why one request is refused."""

    refusal: Refusal
    message: str
    """What, why, and what to do, for people."""

    reason: str = ""
    """A CamelCase word of the service's own, such as PinnedAtZero; empty: the refusal's."""

    retry_after_seconds: int = 1
    """When to come again; told only where waiting helps. Elsewhere SDKs are told not to."""

    def reply(self) -> Reply:
        """The answer to the client."""
        shape, word = _SHAPES[self.refusal], self.reason or self.refusal.value
        code = _CODES.get(self.refusal) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()
        error = {"message": self.message, "type": shape.type, "param": shape.param, "code": code}
        # OpenAI's SDKs look at x-should-retry before they look at the status.
        again = ("retry-after", str(max(1, self.retry_after_seconds))) if shape.again else ("x-should-retry", "false")
        return Reply(
            status=shape.status,
            headers=(("content-type", "application/json"), ("x-tidegate-reason", word), again),
            body=json.dumps({"error": error}).encode(),
        )


def quote(value: str) -> str:
    """What a client sent, short and harmless enough to be repeated."""
    return ascii(value if len(value) <= LONGEST_QUOTE else f"{value[: LONGEST_QUOTE - 3]}...")
