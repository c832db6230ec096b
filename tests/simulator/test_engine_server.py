import asyncio
import io
import json
from typing import Any

import aiohttp
import openai
import pytest
from engine_world import FAST, world

from tidegate.api.engine import EngineType
from tidegate.simulator.fleet import Fleet, Listener
from tidegate.simulator.models import MODELS
from tidegate.simulator.server import LARGEST_BODY_BYTES, EngineServer
from tidegate.simulator.serving import listening


async def test_openai_client_streams_with_usage() -> None:
    """The official client reads a streamed chat: a role, as many tokens as asked for, a reason, the usage."""
    async with (
        world() as engines,
        openai.AsyncOpenAI(base_url=engines.url("/v1"), api_key="none") as client,
    ):
        stream = await client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "How high is the tide?"}],
            max_tokens=40,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(content.split()) == 40
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "length"
    usage = chunks[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (10, 40, 50)


async def test_openai_client_gets_whole_answers_and_models() -> None:
    """Answers that are not streamed carry text and usage; the served model is listed."""
    async with (
        world() as engines,
        openai.AsyncOpenAI(base_url=engines.url("/v1"), api_key="none") as client,
    ):
        chat = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * 400}])
        assert len((chat.choices[0].message.content or "").split()) == 128
        assert chat.usage is not None
        assert (chat.usage.prompt_tokens, chat.usage.completion_tokens) == (104, 128)
        completion = await client.completions.create(model="m", prompt=[5] * 333, max_tokens=7)
        assert len(completion.choices[0].text.split()) == 7
        assert completion.usage is not None
        assert completion.usage.prompt_tokens == 333
        models = [model.id async for model in client.models.list()]
    assert models == ["m"]


async def test_header_says_how_long_the_prompt_is() -> None:
    """A client that replays a trace names its prompt's length instead of sending it."""
    async with world() as engines:
        async with engines.client.post(
            engines.url("/v1/completions"),
            json={"model": "m", "prompt": "short", "max_tokens": 1},
            headers={"x-simulated-prompt-tokens": "7000"},
        ) as response:
            document = await response.json()
        assert document["usage"]["prompt_tokens"] == 7000
        assert (await engines.signals())["vllm:prompt_tokens_total"] == 7000


