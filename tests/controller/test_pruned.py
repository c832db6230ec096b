"""Fields of a status that an older CustomResourceDefinition does not know."""

from typing import Any

import pytest
from cluster_objects import LEAST
from operator_under_test import OperatorUnderTest
from structlog.testing import capture_logs

from tidegate.controller.pruned import pruned_fields


@pytest.mark.parametrize(
    ("sent", "kept", "fields"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": {"c": 1}}, {"a": 1}, ["status.b"]),
        ({"b": {"c": 1, "d": 2}}, {"b": {"d": 2}}, ["status.b.c"]),
        ({"b": [{"c": 1, "d": 2}, {"c": 3}]}, {"b": [{"d": 2}, {"c": 3}]}, ["status.b[].c"]),
        ({"a": 1}, {"a": 2, "z": 3}, []),
    ],
)
def test_what_was_not_kept_is_named(sent: dict[str, Any], kept: dict[str, Any], fields: list[str]) -> None:
    """What others have written, or changed, is another matter."""
    assert list(pruned_fields(sent, kept)) == fields


async def test_each_field_is_told_once() -> None:
    """A fleet has thousands of statuses, and one definition."""
    operator = OperatorUnderTest()
    operator.cluster.keep = lambda status: {name: part for name, part in status.items() if name != "signals"}  # type: ignore[method-assign]
    with capture_logs() as logs:
        for name in ("a", "b"):
            operator.apply(LEAST, name=name)
            await operator.turn()
            operator.start_pods(1, name)
        await operator.settle()
    told = [entry["fields"] for entry in logs if "older than this operator" in entry["event"]]
    assert told == [["status.signals"]]
