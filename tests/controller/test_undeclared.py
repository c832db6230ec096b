"""Fields of a status that an older CustomResourceDefinition does not know."""

import asyncio

import pytest
from cluster_objects import LEAST
from operator_under_test import OperatorUnderTest
from recording_cluster import RecordingCluster, Write, status_of
from structlog.testing import capture_logs

from tidegate.cluster.error import ClusterError
from tidegate.controller.undeclared import TRY_AGAIN_SECONDS, LeftOut, undeclared_fields, without_fields

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


def test_they_are_left_out_for_a_while_and_new_ones_told_once() -> None:
    """Each that is learned anew begins the while anew: they are all of one definition."""
    left_out = LeftOut()
    assert left_out.at(0.0) == set()
    assert left_out.add({"status.a"}, 0.0) == {"status.a"}
    assert left_out.add({"status.a", "status.b"}, 5.0) == {"status.b"}
    assert left_out.at(4.0 + TRY_AGAIN_SECONDS) == {"status.a", "status.b"}
    assert left_out.at(5.0 + TRY_AGAIN_SECONDS) == set()
    assert left_out.add({"status.b"}, 5.0 + TRY_AGAIN_SECONDS) == set()
    assert left_out.at(6.0 + TRY_AGAIN_SECONDS) == {"status.b"}


class OlderCluster(RecordingCluster):
    """One whose CustomResourceDefinition knows neither signals nor proposals, and which names one at a time."""

    async def _write(self, write: Write) -> None:
        await asyncio.sleep(0)  # Several are on their way at one time.
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


async def test_a_definition_that_was_upgraded_is_noticed() -> None:
    """Within ten minutes, and without a word about those that are still not known."""
    operator = OperatorUnderTest()
    operator.cluster.__class__ = OlderCluster
    operator.apply(LEAST)
    await operator.turn()
    operator.start_pods(1)
    await operator.settle()
    with capture_logs() as logs:
        operator.start_pods(1, ready=False)
        await operator.turn(after=TRY_AGAIN_SECONDS)
        assert "signals" not in status_of(operator.cluster)
        operator.cluster.__class__ = RecordingCluster
        operator.start_pods(1)
        await operator.turn(after=TRY_AGAIN_SECONDS)
    assert "signals" in status_of(operator.cluster)
    assert [entry for entry in logs if "older than this operator" in entry["event"]] == []


async def test_statuses_that_are_refused_at_one_time_are_all_written() -> None:
    """The first refusal must not make the others look like another trouble."""
    operator = OperatorUnderTest()
    operator.cluster.__class__ = OlderCluster
    names = [f"chat-{number}" for number in range(4)]
    for name in names:
        operator.apply(LEAST, name=name)
    with capture_logs() as logs:
        await operator.turn()
    assert [entry for entry in logs if entry["event"] == "a write failed"] == []
    assert all(operator.condition("SpecValid", name)[0] == "True" for name in names)
