"""What clients see of a real Envoy with a scripted policy beside it."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout

from running_envoy import SERVICE, RunningGateway, Script, free_port, running_gateway, until
from tidegate.gateway.envoy.program import command, find_envoy

JSON = {"content-type": "application/json"}


async def test_a_request_reaches_the_pod_that_the_policy_picks(gateway: RunningGateway) -> None:
    """The policy is told service, method, path, headers and length, and Envoy forwards to its address."""
    async with gateway.client.post(
        f"{gateway.service_url}/v1/x?y=1", data=b"body", headers={"x-request-id": "mine"}
    ) as r:
        got = await r.json()
        told = r.headers
    asked = gateway.policy.asked[0]
    assert (asked.service, asked.method, asked.path, asked.content_length) == (SERVICE, "POST", "/v1/x?y=1", 4)
    assert (asked.model, asked.model_problem, asked.attempt) == (None, "", 1)
    assert got["bytes"] == 4
    assert got["headers"]["x-added"] == "yes"
    assert got["headers"]["x-request-id"] == "mine"
    assert told["x-tidegate-cold-start"] == got["headers"]["x-tidegate-cold-start"] == "true"
    assert "x-tidegate-held-milliseconds" not in told  # Only what was said of this one.
    assert "x-forwarded-for" in got["headers"]


async def test_the_end_of_a_request_is_told(gateway: RunningGateway) -> None:
    """Once, with its pod and its status."""
    for number in (1, 2):
        async with gateway.client.post(gateway.service_url, data=b"body") as response:
            pick = (await response.json())["headers"]["x-pick-id"]
        end = await gateway.end()
        assert (end.pick_id, end.address, end.status, end.client_left) == (pick, gateway.engine, 200, False)
        assert len(gateway.policy.asked) == number
    assert gateway.policy.ends.empty()


async def test_also_the_first_request_of_an_envoy_has_a_second_pod(gateway: RunningGateway) -> None:
    """The picker has had it try an address before: it would pass on a request with no pod tried."""
    first = {"first": f"127.0.0.1:{free_port()}"}
    async with gateway.client.post(gateway.service_url, data=b"body", headers=first) as response:
        assert response.status == 200
    assert [asked.attempt for asked in gateway.policy.asked] == [1, 2]


async def test_a_refused_connection_asks_for_another_pod(gateway: RunningGateway) -> None:
    """The second attempt names the first, and the client sees only the second."""
    first = {"first": f"127.0.0.1:{free_port()}"}
    async with gateway.client.post(gateway.service_url, data=b"body", headers=first) as response:
        assert (response.status, (await response.json())["bytes"]) == (200, 4)
    first_asked, then_asked = gateway.policy.asked
    assert (first_asked.attempt, first_asked.pick_id, first_asked.service) == (1, None, SERVICE)
    assert (then_asked.attempt, then_asked.service) == (2, SERVICE)
    ends = {end.pick_id: end for end in (await gateway.end(), await gateway.end())}
    assert ends.pop(then_asked.pick_id).address is None
    assert [end.address for end in ends.values()] == [gateway.engine]


async def test_a_second_attempt_at_the_shared_address_knows_the_model(gateway: RunningGateway) -> None:
    """Though the body is read but once."""
    first = {"first": f"127.0.0.1:{free_port()}"} | JSON
    async with gateway.client.post(gateway.shared_url, data='{"model": "größer/1"}', headers=first) as response:
        assert response.status == 200
    assert [(a.attempt, a.service, a.model) for a in gateway.policy.asked] == [
        (1, None, "größer/1"),
        (2, None, "größer/1"),
    ]


async def test_two_pods_that_refuse_are_all_that_are_tried(gateway: RunningGateway) -> None:
    """The client is told in OpenAI's shape, with a Retry-After."""
    gone = {"first": f"127.0.0.1:{free_port()}", "second": f"127.0.0.1:{free_port()}"}
    async with gateway.client.post(gateway.service_url, data=b"body", headers=gone) as response:
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert (await response.json())["error"]["code"] == "pod_unreachable"
    assert len(gateway.policy.asked) == 2


async def test_a_pod_that_resets_after_it_got_the_request_is_not_asked_twice(gateway: RunningGateway) -> None:
    """A GPU may have worked on it."""
    connections = 0

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"body")
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    address = "{}:{}".format(*server.sockets[0].getsockname())
    async with server, gateway.client.post(gateway.service_url, data=b"body", headers={"first": address}) as response:
        assert response.status == 503
        assert (await response.json())["error"]["code"] == "pod_unreachable"
    assert connections == 1
    assert len(gateway.policy.asked) == 1


async def test_a_client_that_leaves_while_held_is_not_waited_for(gateway: RunningGateway) -> None:
    """The policy's call is cancelled."""
    task = asyncio.create_task(gateway.client.post(gateway.service_url, data=b"", headers={"held": "1"}))
    await _asked(gateway, 1)
    task.cancel()
    await asyncio.wait_for(gateway.policy.left.wait(), 10)


async def test_a_client_that_leaves_in_mid_stream_closes_the_pods_connection(gateway: RunningGateway) -> None:
    """And the policy is told that it was the client who left."""
    url = f"{gateway.service_url}/stream?chunks=1000&bytes=10&pause=0.05"
    async with ClientSession() as leaving:
        response = await leaving.get(url)
        await response.content.readany()
        response.close()
    end = await gateway.end()
    assert (end.client_left, end.address) == (True, gateway.engine)

    async def idle() -> bool:
        return await gateway.admin.in_flight() == {}

    await until(idle)


