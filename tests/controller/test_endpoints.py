"""What the operator says of itself over HTTP."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from cluster_objects import LEAST
from operator_under_test import OperatorUnderTest
from prometheus_client.parser import text_string_to_metric_families

from tidegate.metrics.endpoints import Endpoints

ADDRESS = "127.0.0.1"


class Switches:
    """What the endpoints ask."""

    alive = True
    problem = ""


class Served:
    """Endpoints on a port of their own."""

    def __init__(self, operator: OperatorUnderTest, session: aiohttp.ClientSession) -> None:
        self.switches = Switches()
        self.endpoints = Endpoints(
            page=operator.exporter.page,
            is_alive=lambda: self.switches.alive,
            problem=lambda: self.switches.problem,
            host=ADDRESS,
            port=0,
        )
        self._session = session

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text."""
        async with self._session.get(f"http://{ADDRESS}:{self.endpoints.port}{path}") as response:
            return response.status, await response.text()


@pytest.fixture
async def operator() -> OperatorUnderTest:
    """An operator with a service whose pod is busy."""
    made = OperatorUnderTest()
    made.apply(LEAST)
    await made.turn()
    made.start_pods(1)
    made.pods.says["127.0.0.1"] = {"running": 3.0}
    await made.turn()
    return made


@pytest.fixture
async def served(operator: OperatorUnderTest) -> AsyncIterator[Served]:
    """Its endpoints."""
    async with aiohttp.ClientSession() as session:
        made = Served(operator, session)
        await made.endpoints.start()
        try:
            yield made
        finally:
            await made.endpoints.stop()


async def test_healthy_and_ready(served: Served) -> None:
    """200, and a word for people."""
    assert await served.get("/healthz") == (200, "ok\n")
    assert await served.get("/readyz") == (200, "ok\n")


async def test_a_loop_that_is_stuck_is_not_healthy(served: Served) -> None:
    """So the kubelet restarts it."""
    served.switches.alive = False
    status, text = await served.get("/healthz")
    assert (status, "loop" in text) == (503, True)
    assert (await served.get("/readyz"))[0] == 200


async def test_a_store_that_is_not_filled_is_not_ready_and_no_reason_for_a_restart(served: Served) -> None:
    """Two different questions."""
    served.switches.problem = "the store is not filled yet"
    status, text = await served.get("/readyz")
    assert (status, "store" in text) == (503, True)
    assert (await served.get("/healthz"))[0] == 200


async def test_the_metrics_page_can_be_read_by_prometheus(served: Served) -> None:
    """Each metric has help and a type; what is not known has no series."""
    status, page = await served.get("/metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert all(family.documentation for family in families.values())
    values = {
        (sample.name, sample.labels.get("service")): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert values["tidegate_running_requests", "chat"] == 3
    assert values["tidegate_ready_replicas", "chat"] == 1
    assert values["tidegate_sampled_pods", "chat"] == 1
    # Two samples are needed to know a rate.
    assert ("tidegate_arriving_work_per_second", "chat") not in values
    assert "tidegate_arriving_work_per_second" in families


async def test_a_port_that_is_taken_is_an_error(served: Served, operator: OperatorUnderTest) -> None:
    """At the start, when somebody looks."""
    second = Endpoints(
        page=operator.exporter.page,
        is_alive=lambda: True,
        problem=str,
        host=ADDRESS,
        port=served.endpoints.port,
    )
    try:
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
    finally:
        await second.stop()
