"""Load on a simulated engine."""

import asyncio

import aiohttp

SECONDS = 120


async def flood(url: str, clients: int) -> None:
    """Ask for long answers, from so many clients at once; ends when they are cut off."""
    body = {"model": "m", "prompt": "word " * 200, "max_tokens": 400}

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.post(f"{url}/v1/completions", json=body) as response:
            await response.read()

    timeout, connector = aiohttp.ClientTimeout(total=SECONDS), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=False) as session:
        await asyncio.gather(*(ask(session) for _ in range(clients)), return_exceptions=True)
