"""What the loop remembers of one service between two looks. What must survive a restart is rebuilt from its status."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tidegate.api.inference_service_status import MAXIMUM_CHANGES, Change
from tidegate.api.routing import WakePlan
from tidegate.cluster.reading import seconds
from tidegate.controller.actions import Scale
from tidegate.controller.bodies import BodyState
from tidegate.controller.cold_start import ColdStarts
from tidegate.controller.hardware import HardwareMemory
from tidegate.controller.learned_status import LearnedStatus
from tidegate.controller.others_size import SET_BY_ANOTHER
from tidegate.controller.records import Document, ServiceRecord, timestamp
from tidegate.controller.refused import Refused
from tidegate.controller.routing import RoutingMemory
from tidegate.controller.wake_plan import WakeInput
from tidegate.controller.way_down import WayDownState
from tidegate.engines.catalog import engine_table
from tidegate.engines.table import EngineTable
from tidegate.metrics.readings import Readings
from tidegate.scaling.behavior import SizeChange
from tidegate.scaling.decision import Decision
from tidegate.scaling.learned_text import recall
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.not_starting import NotStarting
from tidegate.workloads.rivalry import ForeignChange, SizeMemory, recall_sizes, wrote_size

STALE_AFTER_INTERVALS = 3
HOLD_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""How long a service writes nothing after the first, second, ... write that failed in a row."""


@dataclass(slots=True)
class ServiceState:
    """One service's memory."""

    uid: str
    memory: Memory
    changes: tuple[Change, ...]
    """The last changes of size, newest first."""

    size_changes: Counter[tuple[str, str]] = field(
        default_factory=lambda: Counter({("up", "ScaledUp"): 0, ("down", "ScaledDown"): 0})
    )
    """How often the size changed, by direction and reason. The usual ones are there from the start: of a counter that
    begins with 1, Prometheus sees no increase."""

    readings: Readings = field(default_factory=Readings)
    bodies: BodyState = field(default_factory=BodyState)
    hardware: HardwareMemory = field(default_factory=HardwareMemory)
    sizes: SizeMemory = field(default_factory=SizeMemory)
    """The size as it was last seen or written, and who else has written it lately."""

    way_down: WayDownState = field(default_factory=WayDownState)
    size_refused: Refused | None = None
    """The size that the API server has refused last, if it has."""

    failures: int = 0
    """Writes in a row that failed for no fault of what was written."""

    hold_writes_until: float = 0.0

    generation: int = -1
    table: EngineTable | None = None
    """The engine's table; None while the spec does not give one."""

    observation: Observation | None = None
    decision: Decision | None = None
    not_starting: tuple[NotStarting, ...] = ()
    """Pods that do not start, at the last look."""

    deployment: LiveDeployment | None = None
    """The Deployment at the last look."""

    busy_at: float = 0.0
    """When there was last anything to do: work, a change, trouble."""

    read_at: float = 0.0
    stale_after_seconds: float = 15.0

    scrape_interval_seconds: float = 30.0
    """How far apart the scrapes of its pods are, where somebody else makes them; until it is known, what is usual."""

    learned: LearnedStatus = field(default_factory=LearnedStatus)
    """What is told of what was learned."""

    routing: RoutingMemory = field(default_factory=RoutingMemory)
    wake_plan: tuple[WakeInput, WakePlan | None] | None = None
    """The last plan, and what it was made of: it is made anew only when that is another."""

    cold_starts: ColdStarts = field(default_factory=ColdStarts)

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
        decision, live = self.decision, self.deployment
        if decision is None or live is None or not live.replicas:
            return False
        return decision.applied and not decision.to_replicas

    @classmethod
    def adopt(cls, service: ServiceRecord, now: float) -> "ServiceState":
        """Begin with what the service's status remembers."""
        try:
            changes = tuple(Change.model_validate(change) for change in service.status.get("changes") or ())
            sizes = tuple(SizeChange(seconds(change.time), change.from_, change.to) for change in reversed(changes))
        except ValueError:
            # A version that is not this one wrote them otherwise. What is remembered is a help, not a need.
            changes, sizes = (), ()
        memory = recall(service.status.get("learned") or "", now)
        # Rates are not known before the second sample. No fleet is to be written for that at each restart.
        return cls(
            uid=service.uid,
            sizes=recall_sizes(_size_written_last(service.status), _foreign(changes)),
            memory=replace(memory, changes=sizes),
            learned=LearnedStatus.adopt(service.status, memory),
            cold_starts=ColdStarts.adopt(service.status),
            changes=changes,
            bodies=BodyState.adopt(service.status),
            status_at=now,
        )

    def follow(self, service: ServiceRecord) -> None:
        """Take in a new spec."""
        if service.generation == self.generation:
            return
        self.generation = service.generation
        try:
            self.table = engine_table(service.spec.serving_engine) if service.spec else None
        except ValueError:
            self.table = None  # The checks tell why.

    def expect_next_reading(self, now: float, interval_seconds: float) -> None:
        """Note that the pods are being read, and when they will be again."""
        self.read_at = now
        self.stale_after_seconds = STALE_AFTER_INTERVALS * interval_seconds

    def scale_written(self, action: Scale, at_version: str, now: float) -> None:
        """A size was written."""
        self.busy_at, self.size_refused = now, None
        live = self.deployment
        if live is not None:
            self.sizes = wrote_size(self.sizes, replace(live, resource_version=at_version), action.replicas)
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

    def size_was_refused(self, replicas: int, message: str, now: float) -> None:
        """The API server did not take a size."""
        self.size_refused = Refused.after(self.size_refused, replicas, message, now)

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


def _foreign(changes: tuple[Change, ...]) -> Iterator[ForeignChange]:
    """Those of rivals, oldest first; who changed it while he was free to is none."""
    for change in reversed(changes):
        if change.by is not None and change.reason != SET_BY_ANOTHER:
            yield ForeignChange(
                at=seconds(change.time), by=change.by, from_replicas=change.from_, to_replicas=change.to
            )


def _size_written_last(status: Document) -> int | None:
    """The size that the operator before this one has decided last, where it was to be written."""
    decision = status.get("decision") or {}
    size = decision.get("to")
    return size if decision.get("applied") and isinstance(size, int) else None
