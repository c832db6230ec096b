"""What the client sends, and what it makes of the answers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from loopback_api_server import LoopbackApiServer, client_of, loopback_api_server, status

from tidegate.cluster import client as client_module
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.connection import NoClusterError, kopf_connection, load_configuration
from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import ACCELERATOR_PROFILES, DEPLOYMENTS, INFERENCE_SERVICES, PODS
from tidegate.cluster.write_budget import Urgency

BODY = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "chat", "namespace": "default"}}
EVENT = {"kind": "Event", "metadata": {"name": "chat.1", "namespace": "default"}}
CHAT = "/apis/apps/v1/namespaces/default/deployments/chat"
SERVICE = "/apis/inference.tidegate.dev/v1alpha1/namespaces/default/inferenceservices/chat"
APPLY = "application/apply-patch+yaml"
BY_BODY = {"fieldManager": "tidegate", "force": "true"}
BY_SCALER = {"fieldManager": "tidegate-scaler", "force": "true"}

Call = Callable[[ClusterClient], Awaitable[Any]]


@pytest.fixture
async def server() -> AsyncIterator[LoopbackApiServer]:
    """An API server that takes everything."""
    async with loopback_api_server() as served:
        yield served


@pytest.fixture
async def client(server: LoopbackApiServer) -> AsyncIterator[ClusterClient]:
    """A client of it."""
    async with client_of(server) as made:
        yield made


@pytest.mark.parametrize(
    ("call", "method", "path", "query", "content_type"),
    [
        (lambda c: c.apply(DEPLOYMENTS, BODY), "PATCH", CHAT, BY_BODY, APPLY),
        (lambda c: c.apply(DEPLOYMENTS, BODY, dry_run=True), "PATCH", CHAT, {**BY_BODY, "dryRun": "All"}, APPLY),
        (lambda c: c.apply_scale("default", "chat", 3, "7"), "PATCH", f"{CHAT}/scale", BY_SCALER, APPLY),
        (
            lambda c: c.apply_status(INFERENCE_SERVICES, "default", "chat", {}, uid="u", urgency=Urgency.CONDITIONS),
            "PATCH",
            f"{SERVICE}/status",
            BY_BODY,
            APPLY,
        ),
        (lambda c: c.create_event(EVENT), "POST", "/api/v1/namespaces/default/events", {}, "application/json"),
        (
            lambda c: c.patch_pod("default", "chat-1", {"labels": {"a": "b"}}),
            "PATCH",
            "/api/v1/namespaces/default/pods/chat-1",
            {"fieldManager": "tidegate-drain"},
            "application/merge-patch+json",
        ),
        (
            lambda c: c.patch(INFERENCE_SERVICES, "default", "chat", {"spec": {"replicas": None}}),
            "PATCH",
            SERVICE,
            {},
            "application/merge-patch+json",
        ),
    ],
    ids=["body", "dry run", "scale", "status", "event", "pod", "patch"],
)
async def test_each_write_is_sent_as_the_api_server_wants_it(
    client: ClusterClient,
    server: LoopbackApiServer,
    call: Call,
    method: str,
    path: str,
    query: dict[str, str],
    content_type: str,
) -> None:
    """The content type decides what a PATCH means; the field manager, whose it is."""
    await call(client)
    (sent,) = server.requests
    assert (sent.method, sent.path, sent.query, sent.headers["Content-Type"]) == (method, path, query, content_type)


async def test_a_size_carries_the_version_it_was_decided_at(client: ClusterClient, server: LoopbackApiServer) -> None:
    """So it is a compare-and-set."""
    await client.apply_scale("default", "chat", 0, "7")
    assert server.requests[0].body == {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "chat", "namespace": "default", "resourceVersion": "7"},
        "spec": {"replicas": 0},
    }


async def test_a_status_carries_the_uid_of_the_object_it_is_of(
    client: ClusterClient, server: LoopbackApiServer
) -> None:
    """Another one of the same name does not get it."""
    await client.apply_status(
        INFERENCE_SERVICES, "default", "chat", {"replicas": 1}, uid="u", urgency=Urgency.CONDITIONS
    )
    body = server.requests[0].body
    assert body["metadata"] == {"name": "chat", "namespace": "default", "uid": "u"}
    assert (body["apiVersion"], body["kind"], body["status"]) == (
        "inference.tidegate.dev/v1alpha1",
        "InferenceService",
        {"replicas": 1},
    )


async def test_names_are_listed_as_metadata_page_by_page(client: ClusterClient, server: LoopbackApiServer) -> None:
    """Documents of a whole fleet would be hundreds of megabytes."""
    pages = {
        "": {"metadata": {"continue": "a/b+c="}, "items": [{"metadata": {"namespace": "n", "name": "one"}}]},
        "a/b+c=": {"metadata": {}, "items": [{"metadata": {"namespace": "n", "name": "two"}}]},
    }
    server.answer = lambda request: web.json_response(pages[request.query.get("continue", "")])
    assert await client.list_names(PODS, "n") == {("n", "one"), ("n", "two")}
    first, second = server.requests
    assert (first.path, first.query["limit"]) == ("/api/v1/namespaces/n/pods", "500")
    assert "as=PartialObjectMetadataList" in first.headers["Accept"]
    assert second.query["continue"] == "a/b+c="


@pytest.mark.parametrize("items", [None, []])
async def test_no_names_are_no_names(
    client: ClusterClient, server: LoopbackApiServer, items: list[dict[str, Any]] | None
) -> None:
    """The API server writes an empty list as null."""
    server.answer = lambda _: web.json_response({"metadata": {}, "items": items})
    assert await client.list_names(ACCELERATOR_PROFILES, "ignored") == set()
    assert server.requests[0].path == "/apis/inference.tidegate.dev/v1alpha1/acceleratorprofiles"


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", "is_refusal"),
        (403, "Forbidden", "is_refusal"),
        (422, "Invalid", "is_refusal"),
        (404, "NotFound", "is_absent"),
        (409, "Conflict", "is_conflict"),
        (429, "TooManyRequests", ""),
        (500, "InternalError", "is_internal"),
        (503, "ServiceUnavailable", ""),
        (401, "Unauthorized", ""),
    ],
)
async def test_failures_are_told_apart(
    client: ClusterClient, server: LoopbackApiServer, code: int, reason: str, kind: str
) -> None:
    """What will be refused again, what is gone, what was faster, and what may pass."""
    server.answer = lambda _: status(code, reason, "said so")
    with pytest.raises(ClusterError, match=f"{reason}: said so") as caught:
        await client.apply(DEPLOYMENTS, BODY)
    error = caught.value
    assert (error.status, error.reason, error.message) == (code, reason, "said so")
    assert [name for name in ("is_refusal", "is_absent", "is_conflict", "is_internal") if getattr(error, name)] == (
        [kind] if kind else []
    )


@pytest.mark.parametrize("content", ["<html>bad gateway</html>", "", "[]", "null", '"text"', "{", "\udc80"])
async def test_what_a_proxy_answers_is_an_error_with_its_words(
    client: ClusterClient, server: LoopbackApiServer, content: str
) -> None:
    """HTML, plain text, half a document, or nothing."""
    body = content.encode("utf-8", "surrogateescape")
    server.answer = lambda _: web.Response(status=502, body=body, content_type="text/html")
    with pytest.raises(ClusterError) as caught:
        await client.apply(DEPLOYMENTS, BODY)
    assert caught.value.status == 502
    assert caught.value.message


async def test_a_success_that_is_no_document_is_an_error(client: ClusterClient, server: LoopbackApiServer) -> None:
    """A captive portal says 200, too."""
    server.answer = lambda _: web.Response(text="<html>please log in</html>", content_type="text/html")
    with pytest.raises(ClusterError, match="please log in"):
        await client.apply(DEPLOYMENTS, BODY)


async def test_an_api_server_that_does_not_answer_is_an_error_in_time(
    client: ClusterClient, server: LoopbackApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for ever."""
    monkeypatch.setattr(client_module, "REQUEST_TIMEOUT_SECONDS", 0.1)
    server.answering.clear()
    with pytest.raises(ClusterError, match="Unreachable") as caught:
        await client.apply(DEPLOYMENTS, BODY)
    assert caught.value.status == 0
    server.answering.set()


