"""What would change the size: each threshold is held against the rule itself."""

import math
from dataclasses import replace
from typing import Any

import pytest
from explained import NOW, decision, limit, proposal, service

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.cli.outlook import outlook
from tidegate.cli.turn import Direction, Turn
from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.backlog_terms import queue
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.demand_terms import throughput
from tidegate.scaling.forecast import Forecast
from tidegate.scaling.learned import Learned
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.residence_terms import memory
from tidegate.scaling.sample import Sample
from tidegate.scaling.term_input import Term, TermInput


def _outlook(document: dict[str, Any]) -> tuple[Turn, ...]:
    spec = InferenceServiceSpec.model_validate(document["spec"])
    return outlook("chat", spec, InferenceServiceStatus.model_validate(document["status"]), NOW)


def _size_wanted(document: dict[str, Any], term: Term, size: int, amount: float) -> int:
    """What a term asks for when all that it looks at is this much."""
    spec = InferenceServiceSpec.model_validate(document["spec"])
    pods = tuple(PodObservation(uid=str(n), name=str(n), ready=True, reading=Sample(time=NOW)) for n in range(size))
    waits = amount if term is queue else 0.0
    traffic = Traffic(
        arriving_per_second=amount,
        waiting=waits,
        kv_usage=amount / 100,
        requests_per_second=0.1 * size,
        starts_per_pod_second=0.1,
        running=1.0,
    )
    # One request is one unit of work, so that demand is the same in both.
    capacity = Capacity(
        requests_per_second=1900.0, units_per_second=1900.0, busy_seconds_per_request=1 / 1900, batch=8.0, doubt=0.1
    )
    given = TermInput(
        scaling=spec.scaling,
        observation=Observation(replicas=size, pods=pods),
        traffic=traffic,
        carried_running=None,
        learned=Learned() if term is queue else replace(Learned(), forecast=Forecast(level=amount)),
        capacity=None if term is queue else capacity,
        now=NOW,
    )
    said = term(given)
    assert said is not None
    return said.replicas


GIVEN = {"tokenThroughput": {"targetPerReplica": "1900"}}
LEARNED: dict[str, Any] = {"tokenThroughput": None}
CAPACITY = {
    "variant": "default",
    "unitsPerSecond": "1900",
    "requestsAtOnce": "8",
    "confidence": "High",
    "time": "2026-11-21T15:00:00Z",
}


@pytest.mark.parametrize("size", [2, 5, 9, 15])
@pytest.mark.parametrize(
    ("term", "scaling", "words"),
    [
        (throughput, GIVEN, "tokens/s arrive"),
        (
            throughput,
            {**GIVEN, "behavior": {"scaleUp": {"tolerance": "0.3"}, "scaleDown": {"tolerance": "0.4"}}},
            "arrive",
        ),
        (throughput, LEARNED, "to be expected"),
        (memory, {"kvCache": {"targetPercent": 70}}, "KV cache"),
        (queue, {"queueDepth": {"targetPerReplica": "6"}}, "requests wait"),
    ],
    ids=["given capacity", "tolerances", "learned capacity", "memory", "queue"],
)
def test_thresholds_are_those_of_the_rule(term: Term, scaling: dict[str, Any], words: str, size: int) -> None:
    """Just beyond what would change the size, the term asks for another one; just short of it, it does not."""
    name = term.__name__
    status = {"decision": decision(size, proposal(name, size)), "capacity": [CAPACITY]}
    document = service({"maxReplicas": 40, **scaling}, status)
    document["status"]["signals"] |= {"podsSampled": size, "podsReady": size}
    turns = {turn.direction: turn for turn in _outlook(document) if words in turn.when}
    up, down = turns[Direction.UP].threshold, turns[Direction.DOWN].threshold
    assert up is not None
    assert down is not None
    # A queue that is hardly too long is soon served: how long is too long depends on its pace as well.
    assert _size_wanted(document, term, size, up * (3 if term is queue else 1.001)) > size
    assert _size_wanted(document, term, size, up * 0.999) == size
    assert _size_wanted(document, term, size, down * 1.001) == size
    assert _size_wanted(document, term, size, down * 0.999) < size


def _when(document: dict[str, Any], direction: Direction) -> list[str]:
    return [turn.when for turn in _outlook(document) if turn.direction is direction]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (service({"mode": "Paused"}), "scaling.mode is Automatic again; it is Paused, and nothing is decided"),
        (service(replicas=5), "it is no longer pinned to 5: tidegate unpin chat"),
    ],
)
def test_a_hand_is_above_all_signals(document: dict[str, Any], says: str) -> None:
    """Of a service that is pinned or paused, no threshold is told."""
    assert [turn.when for turn in _outlook(document)] == [says]


def test_a_service_that_nobody_decides_on_has_no_outlook() -> None:
    """Without a decision there is nothing to turn round."""
    assert _outlook(service(status={"decision": None})) == ()


