"""Reads the metrics pages of gateways: what each of them says of each service.

A gateway's page has six lines for each service that it knows, so it is searched like an engine's, and never believed
beyond its bounds.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self

import aiohttp
import structlog
from yarl import URL

from tidegate.engines.exposition import Series, TooManyLinesError, find_series
from tidegate.metrics.body import read_body
from tidegate.metrics.failure import ScrapeError, ScrapeReason
from tidegate.scaling.gateway_traffic import GatewaySample

Key = tuple[str, str]
"""(namespace, name)."""

_PREFIX = "tidegate_gateway_"
_COUNTS: Mapping[str, str] = {
    f"{_PREFIX}requests_total": "requests",
    f"{_PREFIX}in_flight": "in_flight",
    f"{_PREFIX}held": "held",
    f"{_PREFIX}abandoned_total": "abandoned",
    f"{_PREFIX}last_use_timestamp_seconds": "last_use",
}
"""Series that a service has on every gateway's page, and the fields of a sample that they become."""

TIME = f"{_PREFIX}time_seconds"
"""What the gateway's clock said as it wrote the page."""

SLICE_SINCE = f"{_PREFIX}slice_since_timestamp_seconds"
"""On the page of the gateway that writes the slices alone."""

_NAMES = (*_COUNTS, SLICE_SINCE, TIME)
MOST_LINES = 200_000
"""All ports there are, each with all of these."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPage:
    """What one gateway said."""

    time: float
    """When it was read, in seconds since the epoch."""

    samples: Mapping[Key, GatewaySample]
    """By service. One of which a number is missing, or is none, is left out: it is not known, and not zero."""

    slices: Mapping[Key, float]
    """Since when the slice of a service has held all gateways, in seconds since the epoch, as far as this one says."""


def read_gateway_page(page: bytes, gateway: str, time: float) -> GatewayPage:
    """Read a gateway's page.

    Args:
        page: the body of the answer, whole.
        gateway: its name.
        time: when it was read, in seconds since the epoch. What the page says of other times is told by this clock:
            the gateway's may be another one.

    Raises:
        ValueError: the page is no text in Prometheus' format, is cut, or larger than any gateway's.
    """
    if b"\0" in page or (page and not page.endswith(b"\n")):
        raise ValueError("the page is not whole, or not Prometheus' text format")
    try:
        found = find_series(page, _NAMES, MOST_LINES)
    except TooManyLinesError as error:
        raise ValueError(str(error)) from error
    ahead = next((each.value - time for each in found.get(TIME, ()) if math.isfinite(each.value)), 0.0)
    counts: dict[Key, dict[str, float]] = {}
    for name, count in _COUNTS.items():
        for key, value in _of_services(found.get(name, ())):
            counts.setdefault(key, {})[count] = value - ahead if count == "last_use" else value
    return GatewayPage(
        time=time,
        samples={
            key: GatewaySample(gateway=gateway, time=time, **values)
            for key, values in counts.items()
            if len(values) == len(_COUNTS)
        },
        slices={key: since - ahead for key, since in _of_services(found.get(SLICE_SINCE, ()))},
    )


def _of_services(series: Iterable[Series]) -> Iterable[tuple[Key, float]]:
    for each in series:
        key = (each.labels.get("namespace", ""), each.labels.get("service", ""))
        if all(key) and math.isfinite(each.value) and each.value >= 0:
            yield key, each.value


class GatewayScraper:
    """Reads gateways' pages over one HTTP session; use it as an async context manager."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        timeout_seconds: float = 3.0,
        maximum_bytes: int = 32 * 1024 * 1024,
        maximum_in_flight: int = 16,
    ) -> None:
        """Prepare a scraper; the session opens on entry.

        Args:
            clock: seconds since the epoch; stamps samples.
            timeout_seconds: most time for one gateway, from connecting to the end of its page.
            maximum_bytes: most bytes of one page.
            maximum_in_flight: most gateways being read at once.
        """
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._maximum_bytes = maximum_bytes
        self._places = asyncio.Semaphore(maximum_in_flight)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "gzip", "User-Agent": "tidegate"},
            timeout=self._timeout,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def read(self, gateways: Mapping[str, str]) -> dict[str, GatewayPage]:
        """Read gateways side by side.

        Args:
            gateways: `IP:port` of each one's metrics, by its name.

        Returns:
            The pages of those that could be read. One that could not never costs another one its page.

        Raises:
            RuntimeError: the scraper is not open.
        """
        if self._session is None:
            raise RuntimeError("the scraper is not open; use it as 'async with GatewayScraper(...) as scraper'")
        session = self._session
        pages = await asyncio.gather(*(self._read(session, name, address) for name, address in gateways.items()))
        return {name: page for name, page in zip(gateways, pages, strict=True) if page is not None}

    async def _read(self, session: aiohttp.ClientSession, name: str, address: str) -> GatewayPage | None:
        async with self._places:
            try:
                page = await self._fetch(session, URL(f"http://{address}/metrics", encoded=True))
                return read_gateway_page(page, name, self._clock())
            except (ScrapeError, aiohttp.ClientError, OSError, ValueError) as error:  # A TimeoutError is an OSError.
                log.info("a gateway cannot be read", gateway=name, address=address, error=str(error) or repr(error))
                return None

    async def _fetch(self, session: aiohttp.ClientSession, url: URL) -> bytes:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise ScrapeError(ScrapeReason.HTTP_STATUS, f"HTTP status {response.status}")
            return await read_body(response, self._maximum_bytes)
