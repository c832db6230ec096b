"""Decides a recording again: by the policy of then, which must come to the same, or by another one."""

import json
from dataclasses import dataclass, field
from typing import Any

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.scaling import Mode
from tidegate.scaling.codec import encode
from tidegate.scaling.decide import decide
from tidegate.scaling.memory import Memory
from tidegate.scaling.recording import Document, Service, decision_document
from tidegate.simulator.recording import Step

LONGEST_GAP_SECONDS = 300.0
"""More time than this between two looks is no time that was recorded: nobody knows what there was."""

Differences = tuple[tuple[str, Any, Any], ...]
"""Each with the path of a field, what was recorded of it, and what it is now; `ABSENT` where it is not there."""

ABSENT = "(absent)"
KEPT = 10
"""Decisions that differ which are kept with their fields. All are counted."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A decision that differs from the recorded one."""

    step: Step
    fields: Differences


@dataclass(slots=True)
class Redecided:
    """What became of decisions that were decided again by the policy of then."""

    decisions: int = 0
    differing: int = 0
    first: list[Differing] = field(default_factory=list)
    """The first that differ."""

    services: set[Service] = field(default_factory=set)


class SamePolicy:
    """Decides every look again with what was recorded, and compares.

    Where a line carries the memory although the step before it is there (at the start of a segment), that is compared,
    too. Wherever there is a recorded memory, it is gone on with.
    """

    def __init__(self) -> None:
        self._memories: dict[tuple[Service, str], Memory] = {}
        self.outcome = Redecided()

    def see(self, step: Step) -> None:
        """Decide at a look."""
        whose = (step.service, step.variant)
        left = self._memories.get(whose)
        fields: Differences = ()
        if left is not None and step.memory is not None and not step.adopted:
            fields += differences(encode(Memory, step.memory), encode(Memory, left), "memory")
        before = _known(step, left if step.memory is None else step.memory)
        decision, self._memories[whose] = decide(step.spec, step.observation, before, step.time)
        fields += differences(step.decision, decision_document(decision))
        outcome = self.outcome
        outcome.decisions += 1
        outcome.services.add(step.service)
        if fields:
            outcome.differing += 1
            outcome.first += [Differing(step, fields)] if len(outcome.first) < KEPT else []


def differences(recorded: Any, now: Any, path: str = "") -> Differences:
    """Compare two documents field by field, to the bit."""
    if json.dumps(recorded) == json.dumps(now):
        return ()
    if isinstance(recorded, dict) and isinstance(now, dict):
        keys = [*recorded, *(key for key in now if key not in recorded)]
        pairs = [(f"{path}.{key}".lstrip("."), recorded.get(key, ABSENT), now.get(key, ABSENT)) for key in keys]
        if found := tuple(each for name, old, new in pairs for each in differences(old, new, name)):
            return found
    elif isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        numbered = enumerate(zip(recorded, now, strict=True))
        return tuple(each for index, (old, new) in numbered for each in differences(old, new, f"{path}[{index}]"))
    return ((path, recorded, now),)


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of one service at one time."""

    time: float
    there: int
    """What the Deployment asked for, whoever wrote it."""

    decided: int
    """What was decided then."""

    otherwise: int
    """What the other policy decides."""

    because: str
    """What the other policy says of it."""


@dataclass(slots=True)
class Otherwise:
    """What another policy would have decided of what was seen."""

    changes: list[Sizes] = field(default_factory=list)
    """Each time at which the two decisions, as a pair, became another; those where both are the same among them."""

    looks: int = 0
    differing: int = 0
    """Looks at which the two decisions differ."""

    recorded_seconds: float = 0.0
    there_seconds: float = 0.0
    """Replica-seconds of the sizes there were; the two below likewise."""

    decided_seconds: float = 0.0
    otherwise_seconds: float = 0.0


class OtherPolicy:
    """Another policy that looks over the shoulder of the recorded one.

    What it decides is not carried out: the pods and the traffic are those that there were. So it decides as in mode
    Advisory, where its advice to grow is held although nobody followed it.
    """

    def __init__(self, spec: InferenceServiceSpec) -> None:
        mode = spec.scaling.mode if spec.scaling.mode is Mode.PAUSED else Mode.ADVISORY
        self._spec = spec.model_copy(update={"scaling": spec.scaling.model_copy(update={"mode": mode})})
        self._memory: Memory | None = None
        self._last: Sizes | None = None
        self.outcome = Otherwise()

    def see(self, step: Step) -> None:
        """Decide at a look of the one service.

        Raises:
            ValueError: if it has several variants: their sizes are decided together, and recorded one by one.
        """
        if step.observation.allotment is not None:
            raise ValueError(
                f"{step.where}: the service has several variants; another policy can be tried on a recording of a "
                "service with one way to run only"
            )
        is_new = self._memory is None or (step.adopted and step.memory is not None)
        before = _known(step, step.memory if is_new else self._memory)
        decision, self._memory = decide(self._spec, step.observation, before, step.time)
        sizes = Sizes(
            time=step.time,
            there=step.observation.replicas,
            decided=_size(step.decision, step.observation.replicas),
            otherwise=decision.to_replicas,
            because=decision.message,
        )
        self._add(sizes)

    def _add(self, sizes: Sizes) -> None:
        last, self._last, outcome = self._last, sizes, self.outcome
        outcome.looks += 1
        outcome.differing += sizes.decided != sizes.otherwise
        if last is None or (last.decided, last.otherwise) != (sizes.decided, sizes.otherwise):
            outcome.changes.append(sizes)
        seconds = 0.0 if last is None else sizes.time - last.time
        if last is not None and 0 < seconds <= LONGEST_GAP_SECONDS:
            outcome.recorded_seconds += seconds
            outcome.there_seconds += last.there * seconds
            outcome.decided_seconds += last.decided * seconds
            outcome.otherwise_seconds += last.otherwise * seconds


def _known(step: Step, memory: Memory | None) -> Memory:
    if memory is None:
        raise ValueError(f"{step.where}: is the first look at a service and has no memory")
    return memory


def _size(decision: Document, otherwise: int) -> int:
    size = decision.get("to_replicas")
    return size if isinstance(size, int) else otherwise