@pytest.mark.parametrize(
    ("scaling", "direction", "says"),
    [
        ({"maxReplicas": 5}, Direction.UP, "scaling.maxReplicas is raised above 5: it is reached"),
        ({"minReplicas": 5}, Direction.DOWN, "scaling.minReplicas is lowered below 5: it is reached"),
    ],
)
def test_a_bound_that_is_reached_is_told(scaling: dict[str, Any], direction: Direction, says: str) -> None:
    """No threshold leads beyond it."""
    assert _when(service(scaling), direction) == [says]


def test_a_hold_says_by_when_it_ends() -> None:
    """What demand asks for by now, and the time at which nothing of the window is left that asks for more."""
    hold = limit("stabilization", 3, 5, "behavior.scaleDown holds the most of the last 300 s: 5")
    held = decision(5, proposal("throughput", 3), limits=(hold,))
    (turn,) = [turn for turn in _outlook(service(status={"decision": held})) if turn.direction is Direction.DOWN]
    assert turn.when == "demand stays as it is: down to 3 by 15:25:05 UTC"
    assert turn.measured == hold["because"]


def test_what_keeps_the_size_for_now_is_told_in_both_directions() -> None:
    """Metrics that are missing keep it up, a policy of behavior keeps it from growing at once."""
    kept = limit("metrics", 3, 5, "not down while one pod cannot be believed")
    slowed = limit("behavior", 9, 5, "behavior.scaleUp allows no more than 5 now")
    document = service(status={"decision": decision(5, proposal("throughput", 3), limits=(kept,))})
    assert _when(document, Direction.DOWN) == ["this no longer holds: not down while one pod cannot be believed"]
    document = service(status={"decision": decision(5, proposal("throughput", 9), limits=(slowed,))})
    assert _when(document, Direction.UP)[0] == "this no longer holds: behavior.scaleUp allows no more than 5 now"


def test_a_term_whose_numbers_are_not_known_is_named() -> None:
    """No number is made up for it."""
    running = decision(5, proposal("running", 5, "96 requests running; a pod can carry 20 at once"))
    turns = [turn for turn in _outlook(service(status={"decision": running})) if turn.direction is Direction.DOWN]
    (turn,) = turns
    assert (turn.when, turn.threshold) == ("the term running asks for fewer than 5", None)
    assert turn.measured == "96 requests running; a pod can carry 20 at once"


def test_a_queue_that_is_too_long_already_is_not_told_as_one_to_come() -> None:
    """The replicas that are ordered for it may be enough."""
    document = service()
    document["status"]["signals"]["waiting"] = 41
    (when,) = [when for when in _when(document, Direction.UP) if "wait" in when]
    assert when == "more than 20 requests still wait once the replicas that are ordered are there"


def test_promises_are_thresholds() -> None:
    """Each latency that was promised, with what was measured, which only the term itself tells."""
    promise = {"timeToFirstToken": {"percentile": 90, "milliseconds": 2500}}
    because = "time to first token p90 is 840 ms, 2,500 are promised"
    status = {"decision": decision(5, proposal("throughput", 5), proposal("objectives", 0, because))}
    (turn,) = [turn for turn in _outlook(service({"objectives": promise}, status)) if "first token" in turn.when]
    assert turn.when == "p90 of the time to first token is above 2,500 ms while requests compete"
    assert (turn.direction, turn.measured, turn.threshold) == (Direction.UP, because, 2500)


def _schedule(start: str, end: str, replicas: int) -> dict[str, Any]:
    return {"name": "office", "start": start, "end": end, "timeZone": "UTC", "minReplicas": replicas}


@pytest.mark.parametrize(
    ("schedule", "direction", "says"),
    [
        (_schedule("0 17 * * *", "0 20 * * *", 7), Direction.UP, "schedule office begins at 2026-11-21 17:00 UTC"),
        (
            _schedule("0 15 * * *", "0 18 * * *", 5),
            Direction.DOWN,
            "the schedule's time is over: schedule office holds 5",
        ),
    ],
    ids=["later today", "now"],
)
def test_schedules_are_foreseen(schedule: dict[str, Any], direction: Direction, says: str) -> None:
    """One that begins within a day makes it larger, one that runs keeps it from getting smaller."""
    assert any(when.startswith(says) for when in _when(service({"schedules": [schedule]}), direction))


@pytest.mark.parametrize(
    "schedule",
    [_schedule("0 17 * * *", "0 20 * * *", 5), _schedule("0 17 1 1 *", "0 20 * * *", 7)],
    ids=["no more", "far off"],
)
def test_schedules_that_change_nothing_soon_are_not_told(schedule: dict[str, Any]) -> None:
    """As many replicas are there already, or it is weeks until then."""
    assert not any("schedule" in turn.when for turn in _outlook(service({"schedules": [schedule]})))


def test_no_share_of_the_cache_above_all_of_it_is_told() -> None:
    """Where even a full cache would not ask for more, that term has nothing to say of the way up."""
    document = service({"kvCache": {"targetPercent": 95}}, {"decision": decision(5, proposal("memory", 5))})
    document["status"]["signals"] |= {"podsSampled": 5}
    assert not any("KV cache" in when for when in _when(document, Direction.UP))
    assert math.isclose(next(t.threshold or 0 for t in _outlook(document) if t.direction is Direction.DOWN), 76.0)
