"""What the loop remembers of one service between two looks. What must survive a restart is rebuilt from its status."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from tidegate.api.inference_service_status import MAXIMUM_CHANGES, Change
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.api.routing import WakePlan
from tidegate.cluster.reading import seconds
from tidegate.controller.actions import Scale
from tidegate.controller.bodies import BodyState
from tidegate.controller.cold_start import ColdStarts
from tidegate.controller.cost_status import CostState
from tidegate.controller.learned_status import LearnedStatus, text_of
from tidegate.controller.others_size import SET_BY_ANOTHER
from tidegate.controller.records import Document, ServiceRecord, timestamp
from tidegate.controller.routing import RoutingMemory
from tidegate.controller.variant_state import VariantState
from tidegate.controller.wake_plan import WakeInput
from tidegate.controller.written import size_decided_last
from tidegate.metrics.readings import Readings
from tidegate.scaling.behavior import SizeChange
from tidegate.scaling.decision import Decision
from tidegate.scaling.lane import FleetMemory
from tidegate.scaling.learned_text import recall
from tidegate.scaling.observation import Observation
from tidegate.workloads.not_starting import NotStarting
from tidegate.workloads.rivalry import ForeignChange, recall_sizes

STALE_AFTER_INTERVALS = 3
HOLD_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""How long a service writes nothing after the first, second, ... write that failed in a row."""


