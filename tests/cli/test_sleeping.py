"""What `tidegate explain` says of a service that may sleep."""

from typing import Any

import pytest
from explained import NOW, condition, decision, service

from tidegate.cli.explanation import explain_service, to_json
from tidegate.cli.explanation_text import text_of
from tidegate.cli.outlook import Direction
from tidegate.cli.sleeping import sleeping

MAY_SLEEP = {"minReplicas": 0, "tokenThroughput": None, "scaleToZero": {"idleSeconds": 900}}
PLAN = {
    "deployment": "chat",
    "allowed": True,
    "reason": "Allowed",
    "minReplicas": 1,
    "maxReplicas": 4,
    "requestsPerReplica": 32,
    "leadTimeSeconds": 61,
}
TO_SLEEP = {"time": "2026-11-21T15:10:00Z", "from": 1, "to": 0, "reason": "ScaledToZero", "message": "m"}
WOKEN = {"time": "2026-11-21T15:23:50Z", "from": 0, "to": 2, "reason": "Woken", "message": "m"}
ALWAYS = {"name": "day", "start": "0 8 * * *", "end": "0 20 * * *", "timeZone": "UTC", "minReplicas": 1}


def asleep(**status: Any) -> dict[str, Any]:
    """A service that sleeps, with parts of its status replaced."""
    at_zero = {
        "replicas": 0,
        "readyReplicas": 0,
        "desiredReplicas": 0,
        "decision": decision(0),
        "changes": [TO_SLEEP],
        "idleSince": "2026-11-21T14:55:00Z",
        "wakePlan": PLAN,
    }
    return service(MAY_SLEEP, {**at_zero, **status})


def awake(scaling: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """One that may sleep, and does not."""
    serving = {"replicas": 1, "readyReplicas": 1, "desiredReplicas": 1, "decision": decision(1), "wakePlan": PLAN}
    return service({**MAY_SLEEP, **(scaling or {})}, {**serving, **status})


def told(document: dict[str, Any]) -> list[str]:
    """The sentences of the section."""
    explanation = explain_service(document, NOW)
    return sleeping(explanation.spec, explanation.status, NOW)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (asleep(), "asleep since 15:10:00 UTC; nobody has used it since 14:55:00 UTC"),
        (asleep(idleSince=None), "asleep since 15:10:00 UTC"),
        # The first look of an operator at a service that was made asleep: it has no history.
        (asleep(changes=[], idleSince=None), "asleep"),
        (
            asleep(replicas=1),
            "on its way to sleep since 15:10:00 UTC: 1 pod to end; a request calls that off",
        ),
        (
            awake(replicas=2, readyReplicas=0, decision=decision(2), changes=[WOKEN]),
            "on its way up since 15:23:50 UTC: none of 2 replicas is ready yet; requests are held meanwhile",
        ),
        (
            awake(),
            (
                "awake; it sleeps when nobody has used it for 900 s; "
                "it was used within the last minute, or that cannot be known"
            ),
        ),
        (
            awake(idleSince="2026-11-21T15:15:00Z"),
            "awake; nobody has used it since 15:15:00 UTC, and it sleeps at 15:30:00 UTC unless somebody does",
        ),
        (
            awake({"schedules": [ALWAYS]}),
            "awake; it does not sleep before the schedule's time is over: schedule day holds 1 until",
        ),
    ],
)
def test_how_it_is_and_since_when(document: dict[str, Any], says: str) -> None:
    """One sentence for each state."""
    assert told(document)[0].startswith(says)


