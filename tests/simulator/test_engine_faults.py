"""Engines that are broken on purpose, through the administration: just so, and until they are mended."""

import asyncio
from typing import Any

import aiohttp
import pytest
from engine_world import world


async def test_slow_fault_stretches_time_and_can_be_mended() -> None:
    """A slowed engine's steps are as many times longer; mended it is as fast as before."""
    async with world() as engines:
        seconds = []
        for factor in (1.0, 4.0, 1.0):
            await engines.fault(slow=factor)
            before = sum(engine.replica.measures.request_seconds.sum for _, engine in engines.fleet)
            assert (await engines.complete(max_tokens=100))[0] == 200
            seconds.append(sum(engine.replica.measures.request_seconds.sum for _, engine in engines.fleet) - before)
    assert seconds[1] == pytest.approx(4 * seconds[0])
    assert seconds[2] == pytest.approx(seconds[0])


async def test_hang_and_error_faults_hit_one_address_or_all() -> None:
    """A hanging engine accepts and never answers; an erring one answers 500; the others are well."""
    async with world() as engines:
        await engines.fault("127.0.0.2", hang=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engines.complete("127.0.0.2"), 0.1)
        await engines.fault("127.0.0.3", error500=True)
        assert (await engines.complete("127.0.0.3"))[0] == 500
        assert (await engines.signals("127.0.0.3"))["vllm:request_success_total"] == 0
        assert (await engines.complete("127.0.0.4"))[0] == 200
        await engines.fault("all", error500=True)
        assert (await engines.complete("127.0.0.4"))[0] == 500
        assert (await engines.complete("127.0.0.5"))[0] == 500
        async with engines.client.delete(f"{engines.admin}/faults/all") as response:
            assert response.status == 200
        for last in range(2, 6):
            assert (await engines.complete(f"127.0.0.{last}"))[0] == 200


async def test_reset_cuts_requests_off_and_starts_anew() -> None:
    """A forgotten engine drops its connections; the next contact meets a new one whose counters are 0."""
    async with world(time_scale=1.0) as engines:
        task = asyncio.create_task(engines.complete(max_tokens=30_000))
        await engines.until("vllm:num_requests_running", 1)
        async with engines.client.post(f"{engines.admin}/reset/127.0.0.1") as response:
            assert await response.text() == "1 forgotten\n"
        with pytest.raises(aiohttp.ClientError):
            await task
        signals = await engines.signals()
    assert signals["vllm:num_requests_running"] == signals["vllm:prompt_tokens_total"] == 0
    assert "http_requests_total" not in signals


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("nan", lambda page: b"vllm:num_requests_running" in page and b" NaN\n" in page and b" 0.0" not in page),
        ("missing", lambda page: b"vllm:" not in page and len(page) > 0),
        ("notText", lambda page: b"\x00" in page),
        ("huge", lambda page: len(page) > 50_000_000),
    ],
)
async def test_broken_metrics_pages(kind: str, check: Any) -> None:
    """Each kind of broken page is broken in just that way."""
    async with world() as engines:
        await engines.fault(metrics=kind)
        async with engines.client.get(engines.url("/metrics")) as response:
            assert response.status == 200
            assert check(await response.read())


async def test_truncated_page_ends_before_its_announced_length() -> None:
    """The connection closes half-way through the announced length."""
    async with world() as engines:
        await engines.fault(metrics="truncated")
        async with engines.client.get(engines.url("/metrics")) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


async def test_never_ending_page_goes_on() -> None:
    """After the page come more lines, one by one; and a page that fails is a 500."""
    async with world() as engines:
        await engines.fault(metrics="neverEnding")
        async with engines.client.get(engines.url("/metrics")) as response:
            lines = 0
            async for line in response.content:
                lines += line == b"simulated_filler_total 1\n"
                if lines == 2:
                    break
            assert not response.content.at_eof()
        await engines.fault(metrics="error500")
        async with engines.client.get(engines.url("/metrics")) as response:
            assert response.status == 500


@pytest.mark.parametrize(
    ("address", "body", "named"),
    [
        ("127.0.0.1", b'{"slow": 0}', "slow is 0"),
        ("127.0.0.1", b'{"slow": true}', "slow is True"),
        ("127.0.0.1", b'{"slow": NaN}', "slow is nan"),
        ("127.0.0.1", b'{"hang": 1}', "hang is 1"),
        ("127.0.0.1", b'{"metrics": "odd"}', "metrics is 'odd'; give one of truncated"),
        ("127.0.0.1", b'{"speed": 1}', "speed is no fault"),
        ("127.0.0.1", b"[]", "give a JSON object"),
        ("127.0.0.1", b"{", "no JSON"),
        ("everywhere", b"{}", "address is 'everywhere'"),
    ],
)
async def test_wrong_faults_are_refused(address: str, body: bytes, named: str) -> None:
    """The administration says what is wrong with an order instead of doing something else."""
    async with world() as engines, engines.client.put(f"{engines.admin}/faults/{address}", data=body) as response:
        assert response.status == 400
        assert named in await response.text()


async def test_administration_lists_engines() -> None:
    """The list shows each engine with its load and its faults."""
    async with world() as engines:
        await engines.complete()
        await engines.fault(metrics="nan")
        async with engines.client.get(f"{engines.admin}/engines") as response:
            [row] = (await response.json())["engines"]
    assert (row["address"], row["modelName"], row["ready"], row["finished"]) == ("127.0.0.1", "m", True, 1)
    assert row["faults"] == {"slow": 1.0, "hang": False, "error500": False, "metrics": "nan"}
