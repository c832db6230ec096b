"""The HTTP face of the simulated engines: OpenAI's API, health and metrics on one port, for every local address.

Paths of health and metrics are those of the engine's table; Triton's metrics have a port of their own.

What differs from a real engine: all speak OpenAI's API, Triton too, and those for embeddings that for embeddings alone;
generation always ends after exactly ``max_tokens``; a starting engine answers 503
where a real one refuses the connection (one process listens for all); the length of a prompt is that of a list of token
ids, or what the header ``x-simulated-prompt-tokens`` says, or else guessed from the text.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from aiohttp import web

from tidegate.api.engine import EngineType
from tidegate.engines.catalog import TABLES

from .embeddings_api import embeddings, read_embed
from .engine import Engine, EngineGoneError
from .engine_page import write_page
from .engine_pages import ENGINE_PAGES
from .exposition import CONTENT_TYPE
from .faults import answer_broken, hang
from .fleet import Fleet, Listener
from .image_page import image_page
from .llama_cpp_page import llama_cpp_page
from .openai_api import PROMPT_TOKENS_HEADER, ApiError, Chunks, Generate, answer, read_count, read_generate, read_object
from .vllm_page import vllm_page

LARGEST_BODY_BYTES = 8 * 1024 * 1024
"""Larger requests are refused with 413."""

_STEPS_PER_IMAGE = 50
_MOST_IMAGES = 8
_ONE_PIXEL_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

_PAGES: dict[EngineType, Callable[[Engine], str]] = {
    EngineType.VLLM: lambda engine: vllm_page(
        engine.catch_up(), model_name=engine.model_name, created=engine.created, http_requests=engine.http_requests
    ),
    EngineType.LLAMA_CPP: lambda engine: llama_cpp_page(engine.catch_up()),
    EngineType.CUSTOM: lambda engine: image_page(engine.catch_up(), images=engine.images),
}


def _page(flavour: EngineType, engine: Engine) -> str | None:
    """The metrics page of an engine; None for one that has none."""
    if (write := _PAGES.get(flavour)) is not None:
        return write(engine)
    if (page := ENGINE_PAGES.get(flavour)) is None:
        return None
    return write_page(page, engine.catch_up(), model_name=engine.model_name, time=engine.time, held=engine.held_gauges)


_EMBEDDING = frozenset({EngineType.TEI, EngineType.INFINITY})
"""The flavours whose models make vectors of text, not text."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class EngineServer:
    """Serves all engines behind one listener."""

    def __init__(self, fleet: Fleet, listener: Listener) -> None:
        self._fleet = fleet
        self._listener = listener
        self._identities = itertools.count(1)
        table = TABLES.get(listener.flavour)
        self._health_path = (table and table.health_path) or "/health"
        self._metrics_path = table.metrics_path if table else "/metrics"

    def application(self) -> web.Application:
        """The aiohttp application; run it with ``handler_cancellation=True``, or clients that leave are not seen."""
        app = web.Application(client_max_size=LARGEST_BODY_BYTES, middlewares=[self._around])
        flavour = self._listener.flavour
        app.router.add_get(self._health_path, self._health)
        if self._listener.metrics_port is None:
            app.router.add_get(self._metrics_path, self._metrics)
        app.router.add_get("/v1/models", self._models)
        if flavour is EngineType.CUSTOM:
            app.router.add_post("/v1/images/generations", self._images)
        elif flavour in _EMBEDDING:
            for path in ("/v1/embeddings", "/embeddings"):
                app.router.add_post(path, self._embeddings)
        else:
            app.router.add_post("/v1/completions", self._completions)
            app.router.add_post("/v1/chat/completions", self._chat_completions)
        return app

    def metrics_application(self) -> web.Application:
        """The application of the metrics page alone, for a listener that has it on a port of its own."""
        app = web.Application(middlewares=[self._around])
        app.router.add_get(self._metrics_path, self._metrics)
        return app

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Apply faults, turn errors into OpenAI's shape, count what has ended."""
        address, engine = self._engine(request)
        faults = self._fleet.faults(address)
        status = HTTPStatus.OK.value  # what vLLM's web server counts for a client that left
        try:
            if faults.hang:
                await hang()
            response = await (_answer_500 if faults.error500 and request.path != self._metrics_path else handler)(
                request
            )
            status = response.status
        except ApiError as error:
            status = error.status
            response = web.json_response(error.document(), status=status)
        except web.HTTPException as error:
            status = error.status
            response = web.json_response(ApiError(status, f"{request.path}: {error.reason}").document(), status=status)
        except EngineGoneError:
            if request.transport is not None:
                request.transport.abort()
            return await hang()  # until aiohttp notices and cancels this
        finally:
            if engine.ready and request.path not in (
                self._health_path,
                self._metrics_path,
            ):  # before, a real one would not have been reached
                resource = request.match_info.route.resource
                path = resource.canonical if resource is not None else "none"
                engine.http_requests[path, request.method, f"{status // 100}xx"] += 1
        return response

    def _engine(self, request: web.Request) -> tuple[str, Engine]:
        name = None if request.transport is None else request.transport.get_extra_info("sockname")
        if name is None:
            raise asyncio.CancelledError  # the client has left already
        address = str(name[0])
        return address, self._fleet.engine(address, self._listener)

    def _started(self, request: web.Request) -> Engine:
        _, engine = self._engine(request)
        if not engine.ready:
            raise ApiError(503, "the model is loading", code="unavailable")
        return engine

    async def _health(self, request: web.Request) -> web.StreamResponse:
        self._started(request)
        return web.json_response({"status": "ok"})

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        address, engine = self._engine(request)
        page = _page(self._listener.flavour, engine)
        if page is None:
            raise web.HTTPNotFound
        if (fault := self._fleet.faults(address).metrics) is not None:
            return await answer_broken(request, page, fault)
        return web.Response(body=page.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _models(self, request: web.Request) -> web.StreamResponse:
        engine = self._started(request)
        names = self._fleet.model_names or (engine.model_name,)
        context_tokens = self._listener.model.context_tokens
        models = [
            {
                "id": name,
                "object": "model",
                "created": int(engine.created),
                "owned_by": "tidegate",
                "max_model_len": context_tokens,
            }
            for name in names
        ]
        return web.json_response({"object": "list", "data": models})

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, chat=False)

    async def _chat_completions(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, chat=True)

    async def _generate(self, request: web.Request, *, chat: bool) -> web.StreamResponse:
        engine = self._started(request)
        header = request.headers.get(PROMPT_TOKENS_HEADER)
        asked = read_generate(await _json(request), chat=chat, prompt_tokens=header)
        model = self._served(engine, asked.model)
        identity = f"{'chatcmpl' if chat else 'cmpl'}-{next(self._identities)}"
        created = int(time.time())
        try:
            generation = engine.serve(asked.prompt_tokens, asked.output_tokens, streamed=asked.stream)
        except ValueError as error:
            field = "messages" if chat else "prompt"
            raise ApiError(400, str(error), param=field, code="context_length_exceeded") from error
        with generation:
            if asked.stream:
                chunks = Chunks(asked, identity=identity, created=created, model=model)
                return await _stream(request, asked, chunks, generation.tokens)
            await generation.tokens(asked.output_tokens)
        return web.json_response(answer(asked, identity=identity, created=created, model=model))

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        engine = self._started(request)
        asked = read_embed(await _json(request), prompt_tokens=request.headers.get(PROMPT_TOKENS_HEADER))
        model = self._served(engine, asked.model)
        with ExitStack() as leaving:
            try:
                generations = [
                    leaving.enter_context(engine.serve(tokens, 1, streamed=False)) for tokens in asked.input_tokens
                ]
            except ValueError as error:
                raise ApiError(400, str(error), param="input", code="context_length_exceeded") from error
            for generation in generations:
                await generation.tokens(1)
        return web.json_response(embeddings(asked, model=model))

    async def _images(self, request: web.Request) -> web.StreamResponse:
        engine = self._started(request)
        fields = read_object(await _json(request))
        self._served(engine, fields.get("model"))
        if not isinstance(fields.get("prompt"), str):
            raise ApiError(400, f"prompt is {fields.get('prompt')!r}; give a string", param="prompt")
        count = read_count(fields, "n", 1)
        if count > _MOST_IMAGES:
            raise ApiError(400, f"n is {count}; give at most {_MOST_IMAGES}", param="n")
        steps = count * _STEPS_PER_IMAGE
        with engine.serve(1, steps, streamed=False) as generation:
            await generation.tokens(steps)
        engine.images += count
        images = [{"b64_json": _ONE_PIXEL_PNG} for _ in range(count)]
        return web.json_response({"created": int(time.time()), "data": images})

    def _served(self, engine: Engine, asked: Any) -> str:
        """The name of the model that answers; the one asked for, if it is served here."""
        names = self._fleet.model_names
        if asked is None:
            return names[0] if names else engine.model_name
        if names and asked not in names:
            message = f"model is {asked!r}; served here is {', '.join(names)}"
            raise ApiError(404, message, param="model", code="model_not_found")
        if not names:
            engine.model_name = str(asked)
        return str(asked)


async def _stream(
    request: web.Request, asked: Generate, chunks: Chunks, tokens: Callable[[int], Awaitable[int]]
) -> web.StreamResponse:
    """Send tokens as they come. A client that reads slowly gets several at once, and holds nobody up."""
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    sent = 0
    while sent < asked.output_tokens:
        count = await tokens(sent + 1)
        await response.write((b"" if sent else chunks.first()) + chunks.tokens(sent, count))
        sent = count
    await response.write(chunks.end())
    await response.write_eof()
    return response


async def _answer_500(_: web.Request) -> web.StreamResponse:
    raise ApiError(500, "simulated fault: error500")


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, f"the body is no JSON: {error}", code="invalid_json") from error