def test_a_hand_is_above_it() -> None:
    """What is pinned neither sleeps nor wakes."""
    pinned = asleep()
    pinned["spec"]["replicas"] = 0
    assert told(pinned)[0] == "pinned by hand to 0: it neither goes to sleep nor is woken"


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (
            {},
            [
                (
                    "a request that finds it asleep wakes it: to 1 replica at least, one for each 32 that are held, "
                    "4 at most"
                ),
                "it then waits about 61 s; after 300 s it is answered 504",
            ],
        ),
        (
            {"maxReplicas": 1, "leadTimeSeconds": None},
            [
                "a request that finds it asleep wakes it: to 1 replica",
                "how long that takes is not known yet; after 300 s a request is answered 504",
            ],
        ),
        (
            {"minReplicas": 2, "requestsPerReplica": 1, "leadTimeSeconds": 400},
            [
                (
                    "a request that finds it asleep wakes it: to 2 replicas at least, one for each that are held, 4 at "
                    "most"
                ),
                (
                    "pods take about 400 s to get ready, and a request is held for 300 s only, then answered 504: "
                    "raise routing.holdTimeoutSeconds"
                ),
            ],
        ),
        (
            {"allowed": False, "reason": "Paused", "message": "spec.scaling.mode is Paused"},
            ["a request while no pod is ready is answered 503 at once: spec.scaling.mode is Paused"],
        ),
        (
            {"allowed": False, "reason": "Paused"},
            ["a request while no pod is ready is answered 503 at once: Paused"],
        ),
    ],
)
def test_what_a_request_would_do(plan: dict[str, Any], says: list[str]) -> None:
    """It follows from the wake plan, which is all that a gateway goes by."""
    assert told(asleep(wakePlan={**PLAN, **plan}))[1:] == says


def test_without_a_gateway_it_is_said_that_it_never_sleeps() -> None:
    """Whatever the spec asks for: nobody would wake it."""
    (line,) = told(awake(wakePlan=None))
    assert line == (
        "scaling.minReplicas is 0, but no gateway stands in the way of its requests to wake it, so it never sleeps: "
        "see the condition Routed"
    )


@pytest.mark.parametrize("document", [service(), asleep(decision=None)], ids=["it never sleeps", "not decided"])
def test_of_others_nothing_is_said(document: dict[str, Any]) -> None:
    """The section is left out."""
    assert told(document) == []
    assert "\nSleep\n" not in text_of(explain_service(document, NOW))


@pytest.mark.parametrize(("replicas", "concerns"), [(0, []), (1, ["MetricsAvailable"])])
def test_metrics_of_pods_that_are_not_wanted_are_not_missed(replicas: int, concerns: list[str]) -> None:
    """They are, as long as one is there."""
    document = asleep(replicas=replicas, conditions=[condition("MetricsAvailable", "Unknown", "NoPods")])
    assert [each.type for each in explain_service(document, NOW).concerns] == concerns


def test_it_is_a_section_of_its_own_and_the_last_start_was_learned() -> None:
    """Where people look for both."""
    start = {"time": "2026-11-21T14:30:00Z", "pod": "chat-1", "totalSeconds": 42, "loadedSeconds": 29}
    text = text_of(explain_service(asleep(coldStart=start), NOW), 200)
    assert "\nSleep\n  asleep since 15:10:00 UTC; nobody" in text
    assert (
        "  the last pod was ready 42 s after it was created: 29 s to load the model (chat-1, at 14:30:00 UTC)" in text
    )


@pytest.mark.parametrize(
    ("document", "direction", "when", "measured"),
    [
        (asleep(), Direction.UP, "a request arrives", ""),
        (awake(), Direction.DOWN, "nobody has used it for 900 s", ""),
        (
            awake(wakePlan=None),
            Direction.DOWN,
            "a gateway is there; now no gateway stands in the way of its requests to wake it, so it never sleeps",
            "",
        ),
        (
            awake(idleSince="2026-11-21T15:15:00Z"),
            Direction.DOWN,
            "nobody has used it for 900 s",
            "nobody has since 15:15:00 UTC",
        ),
    ],
)
def test_what_would_change_it(document: dict[str, Any], direction: Direction, when: str, measured: str) -> None:
    """Between none and one it is use that counts, and no threshold of load."""
    turns = [turn for turn in explain_service(document, NOW).outlook if turn.direction is direction]
    assert [(turn.when, turn.measured) for turn in turns] == [(when, measured)]


def test_a_schedule_wakes_it_as_well() -> None:
    """It is told beside the request."""
    document = asleep()
    document["spec"]["scaling"]["schedules"] = [{**ALWAYS, "start": "0 16 * * *"}]
    ups = [turn.when for turn in explain_service(document, NOW).outlook]
    assert ups[0] == "a request arrives"
    assert ups[1].startswith("schedule day begins at ")


def test_programs_get_what_status_says() -> None:
    """In its own form."""
    found = to_json(explain_service(asleep(), NOW))
    assert (found["idleSince"], found["wakePlan"]["requestsPerReplica"]) == ("2026-11-21T14:55:00Z", 32)
    assert (found["coldStart"], found["routing"]) == (None, None)
