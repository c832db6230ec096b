"""What Envoy says itself, in the shape of OpenAI's errors."""

from typing import Any

PICKER_DETAILS = "picker"
"""Marks, among responses that no pod gave, those that the picker wrote."""

_DETAILS = "See %RESPONSE_CODE_DETAILS%."

Document = dict[str, Any]

ANSWERS: tuple[tuple[str, str, str, str, int | None], ...] = (
    (
        "response.code == 503 && response.code_details.matches('ext_proc.*|direct_response')",
        "server_error",
        "gateway_restarting",
        "The gateway's picker is not there, so the request went to no pod; send it again.",
        2,
    ),
    (
        "response.code_details.startsWith('overload')",
        "server_error",
        "gateway_overloaded",
        "The gateway is out of memory for more requests; send it again later.",
        5,
    ),
    (
        "response.code == 503 && response.code_details.startsWith('upstream_reset')",
        "server_error",
        "pod_unreachable",
        f"The pod did not take the request, or was lost before it answered. {_DETAILS}",
        1,
    ),
    (
        "response.code == 413",
        "invalid_request_error",
        "request_too_large",
        "The body is larger than the 32 MiB that are taken at the shared address.",
        None,
    ),
    (
        # The second where they are too many or too large together with what pods are told.
        "response.code == 431 || response.code_details.startsWith('header_mutation_result_exceeds')",
        "invalid_request_error",
        "headers_too_large",
        "The headers are larger than the 32 KiB, or more than the hundred, that are taken.",
        None,
    ),
    (
        "response.code == 408",
        "invalid_request_error",
        "request_timeout",
        f"The request did not arrive in time; send it again. {_DETAILS}",
        1,
    ),
    (
        "response.code == 504",
        "server_error",
        "gateway_timeout",
        f"The pod gave no response in time. {_DETAILS}",
        1,
    ),
    (
        "response.code == 502 || response.code == 503",
        "server_error",
        "unavailable",
        f"No pod gave a valid response. {_DETAILS}",
        1,
    ),
    (
        # 501 is said of transfer codings that Envoy does not know.
        "response.code >= 400 && response.code < 500 || response.code == 501",
        "invalid_request_error",
        "bad_request",
        f"The request is not one that can be carried. {_DETAILS}",
        None,
    ),
    (
        "response.code >= 500",
        "server_error",
        "gateway_error",
        f"The gateway failed. {_DETAILS}",
        None,
    ),
)
"""When, type, code, message and Retry-After in seconds of Envoy's own errors; the first that holds is said."""

_STATUSES = {"gateway_overloaded": 503, "headers_too_large": 431}
"""Of errors, by code, for which Envoy has different ones: 500 on a connection that it is about to cut, 503 for headers
that leave no room for its own."""


def local_reply_config() -> Document:
    """Return the document that rewrites Envoy's own errors, and leaves the picker's replies as they are."""
    return {"mappers": [{"filter": _filter(f"response.code_details == '{PICKER_DETAILS}'")}, *map(_mapper, ANSWERS)]}


def _mapper(answer: tuple[str, str, str, str, int | None]) -> Document:
    when, kind, code, message, retry_after_seconds = answer
    mapper: Document = {
        "filter": _filter(when),
        "body_format_override": {
            "json_format": {"error": {"message": message, "type": kind, "param": None, "code": code}}
        },
    }
    if code in _STATUSES:
        mapper["status_code"] = _STATUSES[code]
    if retry_after_seconds is not None:
        header = {"key": "retry-after", "value": str(retry_after_seconds)}
        mapper["headers_to_add"] = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
    return mapper


def _filter(expression: str) -> Document:
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": expression,
            },
        }
    }
