"""A real Prometheus that cannot help: each way is told apart, and none gives a sample."""

import base64
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from yarl import URL

from metrics.loopback import free_port, http_pod
from metrics.stored_pods import (
    STALE_AFTER_SECONDS,
    Engines,
    ScrapedEngines,
    engines,
    failure,
    prometheus,
    scraped_engines,
    source,
    stored,
    until_failure,
    until_sample,
)
from tidegate.engines.llama_cpp import LLAMA_CPP
from tidegate.metrics.failure import ScrapeReason
from tidegate.simulator.faults import MetricsFault

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "tide"  # noqa: S105 - of a server that lives for seconds
USERS = {"basic_auth_users": {"tidegate": "$2b$04$abcdefghijklmnopqrstuu1qpP1CMp/0kFovmakDl70ruBcZs2vS."}}
"""The password's bcrypt hash, as cheap as it can be."""

AT_ONCE = 0.0

WELL, BROKEN, ELSEWHERE, EUROPEAN = range(1, 5)
"""Engines that are scraped from the beginning, by number."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScrapedEngines]:
    """Those engines, and who scrapes them."""

    def targets(pods: Engines) -> dict[str, dict[str, str]]:
        european = {"namespace": "models", "pod": f"pod-{EUROPEAN}", "cluster": "eu"}
        return {
            **pods.targets(WELL, BROKEN),
            **pods.targets(ELSEWHERE, namespace="elsewhere"),
            pods.address(EUROPEAN): european,
        }

    async with scraped_engines(tmp_path_factory.mktemp("prometheus"), targets) as scraped:
        yield scraped


async def test_one_that_is_gone_is_unreachable(tmp_path: Path) -> None:
    """After a kill the failure says that nothing listens, and where."""
    with prometheus(tmp_path) as server, source(server.url) as asked:
        server.kill()
        told = await failure(asked)
    assert told.reason == ScrapeReason.PROMETHEUS_UNREACHABLE
    assert told.message.startswith(f"Prometheus 127.0.0.1:{server.port}: nothing listens there")


async def test_one_that_hangs_times_out(tmp_path: Path) -> None:
    """One that is stopped takes connections and answers nothing: that costs the timeout, not one for each query."""
    async with engines() as pods:
        with prometheus(tmp_path) as server, source(server.url, timeout_seconds=0.5) as asked:
            server.scrape(pods.targets(1))
            before = await until_sample(asked)
            server.pause()
            started = time.monotonic()
            told = await failure(asked)
            took_seconds = time.monotonic() - started
            server.resume()
            after = await until_sample(asked, after=before.time)
    assert told.reason == ScrapeReason.PROMETHEUS_TIMEOUT
    assert "within 0.5 s" in told.message
    assert took_seconds < 3 * 0.5
    assert after.time > before.time


async def test_one_without_the_pod_says_what_was_looked_for(shared: ScrapedEngines) -> None:
    """Series of the pod under another namespace are not its own; the failure names the labels it wants."""
    with source(shared.server.url, matchers=(("cluster", 'a"b\\c'),)) as asked:
        told = await failure(asked, stored(ELSEWHERE, stale_after_seconds=AT_ONCE))
    assert told.reason == ScrapeReason.NOT_IN_PROMETHEUS
    assert f'namespace="models", pod="pod-{ELSEWHERE}", cluster="a"b\\c"' in told.message
    assert "PodMonitor" in told.message


async def test_a_pod_that_may_be_too_new_is_no_failure(tmp_path: Path) -> None:
    """A pod is not scraped the moment it is ready: for a while nothing is said of it."""
    with prometheus(tmp_path) as server, source(server.url) as asked:
        assert (await asked.read([stored(stale_after_seconds=1.0)])).readings == {}
        told = await until_failure(asked, ScrapeReason.NOT_IN_PROMETHEUS, stored(stale_after_seconds=1.0))
    assert "it does not scrape the pod" in told.message


async def test_another_clusters_pod_is_not_ours(shared: ScrapedEngines) -> None:
    """Where clusters share a Prometheus, the matcher keeps the series of others out."""
    target = stored(EUROPEAN, stale_after_seconds=AT_ONCE)
    with source(shared.server.url, matchers=(("cluster", "us"),)) as asked:
        assert (await failure(asked, target)).reason == ScrapeReason.NOT_IN_PROMETHEUS
    with source(shared.server.url, matchers=(("cluster", "eu"),)) as right:
        assert (await until_sample(right, stored(EUROPEAN))).waiting == 0


async def test_another_models_series_are_not_read(shared: ScrapedEngines) -> None:
    """Series of another model say nothing of this one; the failure names both."""
    await until_sample(shared.asked)
    told = await failure(shared.asked, stored(model_name="llama"))
    assert told.reason == ScrapeReason.ANOTHER_MODEL
    assert "model_name='m' and none 'llama'; make spec.model.name what the engine calls" in told.message


async def test_another_engines_page_is_told_from_none(shared: ScrapedEngines) -> None:
    """The pod is scraped, and its series are not this engine's: the type is what to check, not the PodMonitor."""
    await until_sample(shared.asked)
    told = await failure(shared.asked, stored(table=LLAMA_CPP, stale_after_seconds=AT_ONCE))
    shared.pods.break_(BROKEN, MetricsFault.MISSING)
    target = stored(BROKEN, stale_after_seconds=2.0)
    vanished = await until_failure(shared.asked, ScrapeReason.NO_KNOWN_METRICS, target)
    assert told.reason == ScrapeReason.NO_KNOWN_METRICS
    assert "metrics of engine type llamaCpp, such as llamacpp:requests_deferred; check engine.type" in told.message
    assert "vLLM" in vanished.message


