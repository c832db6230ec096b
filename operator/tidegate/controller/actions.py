"""What a visit wants done. Values only: `writer` carries them out."""

from dataclasses import dataclass

from tidegate.cluster.resources import Resource
from tidegate.cluster.write_budget import Urgency
from tidegate.controller.announcements import Announcement
from tidegate.controller.records import Document, Key


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Write a size, if the Deployment is still at `resource_version`."""

    workload: Key
    replicas: int
    resource_version: str | None
    """None: the version that the body's apply, just before, has answered with."""

    from_replicas: int | None = None
    """The size before; None when the size is only being claimed and stays as it is."""

    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStatus:
    """Write the status."""

    status: Document
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class Announce:
    """Post an Event."""

    announcement: Announcement


Action = ApplyBody | Scale | WriteStatus | Announce
