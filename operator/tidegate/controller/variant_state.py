"""What the loop remembers of one variant of a service between two looks: of its Deployment, and of its pods."""

from dataclasses import dataclass, field, replace
from typing import Self

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.controller.actions import Scale
from tidegate.controller.bodies import BodyState
from tidegate.controller.hardware import HardwareMemory
from tidegate.controller.learned_status import LearnedStatus, text_of
from tidegate.controller.records import Document
from tidegate.controller.refused import Refused
from tidegate.controller.way_down import WayDownState
from tidegate.controller.written import size_decided_last
from tidegate.engines.catalog import engine_table
from tidegate.engines.table import EngineTable
from tidegate.scaling.decision import Decision
from tidegate.scaling.learned_text import recall
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.not_starting import NotStarting
from tidegate.workloads.placement import Placement
from tidegate.workloads.rivalry import SizeMemory, recall_sizes, wrote_size


@dataclass(slots=True, kw_only=True)
class VariantState:
    """One variant's memory."""

    name: str = DEFAULT_VARIANT
    spec: InferenceServiceSpec | None = None
    """The service's as it would be if this were the only variant; None where it cannot be read."""

    is_removed: bool = False
    """Whether the service's spec has it no more."""

    memory: Memory = field(default_factory=Memory)
    bodies: BodyState = field(default_factory=BodyState)
    hardware: HardwareMemory = field(default_factory=HardwareMemory)
    creates: int = 0
    """The size of the Deployment that the last look has created, if it has."""

    sizes: SizeMemory = field(default_factory=SizeMemory)
    """The size as it was last seen or written, and who else has written it lately."""

    way_down: WayDownState = field(default_factory=WayDownState)
    size_refused: Refused | None = None
    """The size that the API server has refused last, if it has."""

    table: EngineTable | None = None
    """The engine's table; None while the spec does not give one."""

    learned: LearnedStatus = field(default_factory=LearnedStatus)
    """What is told of what was learned."""

    deployment: LiveDeployment | None = None
    """The Deployment at the last look."""

    seen: Observation | None = None
    """Its pods at the last look; None where no size could be decided."""

    decided: Decision | None = None
    """What was decided of it then."""

    decided_by: InferenceServiceSpec | None = None
    """The spec by which it was."""

    stuck: tuple[NotStarting, ...] = ()
    """Pods of it that did not start then."""

    place: Placement = field(default_factory=Placement)
    """Whether its pods had a place to run then."""

    @classmethod
    def adopt_variant(cls, name: str, status: Document, now: float) -> Self:
        """Begin with what the service's status remembers of a variant.

        Args:
            name: the variant's name.
            status: the service's status.
            now: seconds since the epoch.
        """
        memory = recall(text_of(status.get("learned") or "", name), now)
        return cls(
            name=name,
            memory=memory,
            sizes=recall_sizes(size_decided_last(status, name), ()),
            learned=LearnedStatus.adopt(status, memory, name),
            bodies=BodyState.adopt(status),
        )

    def follow_spec(self, spec: InferenceServiceSpec | None) -> None:
        """Take in a new spec: its engine may be another one."""
        self.spec, self.is_removed = spec, False
        try:
            self.table = engine_table(spec.serving_engine) if spec else None
        except ValueError:
            self.table = None  # The checks tell why.

    def as_removed(self, default: InferenceServiceSpec) -> InferenceServiceSpec:
        """Its spec once that of the service has it no more: as it was last, but for no replica at all.

        Whether sizes are written, and how fast, is as the service's spec says now.

        Args:
            default: that of the variant `default`, which stands in where nobody knows any more how this one was run.
        """
        last, rules = self.spec or default, default.scaling
        followed = (last.scaling.mode, last.scaling.behavior) == (rules.mode, rules.behavior)
        if not self.is_removed or not followed:
            none_at_all = last.scaling.model_copy(
                update={"min_replicas": 0, "max_replicas": 0, "mode": rules.mode, "behavior": rules.behavior}
            )
            self.follow_spec(last.model_copy(update={"scaling": none_at_all}))
            self.is_removed = True
        return self.spec or default

    def begin_look(self, live: LiveDeployment | None) -> None:
        """Forget what the last look has shown."""
        self.seen, self.decided, self.stuck, self.way_down.note = None, None, (), ""
        self.creates = 0
        self.place, self.deployment = Placement(), live

    def size_written(self, action: Scale, at_version: str) -> None:
        """A size was written."""
        self.size_refused = None
        live = self.deployment
        if live is not None:
            self.sizes = wrote_size(self.sizes, replace(live, resource_version=at_version), action.replicas)

    def size_was_refused(self, replicas: int, message: str, now: float) -> None:
        """The API server did not take a size."""
        self.size_refused = Refused.after(self.size_refused, replicas, message, now)
