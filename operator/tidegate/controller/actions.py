"""What a visit wants done. Values only: `writer` carries them out."""

from dataclasses import dataclass

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.cluster.resources import Document, Key, Resource
from tidegate.cluster.write_budget import Urgency
from tidegate.controller.announcements import Announcement


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyBody:
    """Apply a child's body."""

    resource: Resource
    body: Document
    """As it is sent: with the resourceVersion that it replaces and, where it must, the replicas."""

    rendered: Document
    """As it was rendered, for memory."""

    over: str
    """The resourceVersion that it replaces; empty for a creation."""

    because: str

    rehearse: bool = False
    """Ask the API server first what would become of it, and leave it if that is another body."""

    variant: str = DEFAULT_VARIANT
    """The variant whose it is, as below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Write a size, if the Deployment is still at `resource_version`."""

    workload: Key
    replicas: int
    resource_version: str | None
    """None: the version that the body's apply, just before, has answered with."""

    change: tuple[int, int] | None = None
    """Pods in service before and after; None where they stay the same: the size is only being claimed, or lowered by
    pods that have drained, which was told when they began."""

    reason: str = ""
    message: str = ""
    variant: str = DEFAULT_VARIANT


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete the Deployment of a variant that is no more, if nothing of it has changed since."""

    workload: Key
    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPod:
    """Write on a pod what it carries of the way down."""

    key: Key
    metadata: Document
    """What to patch, with the uid and the resourceVersion at which that was decided."""

    joins: int
    """1 if the pod is in service again, -1 if it is no more, 0 if that stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPods:
    """Write on pods."""

    pods: tuple[MarkPod, ...]
    from_replicas: int | None = None
    """Pods in service before; None where the number of those is not what changes."""

    reason: str = ""
    message: str = ""
    variant: str = DEFAULT_VARIANT


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStatus:
    """Write the status."""

    status: Document
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class Announce:
    """Post an Event."""

    announcement: Announcement


Action = ApplyBody | Scale | Delete | MarkPods | WriteStatus | Announce
