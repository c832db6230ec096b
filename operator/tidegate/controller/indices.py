"""Ways to look records up by something else than their own names. Each is told of every change in the store."""

from bisect import bisect_left, insort
from collections.abc import Collection, Sequence
from typing import Generic, TypeVar

from tidegate.cluster.resources import Key
from tidegate.controller.records import AutoscalerRecord, PodRecord, ServiceRecord
from tidegate.workloads.live import LiveDeployment

Record = TypeVar("Record", bound=PodRecord | ServiceRecord | AutoscalerRecord)


class ByWorkload(Generic[Record]):
    """Records of one kind, by the Deployment that they are about."""

    def __init__(self, kind: type[Record]) -> None:
        """Begin with none, of this kind."""
        self._kind = kind
        self._records: dict[Key, dict[Key, Record]] = {}

    def replace(self, before: object, after: object) -> None:
        """Take out a record, if it is of this kind, and put in another one, if that is."""
        if isinstance(before, self._kind):
            for workload in _workloads(before):
                same = self._records[workload]
                del same[before.key]
                if not same:
                    del self._records[workload]
        if isinstance(after, self._kind):
            for workload in _workloads(after):
                self._records.setdefault(workload, {})[after.key] = after

    def of(self, workload: Key) -> Collection[Record]:
        """Those about one Deployment."""
        return self._records.get(workload, {}).values()


def _workloads(record: PodRecord | ServiceRecord | AutoscalerRecord) -> tuple[Key, ...]:
    return record.workloads if isinstance(record, ServiceRecord) else (record.workload,)


class ByModelName:
    """InferenceServices, by the names that they want to answer to at the shared address, the oldest first.

    All of a fleet may want the same: who is first must not take a look at all of them.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._keys: dict[str, list[tuple[float, Key]]] = {}

    def replace(self, before: object, after: object) -> None:
        """Take out a record, if it is an InferenceService, and put in another one, if that is."""
        if isinstance(before, ServiceRecord):
            for name in before.shared_names:
                same = self._keys[name]
                del same[bisect_left(same, (before.created, before.key))]
                if not same:
                    del self._keys[name]
        if isinstance(after, ServiceRecord):
            for name in after.shared_names:
                insort(self._keys.setdefault(name, []), (after.created, after.key))

    def of(self, name: str) -> Sequence[tuple[float, Key]]:
        """When each was created, and its key."""
        return self._keys.get(name, ())


class ByOwner:
    """InferenceServices by their uids, and the Deployments that were made for them.

    Those are more than a service drives where its spec has lost a variant.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._deployments: dict[str, dict[Key, LiveDeployment]] = {}
        self._services: dict[str, Key] = {}

    def replace(self, before: object, after: object) -> None:
        """Take out a record, if it is a Deployment or an InferenceService, and put in another one, if that is."""
        if isinstance(before, ServiceRecord):
            del self._services[before.uid]
        if isinstance(after, ServiceRecord):
            self._services[after.uid] = after.key
        if isinstance(before, LiveDeployment) and before.owner_uid is not None:
            same = self._deployments[before.owner_uid]
            del same[before.key]
            if not same:
                del self._deployments[before.owner_uid]
        if isinstance(after, LiveDeployment) and after.owner_uid is not None:
            self._deployments.setdefault(after.owner_uid, {})[after.key] = after

    def service(self, uid: str | None) -> Key | None:
        """The InferenceService of a uid."""
        return None if uid is None else self._services.get(uid)

    def deployments(self, uid: str) -> Collection[LiveDeployment]:
        """The Deployments that it owns."""
        return self._deployments.get(uid, {}).values()
