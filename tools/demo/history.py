"""What was seen of each service, kept for the end: every size, every change, every decision record."""

from collections.abc import Callable
from dataclasses import dataclass, field

from demo.scenario import Document


@dataclass(frozen=True, slots=True)
class Change:
    """One change of size, or of the advice where nothing is changed.

    Attributes:
        seconds: When it was seen, from the start of the demo.
        applied: False = advised only.
        message: The operator's own sentence.
    """

    seconds: float
    service: str
    from_replicas: int
    to_replicas: int
    applied: bool
    message: str

    def __str__(self) -> str:
        return f"{self.service} {self.message}"


@dataclass(slots=True)
class Service:
    """One InferenceService, as it is and as it was."""

    name: str
    status: Document = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    records: list[Document] = field(default_factory=list)
    """Every decision record, oldest first."""

    @property
    def decision(self) -> Document:
        """The last decision record; empty before the first."""
        return self.records[-1] if self.records else {}

    @property
    def ready(self) -> int:
        """Pods that are ready."""
        return int(self.status.get("readyReplicas", 0))

    @property
    def there(self) -> int:
        """Pods that are there: those that are not ready, or finish before they leave, too."""
        return int(self.status.get("replicas", 0))

    @property
    def desired(self) -> int:
        """The size decided last; what is advised, where nothing is changed."""
        return int(self.status.get("desiredReplicas", 0))

    @property
    def sizes(self) -> list[int]:
        """The sizes it had, or was advised, one after another."""
        if not self.changes:
            return [self.desired]
        return [self.changes[0].from_replicas, *(change.to_replicas for change in self.changes)]

    def signal(self, name: str) -> float | None:
        """A number of status.signals, or None while it is not known."""
        value = (self.status.get("signals") or {}).get(name)
        return None if value is None else float(value)


class History:
    """All services. Fed by a watch, so no change between two looks is missed."""

    def __init__(self, names: tuple[str, ...], clock: Callable[[], float]) -> None:
        self.services = {name: Service(name) for name in names}
        self.changes: list[Change] = []
        self._clock = clock
        self._known: set[tuple[str, str, int, int]] = set()

    def see(self, kind: str, document: Document) -> None:
        """Take one event of the watch in."""
        service = self.services.get(document["metadata"]["name"]) if document else None
        status = document.get("status") if kind != "DELETED" else None
        if service is None or not status:
            return
        service.status = status
        for change in reversed(status.get("changes") or ()):  # Oldest first.
            key = (service.name, change["time"], change["from"], change["to"])
            if key not in self._known:
                self._known.add(key)
                self._add(service, change["from"], change["to"], change["message"], applied=True)
        record = status.get("decision")
        if record and record != service.decision:
            self._see_record(service, record)

    def _see_record(self, service: Service, record: Document) -> None:
        advised = (service.decision or record)["to" if service.decision else "from"]
        service.records.append(record)
        if not record["applied"] and record["to"] != advised:
            self._add(service, advised, record["to"], record["message"], applied=False)

    def _add(self, service: Service, from_replicas: int, to_replicas: int, message: str, *, applied: bool) -> None:
        change = Change(self._clock(), service.name, from_replicas, to_replicas, applied, message)
        service.changes.append(change)
        self.changes.append(change)
