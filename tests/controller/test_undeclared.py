"""Fields of a status that an older CustomResourceDefinition does not know."""

import pytest
from cluster_objects import LEAST
from operator_under_test import OperatorUnderTest
from recording_cluster import RecordingCluster, Write, status_of
from structlog.testing import capture_logs

from tidegate.cluster.error import ClusterError
from tidegate.controller.undeclared import undeclared_fields, without_fields

REFUSAL = "failed to create typed patch object (a/chat; inference.tidegate.dev/v1alpha1, Kind=InferenceService): "


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (f"{REFUSAL}.status.signals: field not declared in schema", {"status.signals"}),
        (
            f"{REFUSAL}errors:\n  .status.a: field not declared in schema\n  .status.b.c: field not declared in schema",
            {"status.a", "status.b.c"},
        ),
        (f'{REFUSAL}.status.conditions[type="Ready"].x: field not declared in schema', {"status.conditions[].x"}),
        (f"{REFUSAL}.spec.template.x: field not declared in schema", set()),
        ("etcdserver: request timed out", set()),
    ],
)
def test_the_fields_are_read_from_the_refusal(message: str, fields: set[str]) -> None:
    """The API server gives no other sign."""
    assert undeclared_fields(message) == fields


def test_they_are_left_out_wherever_they_stand() -> None:
    """In each item of a list; all else stays."""
    status = {"a": 1, "b": {"c": 1, "d": 2}, "e": [{"f": 1, "g": 2}, {"f": 3}]}
    fields = {"status.a", "status.b.c", "status.e[].f"}
    assert without_fields(status, fields) == {"b": {"d": 2}, "e": [{"g": 2}, {}]}


class OlderCluster(RecordingCluster):
    """One whose CustomResourceDefinition knows neither signals nor proposals, and which names one at a time."""

    async def _write(self, write: Write) -> None:
        await super()._write(write)
        if write.kind == "Status":
            unknown = ["signals"] if "signals" in write.body else []
            unknown += ["decision.proposals"] if "proposals" in write.body.get("decision", {}) else []
            for field in unknown:
                raise ClusterError(500, "", f"{REFUSAL}.status.{field}: field not declared in schema")


async def test_the_rest_of_the_status_is_written_and_each_field_told_once() -> None:
    """A fleet has thousands of statuses, and one definition."""
    operator = OperatorUnderTest()
    operator.cluster.__class__ = OlderCluster
    with capture_logs() as logs:
        for name in ("a", "b"):
            operator.apply(LEAST, name=name)
            await operator.turn()
            operator.start_pods(1, name)
        await operator.settle()
    told = [entry["fields"] for entry in logs if "older than this operator" in entry["event"]]
    assert told == [["status.signals"], ["status.decision.proposals"]]
    assert operator.condition("Ready", "b")[:2] == ("True", "Serving")
    assert "signals" not in status_of(operator.cluster, "b")
    assert await operator.turn(after=11.0) == []
