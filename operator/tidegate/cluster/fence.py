"""The fence: a process that may have lost its Lease writes nothing, however late it is when it comes to write."""

from collections.abc import Callable
from types import SimpleNamespace

import aiohttp

Fence = Callable[[], bool]
"""Says whether writing is allowed at this very moment."""

READING = {"GET", "HEAD"}


class NotLeadingError(Exception):
    """Another one may be leading by now."""


def fencing(allowed: Fence) -> aiohttp.TraceConfig:
    """Make a session ask before each write.

    It is asked when the request has its connection and nothing is left but to send it: before that a request can wait
    for its place in the budget, for one of few connections, for TLS, or with the whole process (SIGSTOP, a suspended
    machine), and what was allowed then is not allowed now.
    """

    async def begin(
        _: aiohttp.ClientSession, context: SimpleNamespace, started: aiohttp.TraceRequestStartParams
    ) -> None:
        context.writes = started.method not in READING

    async def ask(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        if context.writes and not allowed():
            raise NotLeadingError("this process does not hold the Lease, or has not renewed it in time")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(begin)
    trace.on_connection_create_end.append(ask)
    trace.on_connection_reuseconn.append(ask)
    return trace