async def test_the_picker_may_die_and_come_back(gateway: RunningGateway) -> None:
    """What is held gets a clean 503, a running stream goes on, and the next picker serves on the same socket."""
    url = f"{gateway.service_url}/stream?chunks=20&bytes=10&pause=0.05"
    stream = await gateway.client.get(url)
    held = asyncio.create_task(gateway.client.post(gateway.service_url, data=b"", headers={"held": "1"}))
    await _asked(gateway, 2)
    await gateway.picker.stop(grace_seconds=0)
    for answer in (await held, await gateway.client.post(gateway.service_url, data=b"")):
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        assert (await answer.json())["error"]["code"] == "gateway_restarting"
    assert await gateway.admin.in_flight() == {gateway.engine: 1}
    await gateway.picker.start()
    assert len(await stream.read()) == 200

    async def serves() -> bool:
        async with gateway.client.post(gateway.service_url, data=b"") as response:
            return response.status == 200

    await until(serves)


async def test_an_envoy_that_cannot_ask_is_not_warm(gateway: RunningGateway, tmp_path: Path) -> None:
    """It serves, and would answer every request 503: nobody is to be led there."""
    assert gateway.picker.warm.is_set()
    gateway.directory.picker_socket.unlink()
    gateway.process.kill()

    async def cold() -> bool:
        return not gateway.picker.warm.is_set()

    await until(cold)
    with (tmp_path / "second.log").open("wb") as log:
        second = await asyncio.create_subprocess_exec(
            *command(find_envoy(), gateway.directory, concurrency=1), stderr=log
        )
    try:
        await until(gateway.admin.ready)
        async with gateway.client.post(gateway.service_url, data=b"") as response:
            assert response.status == 503
        await asyncio.sleep(0.5)  # Several attempts to get warm.
        assert not gateway.picker.warm.is_set()
    finally:
        second.kill()
        await second.wait()


async def test_a_drained_gateway_serves_on_and_asks_clients_to_go(gateway: RunningGateway) -> None:
    """New connections are taken, and every response closes its own."""
    await gateway.admin.drain()
    for _ in range(2):
        async with gateway.client.post(gateway.service_url, data=b"") as response:
            assert (response.status, response.headers["connection"]) == (200, "close")


async def test_services_come_and_go_without_a_cut_stream(gateway: RunningGateway) -> None:
    """A stream outlives other services' changes, and even the removal of its own."""
    url = f"{gateway.service_url}/stream?chunks=30&bytes=10&pause=0.05"
    stream = await gateway.client.get(url)
    other = {("models", "other"): free_port()}
    for ports in ({SERVICE: gateway.service_port} | other, {SERVICE: gateway.service_port}, other):
        gateway.listener_file.write(ports)
        await _listening(gateway, ports)
    assert len(await stream.read()) == 300
    with pytest.raises(OSError, match="Connect call failed"):
        await gateway.raw(b"", port=gateway.service_port)


async def test_a_taken_port_costs_nobody_else_theirs(gateway: RunningGateway) -> None:
    """Its service is missing among the listeners until the port is free and the file is written again."""
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    other = {SERVICE: gateway.service_port, ("models", "third"): free_port()}
    ports = other | {("models", "late"): taken}
    async with server:
        gateway.listener_file.write(ports)
        await _listening(gateway, other)
        assert (await gateway.admin.figures()).listener_failures == 1
    gateway.listener_file.rewrite()
    await _listening(gateway, ports)


async def test_several_worker_threads_share_the_picker(tmp_path: Path, script: Script) -> None:
    """All requests are answered and all ends are told."""
    async with running_gateway(tmp_path, script.decide, concurrency=2) as gateway:
        script.engine = gateway.engine
        async with ClientSession(timeout=ClientTimeout(total=30)) as client:

            async def one() -> int:
                async with client.post(gateway.service_url, data=b"x") as response:
                    await response.read()
                    return response.status

            assert await asyncio.gather(*(one() for _ in range(60))) == [200] * 60
        ended: set[str | None] = set()
        while len(ended) < 60:
            ended.add((await gateway.end()).pick_id)


async def test_a_port_changes_hands_in_one_write(gateway: RunningGateway) -> None:
    """Requests to it are the new owner's at once; a stream of the old owner goes on."""
    stream = await gateway.client.get(f"{gateway.service_url}/stream?chunks=20&bytes=10&pause=0.05")
    gateway.listener_file.write({("models", "heir"): gateway.service_port})
    await _listening(gateway, {("models", "heir"): gateway.service_port})
    await gateway.raw(b"GET / HTTP/1.0\r\n\r\n")
    assert gateway.policy.asked[-1].service == ("models", "heir")
    assert len(await stream.read()) == 200


async def _asked(gateway: RunningGateway, count: int) -> None:
    async def asked() -> bool:
        return len(gateway.policy.asked) >= count

    await until(asked)


async def _listening(gateway: RunningGateway, ports: dict[tuple[str, str], int]) -> None:
    async def listening() -> bool:
        return gateway.listener_file.names(ports) <= await gateway.admin.listeners()

    await until(listening)
