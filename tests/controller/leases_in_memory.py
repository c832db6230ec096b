"""One Lease, for electors in fake time, with everything that can go wrong between them and it."""

import asyncio
import itertools
from dataclasses import dataclass, field, replace

from tidegate.cluster.error import ClusterError
from tidegate.cluster.lease import Lease

CONFLICT = ClusterError(409, "Conflict", "the object has been modified")
UNREACHABLE = ClusterError(0, "Unreachable", "connection refused")


@dataclass
class LeaseInMemory:
    """What is at the API server, with compare and set, and who wrote it when."""

    lease: Lease | None = None
    writes: list[tuple[float, Lease]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def put(self, lease: Lease) -> Lease:
        """Write it whatever was there, as people do."""
        uid = lease.uid or f"uid-{next(self._numbers)}"
        self.lease = replace(lease, uid=uid, document={"resourceVersion": next(self._numbers)})
        return self.lease

    def write(self, wanted: Lease) -> Lease:
        """Write it if nobody has in between."""
        there = self.lease
        if (there is None) == bool(wanted.uid) or (there is not None and there.document != wanted.document):
            raise CONFLICT
        written = self.put(wanted)
        self.writes.append((now(), written))
        return written


@dataclass
class Connection:
    """`Leases`, for one elector."""

    server: LeaseInMemory
    failure: Exception | None = None
    seconds: float = 0.0
    """How long each request takes."""

    before_write: list[Lease] = field(default_factory=list)
    """What somebody else writes between our look and our write, once."""

    async def read(self) -> Lease | None:
        """The Lease."""
        await self._travel()
        return self.server.lease

    async def write(self, lease: Lease) -> Lease:
        """Create or replace it."""
        if self.before_write:
            self.server.put(self.before_write.pop())
        await self._travel()
        return self.server.write(lease)

    async def _travel(self) -> None:
        await asyncio.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure


def now() -> float:
    """Seconds of the loop."""
    return asyncio.get_running_loop().time()
