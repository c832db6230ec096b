"""What is sent for a Lease, and what is made of the answers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from loopback_api_server import LoopbackApiServer, client_of, loopback_api_server, status

from tidegate.cluster.error import ClusterError
from tidegate.cluster.lease import Lease
from tidegate.cluster.lease_client import LeaseClient, MissingRightsError

PATH = "/apis/coordination.k8s.io/v1/namespaces/ops/leases"
FOUND: dict[str, Any] = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "tide", "namespace": "ops", "uid": "u", "resourceVersion": "7", "labels": {"a": "b"}},
    "spec": {"holderIdentity": "other", "leaseDurationSeconds": 15, "strategy": "kept"},
}
WANTED = Lease(holder="me", duration_seconds=15, renew_time="2026-01-01T00:00:00.000000Z")
FORBIDDEN = 'leases "tide" is forbidden: User "u" cannot {verb} resource "leases"'


@pytest.fixture
async def server() -> AsyncIterator[LoopbackApiServer]:
    """An API server that takes everything."""
    async with loopback_api_server() as served:
        served.answer = lambda request: web.json_response(
            (request.body and {**request.body, "metadata": {"uid": "u", **request.body["metadata"]}}) or FOUND
        )
        yield served


@pytest.fixture
async def leases(server: LoopbackApiServer) -> AsyncIterator[LeaseClient]:
    """A client for one Lease."""
    async with client_of(server) as client:
        yield LeaseClient(client, "ops", "tide")


async def test_it_is_read_by_name(leases: LeaseClient, server: LoopbackApiServer) -> None:
    """One GET."""
    found = await leases.read()
    assert found is not None
    assert (found.uid, found.holder) == ("u", "other")
    assert [(request.method, request.path) for request in server.requests] == [("GET", f"{PATH}/tide")]


async def test_none_is_none(leases: LeaseClient, server: LoopbackApiServer) -> None:
    """404 is an answer."""
    server.answer = lambda _: status(404, "NotFound", "not found")
    assert await leases.read() is None


async def test_one_that_is_not_there_is_created(leases: LeaseClient, server: LoopbackApiServer) -> None:
    """With its name, and no version: a second one is refused."""
    assert await leases.write(WANTED) == Lease(**{**_fields(WANTED), "uid": "u"})
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("POST", PATH, {"fieldManager": "tidegate"})
    assert request.body["metadata"] == {"name": "tide", "namespace": "ops"}
    assert request.body["spec"]["holderIdentity"] == "me"


async def test_one_that_is_there_is_replaced_at_its_version(leases: LeaseClient, server: LoopbackApiServer) -> None:
    """With all that others have put into it."""
    found = Lease.of(FOUND)
    await leases.write(Lease(**{**_fields(WANTED), "uid": "u", "document": found.document}))
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("PUT", f"{PATH}/tide", {"fieldManager": "tidegate"})
    assert request.body["metadata"] == FOUND["metadata"]
    assert (request.body["spec"]["strategy"], request.body["spec"]["holderIdentity"]) == ("kept", "me")


@pytest.mark.parametrize("code", [409, 429, 500, 503])
async def test_failures_that_pass_are_errors(leases: LeaseClient, server: LoopbackApiServer, code: int) -> None:
    """They are failed attempts, no more."""
    server.answer = lambda _: status(code, "Some", "trouble")
    for lease in (WANTED, Lease.of(FOUND)):
        with pytest.raises(ClusterError) as caught:
            await leases.write(lease)
        assert caught.value.status == code


class TestMissingRights:
    """What waiting does not mend."""

    async def test_each_verb_is_named_with_the_resource_and_the_flags(
        self, leases: LeaseClient, server: LoopbackApiServer
    ) -> None:
        """And what to grant."""
        calls = {"get": leases.read, "create": lambda: leases.write(WANTED), "update": lambda: _write_found(leases)}
        for verb, call in calls.items():
            server.answer = lambda _, verb=verb: status(403, "Forbidden", FORBIDDEN.format(verb=verb))
            with pytest.raises(MissingRightsError) as caught:
                await call()
            said = str(caught.value)
            assert f"cannot {verb} leases.coordination.k8s.io 'tide' in namespace 'ops'" in said
            assert FORBIDDEN.format(verb=verb) in said
            for part in ("--lease-name", "--lease-namespace", "grant get, create and update on leases"):
                assert part in said

    async def test_a_namespace_that_is_not_there_is_told(self, leases: LeaseClient, server: LoopbackApiServer) -> None:
        """The API server answers 404 to the creation, and there is nothing to wait for."""
        server.answer = lambda _: status(404, "NotFound", 'namespaces "ops" not found')
        with pytest.raises(MissingRightsError, match='namespaces "ops" not found; create the namespace'):
            await leases.write(WANTED)

    async def test_a_name_that_cannot_be_is_told(self, leases: LeaseClient, server: LoopbackApiServer) -> None:
        """It is not a matter of rights."""
        server.answer = lambda _: status(422, "Invalid", "metadata.name: Invalid value")
        with pytest.raises(MissingRightsError, match="Invalid value; choose another --lease-name"):
            await leases.write(WANTED)

    async def test_what_has_worked_before_is_tried_again(self, leases: LeaseClient, server: LoopbackApiServer) -> None:
        """An API server that starts refuses everything for a moment."""
        await leases.read()
        server.answer = lambda _: status(403, "Forbidden", "not yet")
        with pytest.raises(ClusterError):
            await leases.read()
        with pytest.raises(MissingRightsError):
            await _write_found(leases)


async def _write_found(leases: LeaseClient) -> Lease:
    return await leases.write(Lease.of(FOUND))


def _fields(lease: Lease) -> dict[str, Any]:
    return {name: getattr(lease, name) for name in Lease.__slots__ if name not in {"uid", "document"}}
