"""A replica that lives in real time: it serves callers of an event loop and sleeps between their tokens."""

import asyncio
from collections import Counter
from math import inf
from types import TracebackType
from typing import Self

from .engine_page import HeldGauges
from .models import ReplicaModel
from .replica import Replica
from .request import Request, RequestState

_SHORTEST_SLEEP_SECONDS = 0.001
"""Event loops round their timers to milliseconds; asking for less would spin."""


class EngineGoneError(Exception):
    """The engine was forgotten while it served this request, as when a pod is killed."""


class Generation:
    """One request being served. Used as a context manager: leaving it early is a client that left."""

    __slots__ = ("_engine", "_future", "_wanted", "request", "streamed")

    def __init__(self, engine: "Engine", request: Request, *, streamed: bool) -> None:
        self.request = request
        self.streamed = streamed
        self._engine = engine
        self._wanted = 0
        self._future: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.leave(self)

    async def tokens(self, wanted: int) -> int:
        """Wait until the request has ``wanted`` tokens; returns how many it has, which may be more.

        Raises:
            EngineGoneError: the engine was forgotten.
        """
        self._wanted = wanted
        while (count := self._engine.replica.generated_tokens(self.request)) < wanted:
            if self._engine.gone:
                raise EngineGoneError
            self._future = asyncio.get_running_loop().create_future()
            await self._future
        return count

    def look(self) -> None:
        """Wake the caller if its tokens are there, or never will be."""
        future = self._future
        if future is None or future.done():
            return
        if self._engine.gone or self._engine.replica.generated_tokens(self.request) >= self._wanted:
            future.set_result(None)


class Engine:
    """One simulated engine. It holds a timer while it is busy, and nothing while it is idle.

    Its own time starts at 0 when it is created and runs ``time_scale`` times as fast as the loop's.
    """

    def __init__(
        self,
        model: ReplicaModel,
        *,
        created: float,
        model_name: str,
        time_scale: float = 1.0,
        stream_interval_seconds: float = 0.0,
    ) -> None:
        """Start an engine on the running event loop.

        Args:
            model: its physics; its start-up time counts from now.
            created: now, in seconds since the epoch (shown on metrics pages).
            model_name: the served model's name, until requests ask for another.
            time_scale: seconds of the engine in one second of the loop.
            stream_interval_seconds: least time between two wake-ups of streams, in the loop's seconds. 0 wakes them
                at each step; more groups tokens and saves the CPU.
        """
        self.replica = Replica(model)
        self.created = created
        self.model_name = model_name
        self.http_requests: Counter[tuple[str, str, str]] = Counter()
        """HTTP requests that have ended, by (handler, method, status group)."""
        self.images = 0
        """Images finished."""
        self.held_gauges = HeldGauges()
        self.gone = False
        self._loop = asyncio.get_running_loop()
        self._origin = self._loop.time()
        self._scale = time_scale
        self._interval = stream_interval_seconds
        self._last_tick = self._origin
        self._generations: set[Generation] = set()
        self._streams = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def time(self) -> float:
        """Now, in the engine's seconds."""
        return (self._loop.time() - self._origin) * self._scale

    @property
    def ready(self) -> bool:
        """Whether it has started."""
        return self.time >= self.replica.ready_time

    def catch_up(self) -> Replica:
        """The replica, brought to now."""
        self.replica.advance(self.time)
        return self.replica

    def serve(self, prompt_tokens: int, output_tokens: int, *, streamed: bool) -> Generation:
        """Take a request in.

        Raises:
            ValueError: the model can never serve one of this size.
        """
        request = Request(prompt_tokens, output_tokens)
        self.replica.submit(request, self.time)
        generation = Generation(self, request, streamed=streamed)
        self._generations.add(generation)
        self._streams += streamed
        self._arm()
        return generation

    def leave(self, generation: Generation) -> None:
        """The client of a request has all it wanted, or has left."""
        self._generations.discard(generation)
        self._streams -= generation.streamed
        if generation.request.state is not RequestState.FINISHED:
            self.replica.abort(generation.request, self.time)
            self._arm()

    def slow_down(self, factor: float) -> None:
        """Make every later step ``factor`` times as long as the model says."""
        self.replica.slow_down(factor, self.time)
        self._arm()

    def forget(self) -> None:
        """Stop for good: every caller that waits gets `EngineGoneError`."""
        self.gone = True
        if self._timer is not None:
            self._timer.cancel()
        for generation in self._generations:
            generation.look()

    def _tick(self) -> None:
        self._last_tick = self._loop.time()
        self.replica.advance(self.time)
        for generation in self._generations:
            generation.look()
        self._arm()

    def _arm(self) -> None:
        """Set the timer to the next moment at which somebody can be given something."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        time = self.replica.next_step_time() if self._streams else self.replica.next_event_time()
        if time == inf or self.gone:
            return
        when = max(self._origin + time / self._scale, self._loop.time() + _SHORTEST_SLEEP_SECONDS)
        if self._streams:
            when = max(when, self._last_tick + self._interval)
        self._timer = self._loop.call_at(when, self._tick)
