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

    dry_run_first: bool
    """Ask the API server first: for bodies it has not accepted before, and so that nobody's object is taken over."""


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
