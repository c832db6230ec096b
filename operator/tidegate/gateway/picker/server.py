"""The server that Envoy asks about every request, and tells the end of each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

import grpc.aio
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage, StreamAccessLogsResponse
from envoy.service.accesslog.v3.als_pb2_grpc import add_AccessLogServiceServicer_to_server
from envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest
from envoy.service.ext_proc.v3.external_processor_pb2_grpc import add_ExternalProcessorServicer_to_server

from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.exchange import Ended, Forward, Reply, Request
from tidegate.gateway.picker.access_log import ended_of
from tidegate.gateway.picker.messages import request_of, response_of
from tidegate.gateway.picker.warm_up import WarmUp, warm_up_of

_UNBOUNDED = 1_000_000

_OPTIONS = (
    # grpcio would refuse calls beyond 1,000 that wait, and those that wait for long.
    ("grpc.server.max_pending_requests", _UNBOUNDED),
    ("grpc.server.max_pending_requests_hard_limit", _UNBOUNDED),
    ("grpc.server_max_unrequested_time_in_server", _UNBOUNDED),
    ("grpc.max_concurrent_streams", _UNBOUNDED),
)


class Policy(Protocol):
    """Who decides: `tidegate.gateway.policy.Router`."""

    async def route(self, request: Request) -> Forward | Reply:
        """Hold and pick; cancelled when the client has left."""

    def ended(self, ended: Ended) -> None:
        """Take note that a request is over."""

    def resync(self, in_flight: Mapping[str, int]) -> None:
        """Take note of what runs, by pod address: sent off before this picker started, or picked and never sent."""


class Picker:
    """Serves Envoy on the socket in the shared directory.

    It may end and start again at any time: what Envoy holds then is answered 503, what was forwarded goes on.
    """

    def __init__(self, policy: Policy, directory: Directory) -> None:
        self._policy = policy
        self._socket = directory.picker_socket
        self._warm_up = WarmUp(directory)
        self.warm = self._warm_up.done
        """Set while Envoy asks this picker and knows an address: then every request has a second pod."""

        self._warming: asyncio.Task[None] | None = None
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Serve.

        Raises:
            RuntimeError: The socket cannot be had.
        """
        server = grpc.aio.server(options=_OPTIONS)
        add_ExternalProcessorServicer_to_server(_Questions(self._policy), server)
        add_AccessLogServiceServicer_to_server(_AccessLog(self._policy, envoy_gone=self._warm_up.again), server)
        server.add_insecure_port(f"unix:{self._socket}")
        await server.start()
        self._server = server
        self._warming = asyncio.create_task(self._warm_up.keep())

    async def stop(self, *, grace_seconds: float) -> None:
        """Take no more questions and wait for the answers to the open ones; Envoy answers the rest 503.

        The stream of the access log is open for as long as Envoy runs, so the whole grace passes.
        """
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
            self._warming = None
        if self._server is not None:
            await self._server.stop(grace_seconds)
            self._server = None


class _Questions:
    """The service of the protocol that Envoy calls external processing: one stream per request."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def Process(self, request_iterator: AsyncIterator[ProcessingRequest], context: Any) -> None:  # noqa: N802 - the protocol's name
        async for message in request_iterator:
            request = request_of(message)
            decision = warm_up_of(request) or await self._policy.route(request)
            # Envoy resets the stream once it has the answer, so being cancelled here does not tell whether it has.
            # For one that it did not get there is no line in the access log; `Policy.resync` finds those.
            await context.write(response_of(decision, request))
            return


class _AccessLog:
    """The service that Envoy tells the ends of requests.

    One that another pod took, or that was passed on before any was tried, has two lines.
    """

    def __init__(self, policy: Policy, *, envoy_gone: Callable[[], None]) -> None:
        self._policy = policy
        self._envoy_gone = envoy_gone

    async def StreamAccessLogs(  # noqa: N802 - the protocol's name
        self, request_iterator: AsyncIterator[StreamAccessLogsMessage], context: Any
    ) -> StreamAccessLogsResponse:
        del context
        try:
            async for message in request_iterator:
                for entry in message.http_logs.log_entry:
                    ended = ended_of(entry)
                    if ended is not None:
                        self._policy.ended(ended)
        finally:
            self._envoy_gone()  # Its stream of lines is open for as long as it runs.
        return StreamAccessLogsResponse()
