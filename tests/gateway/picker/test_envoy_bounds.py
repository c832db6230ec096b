"""What a real Envoy makes of bodies, of bad requests, and of more than it can carry."""

import asyncio
import contextlib
import json
import os
from io import BytesIO
from pathlib import Path

import pytest

from running_envoy import SERVICE, RunningGateway, Script, running_gateway, until

JSON = {"content-type": "application/json"}


async def test_no_client_can_choose_its_pod_or_its_service(gateway: RunningGateway) -> None:
    """Headers that steer Envoy or the picker are removed, however they are written."""
    forged = {
        "X-Pick-Id": "7",
        "X-Gateway-Destination-Endpoint": "127.0.0.1:22",
        "X-Tidegate-Service": "others/chat",
        "X-Tidegate-First-Pick": "8",
        "X-Tidegate-Anything": "9",
        "X-Envoy-Max-Retries": "9",
        "X-Envoy-Attempt-Count": "2",
    }
    async with gateway.client.post(gateway.service_url, data=b"", headers=forged) as response:
        got = await response.json()
    asked = gateway.policy.asked[0]
    assert (asked.service, asked.pick_id, asked.attempt) == (SERVICE, None, 1)
    assert not {"x-pick-id", "x-gateway-destination-endpoint", "x-tidegate-anything"} & set(asked.headers)
    assert not {"x-tidegate-anything", "x-envoy-max-retries"} & set(got["headers"])
    assert got["headers"]["x-pick-id"] == "pick-1"


@pytest.mark.parametrize("status", [400, 404, 413, 429, 503, 504])
async def test_the_pickers_own_replies_pass_unchanged(gateway: RunningGateway, status: int) -> None:
    """Status, body and headers are the policy's, also where Envoy has words for the status itself."""
    async with gateway.client.post(gateway.service_url, data=b"", headers={"status": str(status)}) as response:
        assert (response.status, await response.json()) == (status, {"error": "the picker's"})
        assert response.headers["retry-after"] == "77"


@pytest.mark.parametrize(
    ("body", "content_type", "model", "problem"),
    [
        ('{"model": "m", "n": [1]}', "application/json", "m", ""),
        ('{"n": 1, "model": "m"}', "Application/JSON; charset=utf-8", "m", ""),
        ('{"model": ', "application/json", None, "not valid JSON"),
        ("", "application/json", None, ""),
        ('{"n": 1}', "application/json", None, ""),
        ('["model"]', "application/json", None, ""),
        ('{"model": null}', "application/json", None, ""),
        ('{"model": 5}', "application/json", None, "not a string"),
        ('{"model": ""}', "application/json", None, "not a string"),
        ("model=m", "application/x-www-form-urlencoded", None, "application/json"),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "application/json", None, "not valid JSON"),
    ],
)
async def test_the_shared_address_reads_the_model(
    gateway: RunningGateway, body: str, content_type: str, model: str | None, problem: str
) -> None:
    """Or says why it cannot."""
    headers = {"content-type": content_type}
    async with gateway.client.post(f"{gateway.shared_url}/v1/chat/completions", data=body, headers=headers) as response:
        assert (await response.json())["bytes"] == len(body)
    asked = gateway.policy.asked[0]
    assert (asked.service, asked.model) == (None, model)
    assert problem in asked.model_problem
    assert bool(asked.model_problem) == bool(problem)


@pytest.mark.parametrize(("megabytes", "status"), [(31, 200), (33, 413)])
async def test_the_shared_address_takes_bodies_of_32_mebibytes(
    gateway: RunningGateway, megabytes: int, status: int
) -> None:
    """And refuses larger ones in OpenAI's shape."""
    body = json.dumps({"text": "x" * (megabytes << 20), "model": "m"}).encode()
    async with gateway.client.post(gateway.shared_url, data=BytesIO(body), headers=JSON) as response:
        assert response.status == status
        got = await response.json()
    assert got.get("bytes") == len(body) if status == 200 else got["error"]["code"] == "request_too_large"


async def test_the_address_of_a_service_takes_larger_bodies(gateway: RunningGateway) -> None:
    """They pass without being kept."""
    async with gateway.client.post(gateway.service_url, data=BytesIO(b"x" * (40 << 20))) as response:
        assert (await response.json())["bytes"] == 40 << 20


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\nno header\r\n\r\n", 400, "bad_request"),
        (
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
            400,
            "bad_request",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 501, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"a" * 40_000 + b"\r\n\r\n", 431, "headers_too_large"),
    ],
)
async def test_bad_requests_are_refused_in_openais_shape(
    gateway: RunningGateway, sent: bytes, status: int, code: str
) -> None:
    """They never reach the policy, and the connection is closed."""
    head, _, body = (await gateway.raw(sent)).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    error = json.loads(body)["error"]
    assert (error["code"], error["type"]) == (code, "invalid_request_error")
    assert not gateway.policy.asked


