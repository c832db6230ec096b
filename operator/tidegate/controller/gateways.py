"""The gateways: which of them live, what they say of each service, and which of their slices are in place.

A gateway lives while its Lease changes, by our own clock, whatever time is written in it. One that was just seen for
the first time counts as alive: if it is not, nothing can be read from it, and nobody is put to sleep on its account
until its Lease has been seen unchanged for its whole duration.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from tidegate.api.names import GATEWAY_LABEL, GATEWAY_METRICS_ANNOTATION
from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import LEASES, Document, Key, Resource
from tidegate.metrics.gateway_scrape import GatewayPage
from tidegate.scaling.gateway_traffic import GatewayTraffic

LEAST_DURATION_SECONDS = 5
USUAL_DURATION_SECONDS = 15
LONGEST_DURATION_SECONDS = 60
"""A Lease that claims to last longer, or says nothing, is not taken at its word."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GatewayInstall:
    """Which gateways are ours."""

    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "GatewayInstall":
        """Read `NAMESPACE/INSTALL`.

        Raises:
            ValueError: it is not of this form; the message names the flag.
        """
        namespace, slash, name = text.partition("/")
        if not (namespace and slash and name) or "/" in name:
            raise ValueError(
                f"--gateway {text!r}: give the namespace of the gateways and the name of their install, such as "
                "tidegate-system/tidegate"
            )
        return cls(namespace, name)


class Leases(Protocol):
    """Where Leases are listed."""

    def list_documents(
        self, resource: Resource, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[Document]:
        """Every object there is with these labels."""


class Pages(Protocol):
    """Reads gateways' pages."""

    async def read(self, gateways: Mapping[str, str]) -> dict[str, GatewayPage]:
        """The pages of those that could be read, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    renewed: str
    """As the Lease says it: only whether it changes matters."""

    seen_at: float
    """When it was first seen to say so, in seconds of our clock."""

    duration_seconds: float
    metrics_address: str

    def lives(self, now: float) -> bool:
        return now - self.seen_at < self.duration_seconds


class Gateways:
    """What is known of the gateways."""

    def __init__(
        self, install: GatewayInstall, leases: Leases, pages: Pages, *, clock: Callable[[], float], stale_seconds: float
    ) -> None:
        """Know of none yet.

        Args:
            install: which gateways are ours.
            leases: lists their Leases.
            pages: reads them.
            clock: seconds since the epoch that never go back.
            stale_seconds: what was read longer ago says nothing about now.
        """
        self._install = install
        self._leases = leases
        self._reader = pages
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._members: dict[str, _Member] = {}
        self._pages: dict[str, GatewayPage] = {}
        self._listed_at: float | None = None
        self._problem = ""

    async def read(self) -> None:
        """Look who lives, and read them. What cannot be had is told as unknown, and never as nothing."""
        try:
            await self._list()
        except ClusterError as error:
            if str(error) != self._problem:  # Told once, and not at every tick.
                self._problem = str(error)
                log.warning(
                    "the gateways' Leases cannot be listed", namespace=self._install.namespace, error=str(error)
                )
        now = self._clock()
        live = {name: member.metrics_address for name, member in self._members.items() if member.lives(now)}
        for name in self._pages.keys() - live.keys():
            del self._pages[name]
        self._pages |= await self._reader.read(live)

    @property
    def live(self) -> int:
        """How many live."""
        now = self._clock()
        return sum(member.lives(now) for member in self._members.values())

    @property
    def is_known(self) -> bool:
        """Whether it is known who lives."""
        return self._listed_at is not None and self._clock() - self._listed_at < self._stale_seconds

    def traffic_of(self, key: Key, *, carries_all: bool) -> GatewayTraffic:
        """What they say of a service.

        Args:
            key: the service.
            carries_all: whether all its requests pass them.

        Returns:
            What those said that were read lately. It is complete if nobody is missing: who lives is known, there is
            somebody, and each of them was read lately and knows of the service.
        """
        now = self._clock()
        pages = self._fresh_pages(now)
        samples = tuple(page.samples[key] for page in pages.values() if key in page.samples)
        live = {name for name, member in self._members.items() if member.lives(now)}
        complete = self.is_known and bool(live) and live == pages.keys() and len(samples) == len(live)
        return GatewayTraffic(samples=samples, complete=complete, carries_all=carries_all)

    def slice_since(self, key: Key) -> float | None:
        """Since when the slice of a service has held all gateways, in seconds since the epoch; None if it does not."""
        found = [page.slices[key] for page in self._fresh_pages(self._clock()).values() if key in page.slices]
        return max(found, default=None)  # A leader before this one may still say what it knew: the later word counts.

    def _fresh_pages(self, now: float) -> dict[str, GatewayPage]:
        return {name: page for name, page in self._pages.items() if now - page.time < self._stale_seconds}

    async def _list(self) -> None:
        members: dict[str, _Member] = {}
        labels = {GATEWAY_LABEL: self._install.name}
        async for document in self._leases.list_documents(LEASES, self._install.namespace, labels=labels):
            member = _member(document, self._clock())
            name = document["metadata"]["name"]
            if member is None:
                continue
            known = self._members.get(name)
            # The same word as before was seen before.
            members[name] = member if known is None or known.renewed != member.renewed else known
        self._members, self._listed_at, self._problem = members, self._clock(), ""


def _member(document: Document, now: float) -> _Member | None:
    """Read a gateway's Lease; None for one that was given up, or does not say where its metrics are."""
    spec: dict[str, Any] = document.get("spec") or {}
    address = (document["metadata"].get("annotations") or {}).get(GATEWAY_METRICS_ANNOTATION)
    if not address or not spec.get("holderIdentity"):
        return None
    duration = spec.get("leaseDurationSeconds") or USUAL_DURATION_SECONDS
    return _Member(
        renewed=f"{spec.get('holderIdentity')} {spec.get('renewTime')}",
        seen_at=now,
        duration_seconds=min(max(duration, LEAST_DURATION_SECONDS), LONGEST_DURATION_SECONDS),
        metrics_address=address,
    )