@dataclass(slots=True, kw_only=True)
class ServiceState(VariantState):
    """One service's memory. What is of one variant only is of the variant `default` here."""

    uid: str
    variants: dict[str, VariantState] = field(default_factory=dict)
    """The memories of all further variants, those included that are being brought down."""

    fleet: FleetMemory = field(default_factory=FleetMemory)
    """What the decisions about all of them together remember."""

    changes: tuple[Change, ...]
    """The last changes of size, newest first."""

    size_changes: Counter[tuple[str, str]] = field(
        default_factory=lambda: Counter({("up", "ScaledUp"): 0, ("down", "ScaledDown"): 0})
    )
    """How often the size changed, by direction and reason. The usual ones are there from the start: of a counter that
    begins with 1, Prometheus sees no increase."""

    readings: Readings = field(default_factory=Readings)
    failures: int = 0
    """Writes in a row that failed for no fault of what was written."""

    hold_writes_until: float = 0.0

    generation: int = -1
    observation: Observation | None = None
    """The pods of all variants, at the last look."""

    decision: Decision | None = None
    """What was decided of all of them together."""

    not_starting: tuple[NotStarting, ...] = ()
    """Those of all of them that do not start."""

    busy_at: float = 0.0
    """When there was last anything to do: work, a change, trouble."""

    read_at: float = 0.0
    stale_after_seconds: float = 15.0

    scrape_interval_seconds: float = 30.0
    """How far apart the scrapes of its pods are, where somebody else makes them; until it is known, what is usual."""

    routing: RoutingMemory = field(default_factory=RoutingMemory)
    wake_plan: tuple[WakeInput, WakePlan | None] | None = None
    """The last plan, and what it was made of: it is made anew only when that is another."""

    cold_starts: ColdStarts = field(default_factory=ColdStarts)

    cost: CostState = field(default_factory=CostState)
    """What it costs, and what is told of that."""

    ceiling_problem: str = ""
    """Why the ceiling on its namespace does not hold, as it was told last."""

    told: tuple[object, ...] | None = None
    """The news of the last look, if the status that is written says it all."""

    status_sent: Document | None = None
    status_kept: Document | None = None
    """The last status written, and what the API server made of it, where it is not the same: an older CRD drops fields
    it does not know, and that must not be mended for ever."""

    status_at: float = 0.0

    @property
    def falls_asleep(self) -> bool:
        """Whether its last pods are about to leave."""
        decision = self.decision
        if decision is None or not any(each.deployment and each.deployment.replicas for each in self.every):
            return False
        return decision.applied and not decision.to_replicas

    @property
    def every(self) -> tuple[VariantState, ...]:
        """The memories of all variants, this one first."""
        return (self, *self.variants.values())

    def of(self, variant: str) -> VariantState:
        """The memory of one variant, an empty one where there is none yet."""
        if variant == DEFAULT_VARIANT:
            return self
        if variant not in self.variants:
            self.variants[variant] = VariantState(name=variant)
        return self.variants[variant]

    @classmethod
    def adopt(cls, service: ServiceRecord, now: float) -> Self:
        """Begin with what the service's status remembers."""
        try:
            changes = tuple(Change.model_validate(change) for change in service.status.get("changes") or ())
            sizes = tuple(SizeChange(seconds(change.time), change.from_, change.to) for change in reversed(changes))
        except ValueError:
            # A version that is not this one wrote them otherwise. What is remembered is a help, not a need.
            changes, sizes = (), ()
        memory = recall(text_of(service.status.get("learned") or "", DEFAULT_VARIANT), now)
        if service.status.get("variants"):
            sizes = ()  # They are changes of all variants together.
        # Rates are not known before the second sample. No fleet is to be written for that at each restart.
        return cls(
            uid=service.uid,
            sizes=recall_sizes(size_decided_last(service.status, DEFAULT_VARIANT), _foreign(changes)),
            memory=replace(memory, changes=sizes),
            learned=LearnedStatus.adopt(service.status, memory),
            cold_starts=ColdStarts.adopt(service.status),
            cost=CostState.adopt(service.status),
            fleet=FleetMemory(weights=MappingProxyType(_weights(service.status))),
            changes=changes,
            bodies=BodyState.adopt(service.status),
            status_at=now,
        )

    def follow(self, service: ServiceRecord, now: float) -> None:
        """Take in a new spec. Variants that are new begin with what the service's status remembers of them."""
        if service.generation == self.generation:
            return
        self.generation, spec = service.generation, service.spec
        self.follow_spec(spec.of_variant(DEFAULT_VARIANT) if spec is not None else None)
        for name in spec.variant_names[1:] if spec is not None else ():
            if name not in self.variants:
                self.variants[name] = VariantState.adopt_variant(name, service.status, now)
        for name, own in self.variants.items():
            if spec is not None and name in spec.variant_names:
                own.follow_spec(spec.of_variant(name))

    def expect_next_reading(self, now: float, interval_seconds: float) -> None:
        """Note that the pods are being read, and when they will be again."""
        self.read_at = now
        self.stale_after_seconds = STALE_AFTER_INTERVALS * interval_seconds

    def scale_written(self, action: Scale, at_version: str, now: float) -> None:
        """A size was written."""
        self.busy_at = now
        self.of(action.variant).size_written(action, at_version)
        if action.change is not None:
            self.note_change(*action.change, action.reason, action.message, now)

    def note_change(
        self, from_replicas: int, to_replicas: int, reason: str, message: str, now: float, *, by: str | None = None
    ) -> None:
        """Add to the list of changes."""
        change = Change(
            time=timestamp(now), from_=from_replicas, to=to_replicas, reason=reason, message=message[:1024], by=by
        )
        self.changes = (change, *self.changes)[:MAXIMUM_CHANGES]
        self.size_changes["up" if to_replicas > from_replicas else "down", reason] += 1

    def write_failed(self, now: float) -> None:
        """A write failed that may succeed later, unchanged: leave the API server in peace for a while."""
        self.hold_writes_until = now + HOLD_SECONDS[min(self.failures, len(HOLD_SECONDS) - 1)]
        self.failures += 1

    def write_succeeded(self) -> None:
        """The API server is well."""
        self.failures = 0

    def previous_status(self, service: ServiceRecord) -> Document:
        """The last status, with what an older CRD has dropped from it."""
        if self.status_sent is not None and service.status == self.status_kept:
            return self.status_sent
        return service.status

    def status_written(self, sent: Document, kept: Document, now: float) -> None:
        """A status was written."""
        self.status_at = now
        self.status_sent, self.status_kept = (None, None) if kept == sent else (sent, kept)


def _weights(status: Document) -> dict[str, int]:
    """Of each variant, as the gateways were told: about the same is not to be told anew."""
    return {each["name"]: each["weight"] for each in status.get("variants") or () if each.get("weight", 0) >= 1}


def _foreign(changes: tuple[Change, ...]) -> Iterator[ForeignChange]:
    """Those of rivals, oldest first; who changed it while he was free to is none."""
    for change in reversed(changes):
        if change.by is not None and change.reason != SET_BY_ANOTHER:
            yield ForeignChange(
                at=seconds(change.time), by=change.by, from_replicas=change.from_, to_replicas=change.to
            )
