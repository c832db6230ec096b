"""Plays a timeline of requests with OpenAI's own client, streaming.

Each goes to the pod that has the least to do, or, where only a Service leads to pods, to the one that it picks.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from openai import APIError, AsyncOpenAI, DefaultAioHttpClient

from demo.measures import Measures
from demo.picking import Outstanding
from demo.scenario import Part
from demo.trace import Arrival
from demo.watching import RETRY_SECONDS, Pod, Pods

PROMPT_TOKENS_HEADER = "x-simulated-prompt-tokens"
"""A trace has no prompts, only their lengths; the simulated engines take the length for the prompt."""

ANSWER_SECONDS = 240.0
"""A request that gets nothing for this long has failed."""

REACH_SECONDS = 5.0
"""How long one try to reach a part may take."""


class CutOffError(Exception):
    """An answer ended early, as it does when an engine is killed."""


def open_client() -> AsyncOpenAI:
    """OpenAI's client, for all pods: its address is replaced at each request."""
    return AsyncOpenAI(
        base_url="http://127.0.0.1",
        api_key="none",
        timeout=ANSWER_SECONDS,
        max_retries=0,  # A failure is to be seen.
        # A Service picks a pod for each connection: one that is kept would send all its requests to the same pod, and
        # go on doing so when that pod is on its way out.
        default_headers={"Connection": "close"},
        # aiohttp beneath it takes half the CPU; proxies of the environment are not for loopback addresses.
        http_client=DefaultAioHttpClient(trust_env=False),
    )


@dataclass(slots=True)
class Player:
    """Plays one part."""

    part: Part
    pods: Pods
    url: Callable[[Part, Pod], str]
    """Where a part is reached, at this pod if that can be chosen."""

    client: AsyncOpenAI
    measures: Measures
    outstanding: Outstanding

    async def reach(self) -> None:
        """Wait until the part answers: pods may be ready a moment before what leads to them is."""
        while True:
            pods = await self.pods.some(self.part)
            try:
                await self._at(pods[0]).with_options(timeout=REACH_SECONDS).models.list()
            except APIError:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def play(self, arrivals: Sequence[Arrival]) -> None:
        """Send every request at its time, whether or not earlier ones are answered; returns when all have ended."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for arrival in arrivals:
                await asyncio.sleep(start + arrival.seconds - loop.time())
                tasks.create_task(self._send(arrival))

    async def _send(self, arrival: Arrival) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.measures.send(began, arrival.tokens)
        try:
            pod = self.outstanding.pick(await self.pods.some(self.part))
            with self.outstanding.at(pod):
                await self._stream(pod, arrival, began)
        except (APIError, CutOffError) as error:
            why = f" ({error.__cause__!r})" if error.__cause__ else ""
            self.measures.failures[f"{type(error).__name__}: {error}{why}"] += 1
        else:
            self.measures.answered += 1

    def _at(self, pod: Pod) -> AsyncOpenAI:
        return self.client.with_options(base_url=f"{self.url(self.part, pod)}/v1")

    async def _stream(self, pod: Pod, arrival: Arrival, began: float) -> None:
        """Read one answer to its end.

        Raises:
            APIError: The engine refused, or did not answer in time.
            CutOffError: The answer ended early.
        """
        loop = asyncio.get_running_loop()
        stream = await self._at(pod).chat.completions.create(
            model=self.part.model,
            messages=[{"role": "user", "content": "the prompt of a production trace"}],
            max_tokens=arrival.answer_tokens,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers={PROMPT_TOKENS_HEADER: str(arrival.prompt_tokens)},
        )
        seen_first, usage = False, None
        async for chunk in stream:
            if not seen_first and chunk.choices and chunk.choices[0].delta.content:
                seen_first = True
                now = loop.time()
                self.measures.first_tokens.append((now, now - began))
            usage = chunk.usage or usage
        if usage is None or usage.completion_tokens != arrival.answer_tokens:
            raise CutOffError(f"the answer ended before its {arrival.answer_tokens} tokens")
        self.measures.answer_tokens += usage.completion_tokens
