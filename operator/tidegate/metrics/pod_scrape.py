"""Reads the metrics pages of pods, many at once, and trusts none of them."""

import asyncio
import errno
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Generic, Self, TypeVar

import aiohttp
import structlog
from yarl import URL

from tidegate.cluster.reading import joined
from tidegate.engines.page import PageError, read_page
from tidegate.engines.table import EngineTable
from tidegate.metrics.body import read_body
from tidegate.metrics.failure import ScrapeError, ScrapeReason
from tidegate.metrics.idle_connections import IdleConnections
from tidegate.scaling.sample import Sample, ScrapeFailure

Key = TypeVar("Key", bound=Hashable)

log = structlog.get_logger(__name__)

_HEADERS = {
    "Accept": "text/plain;version=0.0.4",
    "Accept-Encoding": "identity",  # Packing would cost the engine milliseconds of the process that serves requests.
    "User-Agent": "tidegate",
}
_CLOSE = {"Connection": "close"}

_IDLE_SECONDS = 4.0
"""How long a connection waits for the next scrape: less than the 5 s after which vLLM's and llama.cpp's servers close
it, so that a scrape seldom meets a connection that is just being closed."""

_STATUS_HINTS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the engine wants a key for this page; serve its metrics without one",
    HTTPStatus.FORBIDDEN: "the engine wants a key for this page; serve its metrics without one",
    HTTPStatus.NOT_FOUND: "check engine.metrics.path",
    HTTPStatus.NOT_IMPLEMENTED: "the engine was started without its metrics; llama.cpp needs --metrics",
    HTTPStatus.SERVICE_UNAVAILABLE: "the engine is loading its model or shutting down",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeTarget(Generic[Key]):
    """A pod to read."""

    key: Key
    """What the caller knows the pod by; no two targets of one scrape share it."""

    address: str
    """The pod's IP address."""

    table: EngineTable
    """The pod's engine; its port and path of metrics are used."""

    model_name: str | None = None
    """Prefer the series of this model (see `read_page`)."""

    with_latencies: bool = False
    """Whether the sample is to have latencies, where the engine shows them."""

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{joined(self.address, self.table.metrics_port)}{self.table.metrics_path}"


class PodScraper:
    """Reads pods' metrics pages over one HTTP session; use it as an async context manager.

    What pods send is bounded in time and size, cookies and redirects are ignored, and proxies of the environment are
    not used: pods are reached directly or not at all.

    Attributes:
        timeout_seconds: most time for one pod, from connecting to the end of its page.
        maximum_bytes: most bytes of one page; engines' pages have about 100 KB.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        timeout_seconds: float = 2.0,
        maximum_bytes: int = 4 * 1024 * 1024,
        maximum_in_flight: int = 128,
        maximum_idle_connections: int = 512,
    ) -> None:
        """Prepare a scraper; the session opens on entry.

        Args:
            clock: seconds since the epoch; stamps samples and failures.
            timeout_seconds: most time for one pod. Waiting for a place in flight is not counted.
            maximum_bytes: most bytes of one page, unpacked.
            maximum_in_flight: most pods being read at once, over all calls. With `maximum_bytes` it bounds memory.
            maximum_idle_connections: most connections kept open between scrapes; further pods are connected to anew
                each time.
        """
        self.timeout_seconds = timeout_seconds
        self.maximum_bytes = maximum_bytes
        self._clock = clock
        self._places = asyncio.Semaphore(maximum_in_flight)
        self._idle = IdleConnections(maximum_idle_connections, _IDLE_SECONDS)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(total=self.timeout_seconds),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open_session().close()
        self._session = None

    async def scrape(self, targets: Iterable[ScrapeTarget[Key]]) -> dict[Key, Sample | ScrapeFailure]:
        """Read pods side by side.

        Args:
            targets: the pods; each has an entry in the result.

        Returns:
            For each key the pod's sample, or why there is none. A bad pod never costs another its sample.
        """
        targets = list(targets)
        self._open_session()  # One that is not open is no fault of a pod's.
        results = await asyncio.gather(*(self._scrape(target) for target in targets))
        return {target.key: result for target, result in zip(targets, results, strict=True)}

    async def _scrape(self, target: ScrapeTarget[Key]) -> Sample | ScrapeFailure:
        async with self._places:
            try:
                return await self._read(target)
            except ScrapeError as error:
                reason, what = error.reason, str(error)
            except PageError as error:
                reason, what = ScrapeReason(error.fault), str(error)
            except (aiohttp.ClientError, OSError) as error:  # A TimeoutError is an OSError.
                reason, what = self._explain(error)
            except Exception:
                # Whatever else one page can do must cost this pod its sample, and no other.
                log.exception("a page could not be read", url=target.url)
                reason, what = ScrapeReason.UNEXPECTED, "reading the page failed in Tidegate itself; see its log"
            return ScrapeFailure(time=self._clock(), reason=reason, message=f"{target.url}: {what}")

    async def _read(self, target: ScrapeTarget[Key]) -> Sample:
        server = (target.address, target.table.metrics_port)
        keep = self._idle.may_keep(server, asyncio.get_running_loop().time())
        async with self._open_session().get(
            URL(target.url, encoded=True), headers=None if keep else _CLOSE, allow_redirects=False
        ) as response:
            if response.status != HTTPStatus.OK:
                raise ScrapeError(ScrapeReason.HTTP_STATUS, _explain_status(response.status))
            page = await read_body(response, self.maximum_bytes)
            return read_page(
                page,
                target.table,
                time=self._clock(),
                model_name=target.model_name,
                open_metrics=response.content_type == "application/openmetrics-text",
                with_latencies=target.with_latencies,
            )

    def _explain(self, error: Exception) -> tuple[ScrapeReason, str]:
        if isinstance(error, TimeoutError):
            what = (
                f"no complete answer within {self.timeout_seconds:g} s; the engine is overloaded or cannot be reached"
            )
            return ScrapeReason.TIMEOUT, what
        if isinstance(error, aiohttp.ClientPayloadError):
            return ScrapeReason.TRUNCATED, "the connection ended before the page did"
        if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
            return ScrapeReason.CONNECTION_REFUSED, "nothing listens there; check engine.port and engine.metrics.port"
        what = f"the connection failed ({type(error).__name__}); check that engine.metrics.port speaks HTTP"
        return ScrapeReason.CONNECTION_FAILED, what

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the scraper is not open; use it as 'async with PodScraper(...) as scraper'")
        return self._session


def _explain_status(status: int) -> str:
    hint = "check engine.metrics.path and the log of the engine"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        hint = "redirects are not followed; set engine.metrics.port and engine.metrics.path to where the page is"
    return f"HTTP status {status}; {_STATUS_HINTS.get(status, hint)}"
