"""The fence: a process that may have lost its Lease writes nothing, however late it is when it comes to write."""

from collections.abc import Callable

import aiohttp

Fence = Callable[[], bool]
"""Says whether writing is allowed at this very moment."""

READING = {"GET", "HEAD"}


class NotLeadingError(Exception):
    """Another one may be leading by now."""


def fencing(allowed: Fence) -> aiohttp.TraceConfig:
    """Make a session ask before each write.

    It is asked when nothing is left but to hand the body to the socket, in the same step of the event loop; aiohttp
    keeps the headers back until then (`StreamWriter.write`). Before that a request can wait for its place in the
    budget, for one of few connections, for TLS, for its turn on the loop, or with the whole process (SIGSTOP, a
    suspended machine), and what was allowed then is not allowed now.
    """

    async def ask(_: aiohttp.ClientSession, __: object, sent: aiohttp.TraceRequestChunkSentParams) -> None:
        if sent.method not in READING and not allowed():
            raise NotLeadingError("this process does not hold the Lease, or has not renewed it in time")

    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(ask)
    return trace
