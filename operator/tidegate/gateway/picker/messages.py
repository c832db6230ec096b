"""Envoy's questions and the answers to them, as the policy says them."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from envoy.config.core.v3.base_pb2 import HeaderMap, HeaderValue, HeaderValueOption
from envoy.service.ext_proc.v3.external_processor_pb2 import (
    CommonResponse,
    HeaderMutation,
    HeadersResponse,
    ImmediateResponse,
    ProcessingRequest,
    ProcessingResponse,
)
from envoy.type.v3.http_status_pb2 import HttpStatus

from tidegate.gateway.envoy.local_replies import PICKER_DETAILS
from tidegate.gateway.envoy.names import (
    ATTEMPT_HEADER,
    DESTINATION_HEADER,
    FIRST_PICK_HEADER,
    METADATA_NAMESPACE,
    MODEL_HEADER,
    MODEL_KEY,
    PICK_HEADER,
    PROBLEM_KEY,
    SERVICE_HEADER,
)
from tidegate.gateway.exchange import Forward, Reply, Request

_OVERWRITE = HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD


def request_of(message: ProcessingRequest) -> Request:
    """Return the request that Envoy asks about."""
    headers = _headers(message.request_headers.headers)
    service = headers.get(SERVICE_HEADER)
    first_pick = headers.get(FIRST_PICK_HEADER)
    model, problem = (None, "") if service is not None else _model(message, headers)
    namespace, _, name = (service or "").partition("/")
    length = headers.get("content-length", "")
    return Request(
        service=(namespace, name) if service is not None else None,
        method=headers.get(":method", ""),
        path=headers.get(":path", ""),
        headers=headers,
        content_length=int(length) if length.isdecimal() else None,
        model=model,
        model_problem=problem,
        # With a first pick, 1 says that its pod was not tried: Envoy passes over the cluster of engines while that has
        # no hosts, which it gets with its first request.
        attempt=1 if first_pick is None or headers.get(ATTEMPT_HEADER) == "1" else 2,
        pick_id=first_pick,
    )


def response_of(decision: Forward | Reply, request: Request) -> ProcessingResponse:
    """Return what tells Envoy the decision on a request."""
    if isinstance(decision, Reply):
        return ProcessingResponse(
            immediate_response=ImmediateResponse(
                status=HttpStatus(code=decision.status),
                headers=_mutation(dict(decision.headers)),
                body=decision.body,
                details=PICKER_DETAILS,
            )
        )
    added = dict(decision.headers_to_add) | {PICK_HEADER: decision.pick_id, DESTINATION_HEADER: decision.address}
    if request.model is not None:
        # Its body is not read again on the way to a second pod.
        added[MODEL_HEADER] = quote(request.model, safe="")
    return ProcessingResponse(
        request_headers=HeadersResponse(response=CommonResponse(header_mutation=_mutation(added)))
    )


def _mutation(headers: Mapping[str, str]) -> HeaderMutation:
    return HeaderMutation(
        set_headers=[
            HeaderValueOption(header=HeaderValue(key=name, raw_value=value.encode()), append_action=_OVERWRITE)
            for name, value in headers.items()
        ]
    )


def _headers(header_map: HeaderMap) -> dict[str, str]:
    headers: dict[str, str] = {}
    for header in header_map.headers:
        value = header.raw_value.decode("utf-8", "replace") if header.raw_value else header.value
        name = header.key.lower()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _model(message: ProcessingRequest, headers: Mapping[str, str]) -> tuple[str | None, str]:
    if MODEL_HEADER in headers:
        return unquote(headers[MODEL_HEADER]), ""
    fields = message.metadata_context.filter_metadata[METADATA_NAMESPACE].fields
    if MODEL_KEY in fields:
        if fields[MODEL_KEY].WhichOneof("kind") == "string_value" and fields[MODEL_KEY].string_value:
            return fields[MODEL_KEY].string_value, ""
        return None, "The body's `model` is not a string with at least one character."
    if PROBLEM_KEY in fields and fields[PROBLEM_KEY].string_value == "missing":
        return None, ""  # The policy knows which models there are, and lists them.
    content_type = headers.get("content-type", "")
    if "json" not in content_type.lower():
        return None, (
            f"The content-type is {content_type!r}; this address reads `model` from bodies of application/json. "
            "For others use the address of the service itself."
        )
    return None, "The body is not valid JSON."
