"""The page of a gateway, as Prometheus and the operator read it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from gateway_objects import CHAT, in_fake_time, now
from prometheus_client.parser import text_string_to_metric_families

from tidegate.gateway.exporter import SERVICES_AT_ONCE, Exporter
from tidegate.gateway.picker.admin import EnvoyAdminError, EnvoyFigures
from tidegate.gateway.policy.counts import Durations, Report, ServiceCounts
from tidegate.gateway.routed_service import Key
from tidegate.metrics.gateway_scrape import read_gateway_page


def counts(**changes: Any) -> ServiceCounts:
    """A service that nobody has asked for anything."""
    given: dict[str, Any] = {
        "requests_total": 0,
        "in_flight": 0,
        "held": 0,
        "oldest_held_seconds": 0.0,
        "held_bytes": 0,
        "abandoned_total": 0,
        "last_use": 1_700_000_000.25,
        "slots": 0,
        "state": "Asleep",
        "retries_total": 0,
        "rejected": {},
        "wakes": {},
        "responses": {},
        "cold_start": None,
    }
    return ServiceCounts(**(given | changes))


async def no_envoy() -> EnvoyFigures:
    """Envoy is away."""
    raise EnvoyAdminError("away")


async def slow_envoy() -> EnvoyFigures:
    """Envoy takes up thousands of listeners."""
    await asyncio.Event().wait()
    raise AssertionError


async def page(
    services: dict[Key, ServiceCounts],
    since: dict[Key, float] | None = None,
    figures: Callable[[], Awaitable[EnvoyFigures]] = no_envoy,
    clock: float = 1_700_000_100.0,
) -> bytes:
    """The page."""
    report = Report(
        services=services,
        held=1,
        held_bytes=2,
        held_bytes_limit=3,
        unrouted=Counter({"ModelUnknown": 4}),
        mended=5,
        leaving=True,
    )
    return await Exporter(lambda: report, lambda: since or {}, figures, lambda: clock).page()


def series(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Each series and its value."""
    return {
        (sample.name.removeprefix("tidegate_gateway_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_a_service_at_rest_has_all_that_the_operator_looks_for() -> None:
    """What is missing would be unknown, and nobody would be put to sleep."""
    found = read_gateway_page(await page({CHAT: counts()}), "gateway-1", 1_700_000_100.0)
    sample = found.samples[CHAT]
    assert (sample.requests, sample.in_flight, sample.held, sample.abandoned) == (0, 0, 0, 0)
    assert sample.last_use == 1_700_000_000.25
    assert found.slices == {}


async def test_times_are_told_beside_what_the_clock_says() -> None:
    """The operator's clock may be another one."""
    found = read_gateway_page(await page({CHAT: counts()}, {CHAT: 99.0}, clock=100.0), "gateway-1", 1_700_000_100.0)
    assert found.slices == {CHAT: 1_700_000_099.0}


async def test_slices_are_told_where_they_are_complete() -> None:
    """By the leader, which alone knows."""
    found = read_gateway_page(await page({CHAT: counts()}, {CHAT: 1_700_000_001.5}), "gateway-1", 1_700_000_100.0)
    assert found.slices == {CHAT: 1_700_000_001.5}


async def test_what_happened_is_told_by_its_label() -> None:
    """Reasons, outcomes and codes; and a histogram whose buckets add up."""
    cold_start = Durations()
    for seconds in (0.4, 7.0, 7_200.0):
        cold_start.add(seconds)
    found = series(
        await page(
            {
                CHAT: counts(
                    rejected={"QueueFull": 2}, wakes={"Woken": 1}, responses={200: 7, 503: 1}, cold_start=cold_start
                )
            }
        )
    )
    service = (("namespace", "models"), ("service", "chat"))
    assert found["rejected_total", (*service[:1], ("reason", "QueueFull"), *service[1:])] == 2
    assert found["wakes_total", (*service[:1], ("outcome", "Woken"), *service[1:])] == 1
    assert found["responses_total", (("code", "503"), *service)] == 1
    assert found["cold_start_seconds_bucket", (("le", "0.5"), *service)] == 1
    assert found["cold_start_seconds_bucket", (("le", "10.0"), *service)] == 2
    assert found["cold_start_seconds_bucket", (("le", "+Inf"), *service)] == 3
    assert found["cold_start_seconds_count", service] == 3
    assert found["cold_start_seconds_sum", service] == pytest.approx(7_207.4)


async def test_the_gateway_tells_of_itself_also_while_envoy_is_away() -> None:
    """Of Envoy nothing is said then: zero connections would be something else."""
    found = series(await page({}))
    assert [found[name, ()] for name in ("held_requests", "all_held_bytes", "held_bytes_limit", "leaving")] == [
        1,
        2,
        3,
        1,
    ]
    assert (found["unrouted_total", (("reason", "ModelUnknown"),)], found["mended_total", ()]) == (4, 5)
    assert not [name for name, _ in found if name.startswith("envoy_")]


def test_the_operator_does_not_wait_for_envoy() -> None:
    """It reads for three seconds, and would take a gateway that it cannot read for one that may be busy."""

    async def story() -> None:
        found = read_gateway_page(await page({CHAT: counts()}, figures=slow_envoy), "gateway-1", 1_700_000_100.0)
        assert CHAT in found.samples
        assert now() <= 1

    in_fake_time(story)


async def test_a_fleet_is_on_the_page_as_a_whole() -> None:
    """It is written in parts, so that requests have their turn."""
    fleet = {("models", f"s{number}"): counts(held=number) for number in range(SERVICES_AT_ONCE * 2 + 1)}
    found = read_gateway_page(await page(fleet), "gateway-1", 1_700_000_100.0)
    assert {key: sample.held for key, sample in found.samples.items()} == {
        key: each.held for key, each in fleet.items()
    }
