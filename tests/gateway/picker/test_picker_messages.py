"""Envoy's messages as the policy understands them."""

import pytest
from envoy.config.core.v3.base_pb2 import HeaderMap, HeaderValue
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from envoy.service.ext_proc.v3.external_processor_pb2 import HttpHeaders, ProcessingRequest
from google.protobuf.json_format import ParseDict

from tidegate.gateway.exchange import Ended, Forward, Reply, Request
from tidegate.gateway.picker.access_log import ended_of
from tidegate.gateway.picker.messages import request_of, response_of


def _asked(headers: list[tuple[str, bytes]]) -> Request:
    values = [HeaderValue(key=key, raw_value=value) for key, value in headers]
    return request_of(ProcessingRequest(request_headers=HttpHeaders(headers=HeaderMap(headers=values))))


@pytest.mark.parametrize(
    ("value", "length"), [(b"5", 5), (b"0", 0), (b"", None), (b"-1", None), (b"1e3", None), ("²".encode(), None)]
)
def test_a_content_length_that_is_no_number_is_none(value: bytes, length: int | None) -> None:
    """Envoy refuses such; nothing here may fail on them all the same."""
    assert _asked([("content-length", value)]).content_length == length


def test_repeated_headers_are_joined_and_broken_ones_read() -> None:
    """As HTTP says; bytes that are no text are replaced."""
    assert dict(_asked([("A", b"1"), ("a", b"2"), ("b", b"\xff")]).headers) == {"a": "1,2", "b": "\ufffd"}


@pytest.mark.parametrize(
    ("first_pick", "attempts", "attempt"),
    [(None, None, 1), (None, b"1", 1), (b"p", b"1", 1), (b"p", b"2", 2), (b"p", None, 2)],
)
def test_a_pod_was_tried_where_envoy_counts_two_attempts(
    first_pick: bytes | None, attempts: bytes | None, attempt: int
) -> None:
    """A pick alone does not say so: Envoy may have had no host to try."""
    headers = [("x-tidegate-first-pick", first_pick), ("x-envoy-attempt-count", attempts)]
    asked = _asked([(name, value) for name, value in headers if value is not None])
    assert (asked.attempt, asked.pick_id) == (attempt, "p" if first_pick else None)


def test_a_reply_is_marked_as_the_pickers() -> None:
    """By which Envoy leaves its words alone."""
    request = Request(service=None, method="POST", path="/", headers={})
    answer = response_of(Reply(status=429, headers=(("retry-after", "3"),), body=b"{}"), request).immediate_response
    assert (answer.status.code, answer.body, answer.details) == (429, b"{}", "picker")
    assert [(h.header.key, h.header.raw_value) for h in answer.headers.set_headers] == [("retry-after", b"3")]


def test_the_policy_cannot_overwrite_what_steers_envoy() -> None:
    """Its headers come before pick id and destination."""
    forward = Forward(pick_id="p", address="1.2.3.4:5", headers_to_add=(("x-pick-id", "other"), ("a", "b")))
    answer = response_of(forward, Request(service=("n", "s"), method="POST", path="/", headers={}))
    added = {h.header.key: h.header.raw_value for h in answer.request_headers.response.header_mutation.set_headers}
    assert added == {"x-pick-id": b"p", "a": b"b", "x-gateway-destination-endpoint": b"1.2.3.4:5"}


def _entry(**common: object) -> HTTPAccessLogEntry:
    entry = {
        "request": {"request_headers": {"x-pick-id": "p"}},
        "response": {"response_code": 200},
        "common_properties": common,
    }
    return ParseDict(entry, HTTPAccessLogEntry())


def _socket(address: str) -> dict[str, object]:
    return {"socket_address": {"address": address, "port_value": 8000}}


@pytest.mark.parametrize(
    ("common", "address", "flags", "left"),
    [
        ({"upstream_remote_address": _socket("10.0.0.1")}, "10.0.0.1:8000", set(), False),
        ({"upstream_remote_address": _socket("fd00::1")}, "[fd00::1]:8000", set(), False),
        ({"upstream_remote_address": {"pipe": {"path": "/d/repick.sock"}}}, None, set(), False),
        ({}, None, set(), False),
        (
            {"response_flags": {"upstream_connection_failure": True, "no_healthy_upstream": False}},
            None,
            {"upstream_connection_failure"},
            False,
        ),
        (
            {"response_flags": {"downstream_connection_termination": True}},
            None,
            {"downstream_connection_termination"},
            True,
        ),
        ({"response_flags": {"downstream_remote_reset": True}}, None, {"downstream_remote_reset"}, True),
    ],
)
def test_a_line_of_the_access_log_is_an_end(
    *, common: dict[str, object], address: str | None, flags: set[str], left: bool
) -> None:
    """With the pod, unless that is Envoy itself, the flags, and whether the client had left."""
    assert ended_of(_entry(**common)) == Ended(
        pick_id="p",
        address=address,
        status=200,
        flags=frozenset(flags),
        client_left=left,
    )


def test_a_request_that_was_never_forwarded_has_no_end() -> None:
    """It has no pick id."""
    entry = _entry()
    entry.request.request_headers.clear()
    assert ended_of(entry) is None
