"""What one InferenceService is doing, and why: gathered from the object alone. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tidegate.api.conditions import Condition, ConditionType
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.cli.outlook import outlook
from tidegate.cli.turn import Turn

Document = Mapping[str, Any]

_GOOD: Mapping[str, str] = {
    ConditionType.READY: "True",
    ConditionType.SPEC_VALID: "True",
    ConditionType.ROUTED: "True",
    ConditionType.METRICS_AVAILABLE: "True",
    ConditionType.ACCELERATOR_AVAILABLE: "True",
    ConditionType.CONFLICTING_SCALER: "False",
}
"""What each condition should be. `ScalingLimited` is not here: bounds bite all day, and the limits tell of each."""


class UnreadableServiceError(ValueError):
    """The object is not one that this version can read. The text says which field, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All there is to say of a service at one instant."""

    namespace: str
    name: str
    spec: InferenceServiceSpec
    status: InferenceServiceStatus
    generation: int
    concerns: tuple[Condition, ...]
    """Conditions that are not as they should be."""

    outlook: tuple[Turn, ...]
    """What would change the size."""

    now: float

    @property
    def is_seen(self) -> bool:
        """Whether an operator has said anything of the service."""
        return self.status.observed_generation is not None

    @property
    def is_current(self) -> bool:
        """Whether what it said is of the spec as it is now."""
        return (self.status.observed_generation or 0) >= self.generation


def explain_service(document: Document, now: float) -> Explanation:
    """Gather what an object says of itself.

    Args:
        document: the InferenceService.
        now: seconds since the epoch.

    Raises:
        UnreadableServiceError: if its spec or its status is of another version.
    """
    metadata = document["metadata"]
    try:
        spec = InferenceServiceSpec.model_validate(document.get("spec") or {})
        status = InferenceServiceStatus.model_validate(document.get("status") or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        found = str(first["input"])[:80]
        raise UnreadableServiceError(
            f"{field}: {first['msg']} (found {found!r}); use the version of tidegate that the operator has"
        ) from error
    return Explanation(
        namespace=metadata["namespace"],
        name=metadata["name"],
        spec=spec,
        status=status,
        generation=metadata.get("generation", 0),
        concerns=tuple(each for each in status.conditions if _is_concern(each, status)),
        outlook=outlook(metadata["name"], spec, status, now),
        now=now,
    )


def _is_concern(condition: Condition, status: InferenceServiceStatus) -> bool:
    """Whether a condition is not as it should be. Without pods on purpose, there are no metrics to miss."""
    is_at_rest = not status.replicas and not status.desired_replicas
    if is_at_rest and condition.type == ConditionType.METRICS_AVAILABLE and condition.status == "Unknown":
        return False
    return _GOOD.get(condition.type, condition.status) != condition.status


def _for_programs(cost: Document | None) -> Document | None:
    """What it costs, without what only the next operator reads."""
    return None if cost is None else {key: value for key, value in cost.items() if key != "learned"}


def to_json(explanation: Explanation) -> dict[str, Any]:
    """The same for programs: what status says in its own form, beside what it does not say."""
    spec, status = explanation.spec, explanation.status.to_document()
    return {
        "namespace": explanation.namespace,
        "name": explanation.name,
        "isCurrent": explanation.is_current,
        "now": {
            "mode": str(spec.scaling.mode),
            "pinned": spec.replicas,
            "minReplicas": spec.scaling.min_replicas,
            "maxReplicas": spec.scaling.max_replicas,
            **{key: status[key] for key in ("replicas", "readyReplicas", "desiredReplicas")},
        },
        "decision": status.get("decision"),
        "variants": status.get("variants", []),
        "cost": _for_programs(status.get("cost")),
        "capacity": status.get("capacity", []),
        "leadTime": status.get("leadTime", []),
        "coldStart": status.get("coldStart"),
        "routing": status.get("routing"),
        "wakePlan": status.get("wakePlan"),
        "idleSince": status.get("idleSince"),
        "traffic": status.get("signals"),
        "concerns": [condition.to_document() for condition in explanation.concerns],
        "outlook": [
            {
                "direction": str(turn.direction),
                "when": turn.when,
                "threshold": turn.threshold,
                "measured": turn.measured or None,
            }
            for turn in explanation.outlook
        ],
        "changes": status.get("changes", []),
    }