@pytest.mark.parametrize(
    ("count", "size", "status"), [(100, 1, 200), (122, 1, 431), (200, 1, 431), (30, 1000, 200), (32, 1012, 431)]
)
async def test_headers_are_taken_up_to_a_bound(gateway: RunningGateway, count: int, size: int, status: int) -> None:
    """Also those that are within it, and no longer together with what a pod is told: a second attempt is no use."""
    headers = {f"a-{number}": "a" * size for number in range(count)}
    async with gateway.client.get(gateway.service_url, headers=headers) as response:
        assert response.status == status
        got = await response.json()
    assert got.get("path") == "/" if status == 200 else got["error"]["code"] == "headers_too_large"


async def test_broken_chunking_is_refused(gateway: RunningGateway) -> None:
    """Whatever the pod has got of it by then."""
    sent = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n"
    assert (await gateway.raw(sent)).startswith(b"HTTP/1.1 400 ")


async def test_http_1_0_and_pipelining_work(gateway: RunningGateway) -> None:
    """A client of either kind gets all its answers, in order."""
    assert (await gateway.raw(b"GET /old HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 200 OK")
    two = b"GET /one HTTP/1.1\r\nhost: x\r\n\r\nGET /two HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = await gateway.raw(two)
    assert 0 < answer.index(b'"/one"') < answer.index(b'"/two"')


async def test_more_connections_than_allowed_are_closed_at_once(tmp_path: Path, script: Script) -> None:
    """The ones before them are served."""
    async with running_gateway(tmp_path, script.decide, maximum_connections=5) as gateway:
        script.engine = gateway.engine
        few = [await asyncio.open_connection("127.0.0.1", gateway.service_port) for _ in range(5)]
        await asyncio.sleep(0.5)
        with contextlib.suppress(ConnectionResetError):
            assert await gateway.raw(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n") == b""
        reader, writer = few[0]
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        for _, open_writer in few:
            open_writer.close()


async def test_more_memory_than_allowed_is_refused_in_openais_shape(tmp_path: Path, script: Script) -> None:
    """New requests get a 503 that says so, and those that are held stay."""
    async with running_gateway(tmp_path, script.decide, maximum_heap_bytes=64 << 20) as gateway:
        script.engine = gateway.engine
        held = []

        async def refused() -> bool:
            body = b'{"model": "m"}' + b" " * ((10 << 20) if len(held) < 4 else (2 << 20))
            headers = {"held": "yes", "content-type": "application/json"}
            held.append(asyncio.create_task(_status(gateway, body, headers)))
            await asyncio.sleep(0.5)  # Envoy looks at its memory four times a second.
            async with gateway.client.post(gateway.service_url, data=b"") as response:
                if response.status == 200:
                    return False
                assert (response.status, response.headers["retry-after"]) == (503, "5")
                assert (await response.json())["error"]["code"] == "gateway_overloaded"
            return True

        await until(refused)
        script.release.set()
        answers = await asyncio.gather(*held)
    assert answers == [200] * (len(held) - 1) + [answers[-1]]


async def _status(gateway: RunningGateway, body: bytes, headers: dict[str, str]) -> int:
    async with gateway.client.post(gateway.shared_url, data=BytesIO(body), headers=headers) as response:
        await response.read()
        return response.status


async def test_bodies_that_keep_coming_take_no_more_memory_than_allowed(tmp_path: Path, script: Script) -> None:
    """What the shared address reads before anybody is asked: such requests are cut, and Envoy lives on."""
    allowed = 100 << 20
    async with running_gateway(tmp_path, script.decide, maximum_heap_bytes=allowed) as gateway:
        script.engine = gateway.engine

        def footprint_bytes() -> int:
            pages = int(Path(f"/proc/{gateway.process.pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE")

        async def send_without_end() -> None:
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.shared_port)
            head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            writer.write(head + b"content-length: %d\r\n\r\n" % (31 << 20))
            with contextlib.suppress(OSError):
                for _ in range(30):
                    writer.write(b" " * (1 << 20))
                    await writer.drain()
                    await asyncio.sleep(0.03)  # Envoy looks at its memory four times a second.
                await asyncio.sleep(1)
            writer.close()

        before = most = footprint_bytes()
        clients = asyncio.gather(*(send_without_end() for _ in range(8)))  # 240 MiB in all.
        while not clients.done():
            most = max(most, footprint_bytes())
            await asyncio.sleep(0.05)
        assert allowed // 2 < most - before < allowed * 3 // 2
        assert gateway.process.returncode is None
        async with gateway.client.post(gateway.service_url, data=b"") as response:
            assert response.status == 200
