"""Events: once per transition, and only for what somebody may want to know."""

from typing import Any

import pytest
from cluster_objects import inference_service

from tidegate.controller.announcements import (
    MAXIMUM_MESSAGE_LENGTH,
    Announcement,
    announcements,
    event_document,
    scaled,
)
from tidegate.controller.records import service_record


def status(**conditions: tuple[str, str]) -> dict[str, Any]:
    """A status with these conditions: type to status and reason."""
    return {
        "conditions": [
            {"type": kind, "status": value, "reason": reason, "message": f"{kind} says so"}
            for kind, (value, reason) in conditions.items()
        ]
    }


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        # At first sight only what is bad, and starting is not.
        ({}, {"Ready": ("False", "Starting"), "SpecValid": ("True", "Accepted")}, []),
        ({}, {"SpecValid": ("False", "UnknownProfile")}, ["UnknownProfile!"]),
        ({}, {"MetricsAvailable": ("Unknown", "NoPods"), "ConflictingScaler": ("False", "SoleWriter")}, []),
        # A turn, both ways.
        ({"Ready": ("False", "Starting")}, {"Ready": ("True", "Serving")}, ["Ready"]),
        ({"Ready": ("True", "Serving")}, {"Ready": ("False", "NoReadyPods")}, ["NotReady!"]),
        ({"SpecValid": ("False", "NameTaken")}, {"SpecValid": ("True", "Accepted")}, ["SpecAccepted"]),
        ({"MetricsAvailable": ("True", "Fresh")}, {"MetricsAvailable": ("False", "Missing")}, ["MetricsUnavailable!"]),
        ({"MetricsAvailable": ("Unknown", "NoPods")}, {"MetricsAvailable": ("True", "Fresh")}, ["MetricsAvailable"]),
        # Another trouble is news; other words for the same, or for no trouble, are not.
        ({"SpecValid": ("False", "NameTaken")}, {"SpecValid": ("False", "UnknownProfile")}, ["UnknownProfile!"]),
        ({"Ready": ("True", "Serving")}, {"Ready": ("True", "ScalingUp")}, []),
        ({"SpecValid": ("False", "NameTaken")}, {"SpecValid": ("False", "NameTaken")}, []),
        # Pods that do not start are bad news while others answer, too; each transition is told once.
        ({}, {"Ready": ("False", "ImagePullFailing")}, ["ImagePullFailing!"]),
        ({"Ready": ("False", "Starting")}, {"Ready": ("False", "Crashing")}, ["Crashing!"]),
        ({"Ready": ("True", "ScalingUp")}, {"Ready": ("True", "PodsRefused")}, ["PodsRefused!"]),
        ({"Ready": ("True", "PodsRefused")}, {"Ready": ("True", "PodsRefused")}, []),
        ({"Ready": ("True", "PodsRefused")}, {"Ready": ("True", "Unschedulable")}, ["Unschedulable!"]),
        ({"Ready": ("True", "Unschedulable")}, {"Ready": ("False", "Unschedulable")}, ["Unschedulable!"]),
        ({"Ready": ("False", "Unschedulable")}, {"Ready": ("True", "Unschedulable")}, []),
        ({"Ready": ("True", "Unschedulable")}, {"Ready": ("True", "Serving")}, ["Ready"]),
        ({"Ready": ("False", "Unschedulable")}, {"Ready": ("False", "NoReadyPods")}, ["NotReady!"]),
        # No pods are no news: that the last one went is told by Ready.
        ({"MetricsAvailable": ("True", "Fresh")}, {"MetricsAvailable": ("Unknown", "NoPods")}, []),
        # Bad when True.
        ({"ConflictingScaler": ("False", "SoleWriter")}, {"ConflictingScaler": ("True", "Yielded")}, ["Yielded!"]),
        ({"ConflictingScaler": ("True", "Yielded")}, {"ConflictingScaler": ("False", "SoleWriter")}, ["SoleWriter"]),
        # Bounds bite and let go all day.
        ({"ScalingLimited": ("False", "WithinLimits")}, {"ScalingLimited": ("True", "MaximumReplicas")}, []),
    ],
)
def test_which_transitions_are_told(
    before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]], told: list[str]
) -> None:
    """A reason with an exclamation mark is a Warning."""
    found = announcements(status(**before), status(**after))
    assert [f"{each.reason}{'!' if each.warning else ''}" for each in found] == told


@pytest.mark.parametrize(("start", "end", "reason"), [(2, 5, "ScaledUp"), (5, 2, "ScaledDown"), (0, 1, "ScaledUp")])
def test_sizes_are_told_by_direction(start: int, end: int, reason: str) -> None:
    """With the decision's own words."""
    assert scaled(start, end, "because") == Announcement(False, reason, "because")


def test_an_event_is_about_the_service_and_bounded() -> None:
    """`kubectl describe` finds it by uid; its name is unique."""
    service = service_record(inference_service())
    told = Announcement(True, "NotReady", "x" * 2000)
    event = event_document(service, told, time="2026-01-01T00:00:00Z", suffix="abc")
    assert event["metadata"] == {"name": "chat.abc", "namespace": "default"}
    assert event["involvedObject"]["uid"] == service.uid
    assert (event["type"], event["reason"]) == ("Warning", "NotReady")
    assert len(event["message"]) == MAXIMUM_MESSAGE_LENGTH