async def test_an_api_server_that_is_not_there_is_an_error() -> None:
    """As it is for a few seconds at each upgrade."""
    gone = LoopbackApiServer(url="http://127.0.0.1:1")
    async with client_of(gone) as client:
        with pytest.raises(ClusterError, match=r"Unreachable: PATCH .*/deployments/chat.*: Cannot connect to host 127"):
            await client.apply(DEPLOYMENTS, BODY)


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: it
contexts: [{{name: it, context: {{cluster: it, user: me}}}}]
clusters: [{{name: it, cluster: {{server: "{server}"}}}}]
users: [{{name: me, user: {user}}}]
"""


def kubeconfig(directory: Path, server: str, user: str) -> str:
    """A kubeconfig in a file."""
    path = directory / "kubeconfig"
    path.write_text(KUBECONFIG.format(server=server, user=user))
    return str(path)


class TestConnection:
    """One source for our own client and for kopf's watches."""

    async def test_a_token_goes_along_with_both(self, server: LoopbackApiServer, tmp_path: Path) -> None:
        """In the Authorization header, as a bearer."""
        configuration = await load_configuration(kubeconfig(tmp_path, server.url, "{token: s3cret}"))
        client = ClusterClient(configuration)
        await client.apply(DEPLOYMENTS, BODY)
        await client.aclose()
        assert server.requests[0].headers["Authorization"] == "Bearer s3cret"
        connection = await kopf_connection(configuration)
        assert connection.as_http_headers() == {"Authorization": "Bearer s3cret"}
        assert connection.server == server.url

    async def test_a_password_goes_along_with_both(self, server: LoopbackApiServer, tmp_path: Path) -> None:
        """Old, and still found in home laboratories."""
        configuration = await load_configuration(kubeconfig(tmp_path, server.url, "{username: me, password: s3cret}"))
        client = ClusterClient(configuration)
        await client.apply(DEPLOYMENTS, BODY)
        await client.aclose()
        connection = await kopf_connection(configuration)
        assert server.requests[0].headers["Authorization"] == "Basic bWU6czNjcmV0"
        assert connection.as_http_headers() == {"Authorization": "Basic bWU6czNjcmV0"}

    async def test_a_rotated_token_of_a_service_account_is_picked_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Kubernetes replaces it every hour, and the old one soon stops to count."""
        from kubernetes.aio.config import incluster_config  # noqa: PLC0415 - patched here and nowhere else

        token, authority = tmp_path / "token", tmp_path / "ca.crt"
        token.write_text("first")
        authority.write_text("not looked at")
        monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
        monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
        configuration = await load_configuration()
        assert (await kopf_connection(configuration)).as_http_headers()["Authorization"].split() == ["bearer", "first"]
        token.write_text("second")
        again = await kopf_connection(await load_configuration())
        assert again.as_http_headers()["Authorization"].split() == ["bearer", "second"]
        assert str(configuration.host) == "https://10.0.0.1:443"

    @pytest.mark.parametrize("content", [None, "", "neither YAML nor: [a kubeconfig", "apiVersion: v1\nkind: Config\n"])
    async def test_without_a_cluster_the_error_says_where_was_looked(self, tmp_path: Path, content: str | None) -> None:
        """And how to say where else."""
        path = tmp_path / "kubeconfig"
        if content is not None:
            path.write_text(content)
        with pytest.raises(NoClusterError, match=r"looked in .*kubeconfig; give --kubeconfig or set KUBECONFIG"):
            await load_configuration(str(path))


@pytest.mark.parametrize(
    ("code", "header", "rests"),
    [
        (429, "1", [1.0]),
        (503, "2", [2.0]),
        (503, "Wed, 21 Oct 2026 07:28:00 GMT", [0.0]),
        (500, "1", []),
        (200, "1", []),
    ],
)
async def test_an_api_server_that_asks_for_peace_gets_it(
    server: LoopbackApiServer, monkeypatch: pytest.MonkeyPatch, code: int, header: str, rests: list[float]
) -> None:
    """All writes wait, and not just those for the service that met the answer."""
    rested: list[float] = []
    monkeypatch.setattr(client_module.WriteBudget, "rest", lambda _, seconds: rested.append(seconds))

    def answer(_: Any) -> web.Response:
        said = web.json_response({}) if code == 200 else status(code, "TooManyRequests", "not now")
        said.headers["Retry-After"] = header
        return said

    server.answer = answer
    async with client_of(server) as client:
        if code == 200:
            await client.apply(DEPLOYMENTS, BODY)
        else:
            with pytest.raises(ClusterError, match="not now"):
                await client.apply(DEPLOYMENTS, BODY)
    assert rested == rests
