"""The server that Envoy asks about every request, and tells the end of each."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import grpc.aio
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage, StreamAccessLogsResponse
from envoy.service.accesslog.v3.als_pb2_grpc import add_AccessLogServiceServicer_to_server
from envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest
from envoy.service.ext_proc.v3.external_processor_pb2_grpc import add_ExternalProcessorServicer_to_server

from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.exchange import Ended, Forward, Reply, Request
from tidegate.gateway.picker.access_log import ended_of
from tidegate.gateway.picker.messages import kept_pick, request_of, response_of
from tidegate.gateway.picker.passed_on import PassedOn

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
        """Take note of what ran before this picker started, by pod address."""


class Picker:
    """Serves Envoy on the socket in the shared directory.

    It may end and start again at any time: what Envoy holds then is answered 503, what was forwarded goes on.
    """

    def __init__(self, policy: Policy, directory: Directory) -> None:
        self._policy = policy
        self._socket = directory.picker_socket
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Serve.

        Raises:
            RuntimeError: The socket cannot be had.
        """
        server = grpc.aio.server(options=_OPTIONS)
        passed_on = PassedOn()
        add_ExternalProcessorServicer_to_server(_Questions(self._policy, passed_on), server)
        add_AccessLogServiceServicer_to_server(_AccessLog(self._policy, passed_on), server)
        server.add_insecure_port(f"unix:{self._socket}")
        await server.start()
        self._server = server

    async def stop(self, *, grace_seconds: float) -> None:
        """Take no more questions and wait for the answers to the open ones; Envoy answers the rest 503.

        The stream of the access log is open for as long as Envoy runs, so the whole grace passes.
        """
        if self._server is not None:
            await self._server.stop(grace_seconds)
            self._server = None


class _Questions:
    def __init__(self, policy: Policy, passed_on: PassedOn) -> None:
        self._policy = policy
        self._passed_on = passed_on

    async def Process(self, request_iterator: AsyncIterator[ProcessingRequest], context: Any) -> None:  # noqa: N802 - the protocol's name
        async for message in request_iterator:
            request = request_of(message)
            decision: Forward | Reply | None = kept_pick(request)
            if isinstance(decision, Forward):
                self._passed_on.add(decision)
            else:
                decision = await self._policy.route(request)
            await context.write(response_of(decision, request))
            return


class _AccessLog:
    def __init__(self, policy: Policy, passed_on: PassedOn) -> None:
        self._policy = policy
        self._passed_on = passed_on

    async def StreamAccessLogs(  # noqa: N802 - the protocol's name
        self, request_iterator: AsyncIterator[StreamAccessLogsMessage], context: Any
    ) -> StreamAccessLogsResponse:
        del context
        async for message in request_iterator:
            for entry in message.http_logs.log_entry:
                ended = ended_of(entry)
                once = self._passed_on.once(ended) if ended is not None else None
                if once is not None:
                    self._policy.ended(once)
        return StreamAccessLogsResponse()