@pytest.mark.parametrize(
    ("fields", "status", "named"),
    [
        ({"max_tokens": 0}, 400, "max_tokens is 0"),
        ({"max_tokens": "9"}, 400, "max_tokens is '9'"),
        ({"max_tokens": True}, 400, "max_tokens is True"),
        ({"prompt": None}, 400, "prompt is None"),
        ({"prompt": ["a", "b"]}, 400, "batches"),
        ({"n": 2}, 400, "n is 2"),
        ({"stream_options": 3}, 400, "stream_options is 3"),
        ({"model": 3}, 400, "model is 3"),
        ({"model": "other"}, 404, "'other'; served here is m"),
        ({"max_tokens": 40_000}, 400, "context_tokens=32768"),
    ],
)
async def test_bad_requests_are_refused_in_openai_shape(fields: dict[str, Any], status: int, named: str) -> None:
    """What an engine cannot serve is answered with the field, the value and the fix, and never becomes work."""
    async with world() as engines:
        answered, document = await engines.complete(**fields)
        assert answered == status
        assert named in document["error"]["message"]
        assert document["error"]["type"] == "invalid_request_error"
        signals = await engines.signals()
    assert signals["vllm:num_requests_running"] == signals["vllm:prompt_tokens_total"] == 0


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[1]", b"null", b"[" * 100_000])
async def test_bodies_that_are_no_json_object_are_refused(body: bytes) -> None:
    """Broken JSON is a 400 in OpenAI's shape."""
    async with world() as engines, engines.client.post(engines.url("/v1/completions"), data=body) as response:
        assert response.status == 400
        assert "JSON" in (await response.json())["error"]["message"]


async def test_bodies_are_bounded() -> None:
    """A body beyond the bound is a 413, and an unknown path a 404, in OpenAI's shape too."""
    async with world() as engines:
        body = b'{"prompt": "' + b"x" * LARGEST_BODY_BYTES + b'"}'
        async with engines.client.post(engines.url("/v1/completions"), data=io.BytesIO(body)) as response:
            assert response.status == 413
            assert "error" in await response.json()
        async with engines.client.get(engines.url("/nothing")) as response:
            assert response.status == 404
            assert "error" in await response.json()


async def test_every_local_address_is_an_engine_of_its_own() -> None:
    """Two addresses of one process share nothing."""
    async with world() as engines:
        assert (await engines.complete("127.0.0.2"))[0] == 200
        assert (await engines.signals("127.0.0.2"))["vllm:request_success_total"] == 1
        assert (await engines.signals("127.0.0.3"))["vllm:request_success_total"] == 0
        assert [address for (address, _), _ in engines.fleet] == ["127.0.0.2", "127.0.0.3"]


async def test_an_ordinary_pod_is_one_engine_however_it_is_reached() -> None:
    """What a port-forward asks shows in the metrics that the operator reads, and so does what is broken."""
    async with world(alone=True) as engines:
        assert (await engines.complete("127.0.0.1"))[0] == 200
        assert (await engines.signals("127.0.0.2"))["vllm:request_success_total"] == 1
        await engines.fault("127.0.0.1", error500=True)
        assert (await engines.complete("127.0.0.2"))[0] == 500


async def test_idle_engines_hold_no_timers() -> None:
    """A thousand engines that were spoken to and have nothing to do schedule nothing on the loop."""
    async with world() as engines:
        listener = Listener.parse("vLLM:0")
        for number in range(1000):
            engines.fleet.engine(f"127.1.{number // 250}.{number % 250}", listener)
        assert all(engine._timer is None for _, engine in engines.fleet)  # noqa: SLF001 - what idle means
        await engines.complete("127.1.0.7")
        await asyncio.sleep(0)
        assert all(engine._timer is None for _, engine in engines.fleet)  # noqa: SLF001 - as above


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_aborts_uncounted(*, stream: bool) -> None:
    """Its request leaves the engine at once; only the count of ended HTTP requests rises, as in vLLM."""
    async with world(time_scale=1.0) as engines:
        body = {"model": "m", "prompt": [1] * 50, "max_tokens": 30_000, "stream": stream}
        task = asyncio.create_task(engines.client.post(engines.url("/v1/completions"), json=body))
        await engines.until("vllm:num_requests_running", 1)
        if stream:
            (await task).close()
        else:
            task.cancel()
        signals = await engines.until("vllm:num_requests_running", 0)
        assert signals["vllm:request_success_total"] == 0
        assert signals["http_requests_total"] == 1
        assert [engine.replica.measures.aborted for _, engine in engines.fleet] == [1]


async def test_arrivals_are_ended_plus_held_at_every_scrape() -> None:
    """With clients leaving at random, ended HTTP requests + waiting + running = requests that arrived, always."""
    async with world(time_scale=5.0, max_sequences=3) as engines:
        tasks = [asyncio.create_task(engines.complete(max_tokens=50 + 40 * number)) for number in range(12)]
        for victim in (1, 4, 10, 11):
            await asyncio.sleep(0.05)
            tasks[victim].cancel()
            await asyncio.sleep(0.01)
            signals = await engines.signals()
            [received] = [engine.replica.measures.received for _, engine in engines.fleet]
            held = signals["vllm:num_requests_running"] + signals["vllm:num_requests_waiting"]
            assert signals["http_requests_total"] + held == received
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(result, tuple) and result[0] == 200 for result in results) == 8
        signals = await engines.signals()
    assert (signals["http_requests_total"], signals["vllm:request_success_total"]) == (12, 8)


