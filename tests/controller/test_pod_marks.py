"""What is read off a pod's metadata about its way down, and the patch that changes it."""

from typing import Any

import pytest
from cluster_objects import annotations_of

from tidegate.api.names import DELETION_COST_ANNOTATION, DRAINING_SINCE_ANNOTATION, ROUTING_LABEL
from tidegate.controller.pod_marks import patch_of, pod_marks
from tidegate.workloads.leaving import PodMarks

OURS = annotations_of("tidegate-drain", DELETION_COST_ANNOTATION)
THEIRS = annotations_of("kubectl-annotate", DELETION_COST_ANNOTATION)
CREATED = annotations_of("kube-controller-manager", DELETION_COST_ANNOTATION)
OF_SOMETHING_ELSE = annotations_of("kubectl-annotate", "note")


@pytest.mark.parametrize(
    ("cost", "managers", "marks"),
    [
        (None, [], PodMarks()),
        ("-1", [OURS], PodMarks(deletion_cost=-1)),
        ("-1", [OURS, OF_SOMETHING_ELSE], PodMarks(deletion_cost=-1)),
        ("5", [THEIRS], PodMarks(deletion_cost=5, cost_is_foreign=True)),
        ("5", [CREATED], PodMarks(deletion_cost=5, cost_is_foreign=True)),
        ("-1", [OURS, THEIRS], PodMarks(deletion_cost=-1, cost_is_foreign=True)),
        ("5", [], PodMarks(deletion_cost=5, cost_is_foreign=True)),
        ("soon", [THEIRS], PodMarks(deletion_cost=0, cost_is_foreign=True)),
    ],
    ids=[
        "none",
        "ours",
        "ours, and another annotation of somebody",
        "of a person",
        "of the template",
        "somebody else has written the same",
        "of nobody who is known",
        "one that Kubernetes takes for 0",
    ],
)
def test_whose_a_deletion_cost_is(cost: str | None, managers: list[dict[str, Any]], marks: PodMarks) -> None:
    """Only one that nobody but us has written is ours to change."""
    metadata: dict[str, Any] = {"managedFields": managers}
    if cost is not None:
        metadata["annotations"] = {DELETION_COST_ANNOTATION: cost}
    assert pod_marks(metadata) == marks


@pytest.mark.parametrize(
    ("text", "since"),
    [("1970-01-01T00:01:00Z", 60.0), ("1970-01-01T01:01:00+01:00", 60.0), ("yesterday", 0.0), ("", 0.0)],
)
def test_since_when_a_pod_drains(text: str, since: float) -> None:
    """What cannot be read is long ago: a pod that nobody understands does not drain for ever."""
    assert pod_marks({"annotations": {DRAINING_SINCE_ANNOTATION: text}}).draining_since == since


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        (
            PodMarks(routing="serving"),
            PodMarks(routing="draining", draining_since=60.0),
            {
                "labels": {ROUTING_LABEL: "draining"},
                "annotations": {DRAINING_SINCE_ANNOTATION: "1970-01-01T00:01:00Z"},
            },
        ),
        (
            PodMarks(routing="draining", draining_since=60.0),
            PodMarks(routing="draining", draining_since=60.0, deletion_cost=-1),
            {"annotations": {DELETION_COST_ANNOTATION: "-1"}},
        ),
        (
            PodMarks(routing="draining", draining_since=60.0, deletion_cost=-1),
            PodMarks(routing="serving"),
            {
                "labels": {ROUTING_LABEL: "serving"},
                "annotations": {DRAINING_SINCE_ANNOTATION: None, DELETION_COST_ANNOTATION: None},
            },
        ),
        (
            PodMarks(routing="draining", draining_since=60.0, deletion_cost=7, cost_is_foreign=True),
            PodMarks(routing="serving", deletion_cost=7, cost_is_foreign=True),
            {"labels": {ROUTING_LABEL: "serving"}, "annotations": {DRAINING_SINCE_ANNOTATION: None}},
        ),
    ],
    ids=["drains", "is marked", "serves again", "serves again, with a cost of somebody else"],
)
def test_a_patch_says_what_changes_and_nothing_else(before: PodMarks, after: PodMarks, patch: dict[str, Any]) -> None:
    """What others have written beside it is not in it."""
    assert patch_of(before, after) == patch
