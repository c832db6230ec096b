"""The lines of a recording: all that `decide` was given, and what it decided.

A recording is a row of segments, files of JSON lines. The first line of a segment says who wrote it; each other line is
one look at one service. A service's first line in a segment carries its policy and the whole memory with which that
decision began, so that each segment can be decided again alone. After that both are repeated when the memory is not
what the last line's decision left behind, and the policy when it changes.
"""

from dataclasses import dataclass, replace
from typing import Any

from tidegate.api.inference_service import InferenceServiceSpec, Model
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.api.scaling import Scaling
from tidegate.scaling.codec import decode, encode
from tidegate.scaling.decision import Decision
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation

FORMAT = 1
"""Goes up when a reader of the last format would misread the lines."""

LATEST_SECONDS = 253_402_300_799.0
"""The end of the year 9999: later times are none that a clock shows."""

Document = dict[str, Any]
Service = tuple[str, str]
"""(namespace, name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of a segment: who wrote it, and on what. Decisions are the same only on the same."""

    format: int = FORMAT
    version: str
    """Of Tidegate."""

    python: str
    platform: str
    segment: int
    """Numbered from 1 in the order of writing."""

    time: float
    """When it begins, in seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at one service, or at a variant of one: what `decide` was given, what it decided, what it remembers."""

    service: Service
    variant: str = DEFAULT_VARIANT
    time: float
    spec: InferenceServiceSpec
    observation: Observation
    before: Memory
    decision: Decision
    after: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLook:
    """A look as its line tells it."""

    service: Service
    variant: str = DEFAULT_VARIANT
    time: float
    observation: Observation
    decision: Document
    """As `decision_document` writes it."""

    spec: InferenceServiceSpec | None
    """None where it is that of the line before. Only what decisions are made of is in it."""

    memory: Memory | None
    """None where it is what the decision before has left behind."""

    adopted: bool
    """The memory is not what the decision before has left behind: a new operator has begun, or lines are missing."""


def line(look: Look, *, with_policy: bool, with_memory: bool, adopted: bool) -> Document:
    """Write a look as the object of its line."""
    document: Document = {"time": look.time, "service": "/".join(look.service)}
    if look.variant != DEFAULT_VARIANT:
        document["variant"] = look.variant
    if with_policy:
        document["policy"] = {
            "scaling": look.spec.scaling.model_dump(mode="json", by_alias=True),
            "replicas": look.spec.replicas,
        }
    if with_memory:
        document["memory"] = encode(Memory, look.before)
        document["adopted"] = adopted
    document["observation"] = encode(Observation, look.observation)
    document["decision"] = decision_document(look.decision)
    return document


def read_line(document: Any) -> RecordedLook:
    """Read it back.

    Raises:
        ValueError: if it is no such line, or another version's; the message names the field.
    """
    if not isinstance(document, dict):
        raise ValueError("the line is no object")  # noqa: TRY004 - bad data, not a bad call
    missing = {"time", "service", "observation", "decision"} - document.keys()
    if missing:
        raise ValueError(f"{min(missing)} is missing")
    for name in ("policy", "decision"):
        if not isinstance(document.get(name, {}), dict):
            raise ValueError(f"{name}: {str(document[name])[:40]} is no object")  # noqa: TRY004 - as above
    namespace, _, name = str(document["service"]).partition("/")
    policy, memory = document.get("policy"), document.get("memory")
    time = decode(float, document["time"])
    if not 0 <= time <= LATEST_SECONDS:
        raise ValueError(f"time is {time}; it should be seconds since 1970, before the year 10000")
    return RecordedLook(
        service=(namespace, name),
        variant=str(document.get("variant", DEFAULT_VARIANT)),
        time=time,
        observation=decode(Observation, document["observation"]),
        decision=document["decision"],
        spec=None if policy is None else _spec(policy),
        memory=None if memory is None else decode(Memory, memory),
        adopted=bool(document.get("adopted")),
    )


def decision_document(decision: Decision) -> Document:
    """A decision as JSON; of the pods that were believed, which are in the observation, the uids."""
    health = decision.health
    document: Document = encode(Decision, replace(decision, health=replace(health, fresh=())))
    document["health"]["fresh"] = [pod.uid for pod in health.fresh]
    return document


def _spec(policy: Document) -> InferenceServiceSpec:
    """The parts of a spec that decisions are made of; the others may hold what must not be passed on."""
    return InferenceServiceSpec(
        model=Model(name="recorded"),
        scaling=Scaling.model_validate(policy.get("scaling")),
        replicas=policy.get("replicas"),
    )