async def test_tokens_come_at_the_pace_of_the_model() -> None:
    """In real time a stream takes as long as the steps of the model, and arrives bit by bit."""
    model = MODELS["rtx4090"]
    expected = model.step_seconds(0, 10) + 19 * model.step_seconds(1)
    async with world(time_scale=1.0) as engines:
        loop = asyncio.get_running_loop()
        body = {"model": "m", "prompt": [1] * 10, "max_tokens": 20, "stream": True}
        start = loop.time()
        async with engines.client.post(engines.url("/v1/completions"), json=body) as response:
            lines = [line async for line in response.content if line.startswith(b"data: {")]
        assert loop.time() - start >= expected - 0.002
        assert len(lines) >= 10
        [(_, engine)] = list(engines.fleet)
        assert engine.replica.measures.request_seconds.sum == pytest.approx(expected)


async def test_slow_readers_get_grouped_tokens() -> None:
    """With a stream interval the tokens of several steps come in one event; none is lost."""
    listener = Listener.parse("vLLM:0")
    fleet = Fleet(stream_interval_seconds=0.2)
    async with (
        listening(EngineServer(fleet, listener).application(), "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as client,
        client.post(
            f"http://127.0.0.1:{port}/v1/completions",
            json={"model": "any", "prompt": "a", "max_tokens": 50, "stream": True},
        ) as response,
    ):
        events = [json.loads(line[6:]) async for line in response.content if line.startswith(b"data: {")]
    assert len(events) < 10
    assert len("".join(event["choices"][0]["text"] for event in events).split()) == 50


async def test_starting_engines_answer_503() -> None:
    """Start-up counts from the first contact; until then /health and inference are 503, and metrics are there."""
    async with world(startup_seconds=20.0) as engines:
        async with engines.client.get(engines.url("/health")) as response:
            assert response.status == 503
        status, document = await engines.complete()
        assert (status, document["error"]["message"]) == (503, "the model is loading")
        assert (await engines.signals())["vllm:num_requests_waiting"] == 0
        await asyncio.sleep(21 / FAST)
        async with engines.client.get(engines.url("/health")) as response:
            assert response.status == 200
        assert (await engines.complete())[0] == 200


async def test_any_model_is_served_without_a_name() -> None:
    """An engine told no model's name serves every name, and its metrics carry the last one."""
    async with world(model_names=()) as engines:
        for name in ("one", "two"):
            status, document = await engines.complete(model=name)
            assert (status, document["model"]) == (200, name)
        async with engines.client.get(engines.url("/metrics")) as response:
            assert 'vllm:num_requests_running{engine="0",model_name="two"} 0.0' in await response.text()


async def test_llama_cpp_queues_beyond_its_slots() -> None:
    """A llama.cpp engine has four slots; the fifth request is deferred; its page is llama.cpp's."""
    async with world(EngineType.LLAMA_CPP, time_scale=1.0) as engines:
        tasks = [asyncio.create_task(engines.complete(max_tokens=1000)) for _ in range(5)]
        signals = await engines.until("llamacpp:requests_deferred", 1)
        assert signals["llamacpp:requests_processing"] == 4
        for task in tasks:
            task.cancel()
        await engines.until("llamacpp:requests_processing", 0)


async def test_custom_engine_paints_images() -> None:
    """The Custom flavour answers OpenAI's images API and counts images."""
    async with world(EngineType.CUSTOM) as engines:
        url = engines.url("/v1/images/generations")
        async with engines.client.post(url, json={"model": "m", "prompt": "a tide gate", "n": 3}) as response:
            assert response.status == 200
            assert len((await response.json())["data"]) == 3
        for bad in ({"prompt": 1}, {"prompt": "x", "n": 9}):
            async with engines.client.post(url, json=bad) as response:
                assert response.status == 400
        signals = await engines.signals()
    assert signals["painter_images_total"] == 3
    assert signals["painter_requests_finished_total"] == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Ray:8000", "flavour is 'Ray'"),
        ("vLLM", "port is ''"),
        ("vLLM:70000", "port is '70000'"),
        ("vLLM:8000:h100", "replica model is 'h100'"),
    ],
)
def test_listeners_that_make_no_sense_are_refused(text: str, named: str) -> None:
    """A wrong --listen names the part that is wrong."""
    with pytest.raises(ValueError, match=named):
        Listener.parse(text)