async def test_a_pod_that_is_no_longer_scraped_is_too_old(tmp_path: Path) -> None:
    """What was scraped stays good until it is stale, and then the failure says that nobody scrapes it any more."""
    async with engines() as pods:
        with prometheus(tmp_path) as server, source(server.url) as asked:
            server.scrape(pods.targets(1))
            await until_sample(asked)
            server.scrape({})
            told = await until_failure(asked, ScrapeReason.SCRAPED_TOO_LONG_AGO)
    assert f"more than {STALE_AFTER_SECONDS:.0f} s old: it does not scrape the pod" in told.message


@dataclass
class Gate:
    """A proxy in front of a Prometheus."""

    upstream: str
    takes: Callable[[web.BaseRequest], bool]
    seen: list[str] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass a request on, if it may."""
        given = request.headers.get("Authorization", "")
        self.seen.append(given)
        if not given:
            return web.Response(status=401, text="who are you?")
        if not self.takes(request):
            return web.Response(status=403, text=f"{given} may not")
        async with aiohttp.ClientSession() as session:
            url = URL(f"{self.upstream}{request.path_qs}", encoded=True)
            async with session.get(url) as answer:
                return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)


@asynccontextmanager
async def gate(upstream: str, token: str) -> AsyncIterator[tuple[Gate, str]]:
    """A proxy that wants a bearer token; with its URL."""
    made = Gate(upstream, lambda request: request.headers["Authorization"] == f"Bearer {token}")
    async with http_pod(made.handle) as port:
        yield made, f"http://127.0.0.1:{port}"


async def test_a_token_is_sent_and_read_anew(shared: ScrapedEngines, tmp_path: Path) -> None:
    """No token and a wrong one are refused, each in its words; a new one is used at once; no message has any."""
    token = tmp_path / "token"
    async with gate(shared.server.url, "right") as (door, url):
        with source(url) as asked:
            nothing = await failure(asked)
        with source(url, bearer_token_file=str(token)) as asked:
            no_file = await failure(asked)
            token.write_text("wrong-secret\n")
            wrong = await failure(asked)
            token.write_text("right\n")
            assert (await until_sample(asked)).waiting == 0
            token.write_text("two\nlines")
            two_lines = await failure(asked)
    told = [nothing, no_file, wrong, two_lines]
    assert {each.reason for each in told} == {ScrapeReason.PROMETHEUS_REFUSED}
    assert "it wants credentials: give --prometheus-bearer-token-file" in nothing.message
    assert f"--prometheus-bearer-token-file: {token} cannot be read: No such file" in no_file.message
    assert "HTTP status 403; the credentials sent do not give the right to query" in wrong.message
    assert "must hold one line" in two_lines.message
    assert not any(secret in each.message for each in told for secret in ("wrong-secret", "right\n", "two", "Bearer"))
    assert set(door.seen) == {"", "Bearer wrong-secret", "Bearer right"}


async def test_a_password_is_sent_in_a_header(tmp_path: Path) -> None:
    """Prometheus' own users: without the password refused, with the header from a file read."""
    header = tmp_path / "authorization"
    (tmp_path / "prometheus").mkdir()
    with prometheus(tmp_path / "prometheus", web=USERS) as server:
        with source(server.url) as asked:
            refused = await failure(asked)
        pair = base64.b64encode(f"tidegate:{PASSWORD}".encode()).decode()
        header.write_text(f"Basic {pair}\n")
        with source(server.url, headers=(("Authorization", str(header)),)) as asked:
            found = await failure(asked, stored(stale_after_seconds=AT_ONCE))
    assert refused.reason == ScrapeReason.PROMETHEUS_REFUSED
    assert "HTTP status 401" in refused.message
    assert found.reason == ScrapeReason.NOT_IN_PROMETHEUS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an authority (`ca.crt`) and pairs it signed: `server` for 127.0.0.1, and `client`."""
    if which("openssl") is None:
        pytest.skip("NOT TESTED with TLS: no openssl on this machine: apt-get install openssl")
    directory = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)  # noqa: S603, S607

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "1", "-subj", "/CN=authority")
    for name in ("server", "client"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (directory / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1\n")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1")
        openssl("x509", "-req", "-in", f"{name}.csr", *signed, "-extfile", f"{name}.ext", "-out", f"{name}.crt")
    return directory


async def test_certificates_of_both_sides_are_checked(tmp_path: Path, certificates: Path) -> None:
    """An unknown authority and a missing client certificate are told; with both files, and unchecked, it is read."""
    authority = str(certificates / "ca.crt")
    tls: dict[str, Any] = {
        "cert_file": str(certificates / "server.crt"),
        "key_file": str(certificates / "server.key"),
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": authority,
    }
    ours = {
        "client_certificate_file": str(certificates / "client.crt"),
        "client_key_file": str(certificates / "client.key"),
    }
    new = stored(stale_after_seconds=AT_ONCE)
    with prometheus(tmp_path, web={"tls_server_config": tls}) as server:
        with source(server.url, **ours) as asked:
            unknown = await failure(asked, new)
        with source(server.url, ca_file=authority) as asked:
            anonymous = await failure(asked, new)
        with source(server.url, ca_file=authority, **ours) as asked:
            both = await failure(asked, new)
        with source(server.url, insecure_skip_verify=True, **ours) as asked:
            unchecked = await failure(asked, new)
    assert unknown.reason == anonymous.reason == ScrapeReason.PROMETHEUS_UNREACHABLE
    assert "--prometheus-ca-file" in unknown.message
    assert both.reason == unchecked.reason == ScrapeReason.NOT_IN_PROMETHEUS


async def test_an_address_where_nothing_listens_is_unreachable() -> None:
    """No server at all, and a name that nobody knows: both unreachable, each in its words."""
    with source(f"http://127.0.0.1:{free_port()}/prometheus") as asked:
        closed = await failure(asked)
    with source("http://prometheus.invalid:9090") as asked:
        unknown = await failure(asked)
    assert closed.reason == unknown.reason == ScrapeReason.PROMETHEUS_UNREACHABLE
    assert "its name is not known" in unknown.message
