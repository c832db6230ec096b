"""What differs between the flavours of the simulated engine: paths, ports, what they answer."""

import openai
import pytest
from engine_world import world

from tidegate.api.engine import EngineType
from tidegate.engines.catalog import TABLES
from tidegate.engines.page import read_page
from tidegate.simulator.fleet import Listener
from tidegate.simulator.server import EngineServer
from tidegate.simulator.serving import listening


@pytest.mark.parametrize("flavour", [flavour for flavour, table in TABLES.items() if table.metrics])
async def test_every_flavour_answers_where_its_engine_does(flavour: EngineType) -> None:
    """Health and metrics are at the paths of the engine's table, metrics at a port of their own where it has one."""
    table = TABLES[flavour]
    assert table.health_path is not None
    async with world(flavour) as engines:
        if flavour in {EngineType.TEI, EngineType.INFINITY}:
            body, path = {"model": "m", "input": ["a tide", [1, 2, 3]]}, "/v1/embeddings"
        else:
            body, path = {"model": "m", "prompt": [1] * 10, "max_tokens": 5}, "/v1/completions"
        async with engines.client.post(engines.url(path), json=body) as response:
            assert response.status == 200, await response.text()
        async with engines.client.get(engines.url(table.health_path)) as response:
            assert response.status == 200
        listener = Listener.parse(f"{flavour}:0", metrics_port=0)
        own_port = listener.metrics_port is not None
        assert own_port == (table.metrics_port != table.port)
        if own_port:
            async with engines.client.get(engines.url(table.metrics_path)) as response:
                assert response.status == 404
            server = EngineServer(engines.fleet, engines.listener)
            async with (
                listening(server.metrics_application(), "127.0.0.1", 0) as port,
                engines.client.get(f"http://127.0.0.1:{port}{table.metrics_path}") as response,
            ):
                page = await response.read()
        else:
            async with engines.client.get(engines.url(table.metrics_path)) as response:
                page = await response.read()
    sample = read_page(page, table, time=0.0, model_name="m")
    assert [signal for signal in table.expected_signals if getattr(sample, signal) is None] == []


async def test_embeddings_have_a_vector_for_each_input() -> None:
    """As OpenAI's client reads them; what cannot be counted is refused."""
    async with (
        world(EngineType.TEI) as engines,
        openai.AsyncOpenAI(base_url=engines.url("/v1"), api_key="none") as client,
    ):
        answer = await client.embeddings.create(model="m", input=["how high", "the tide"], encoding_format="float")
        assert len(answer.data) == 2
        assert answer.usage.total_tokens == 4
        for bad in ({"input": []}, {"input": 7}, {"input": ["x"] * 257}, {"input": [[1] * 9_000]}):
            async with engines.client.post(engines.url("/v1/embeddings"), json={"model": "m"} | bad) as response:
                assert response.status == 400


async def test_ollama_has_no_metrics() -> None:
    """It answers, and it is well, and there is no page."""
    async with world(EngineType.OLLAMA) as engines:
        assert (await engines.complete())[0] == 200
        async with engines.client.get(engines.url("/")) as response:
            assert response.status == 200
        async with engines.client.get(engines.url("/metrics")) as response:
            assert response.status == 404
