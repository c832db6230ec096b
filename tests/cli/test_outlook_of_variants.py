"""What would change the sizes of variants: each threshold is held against the rule itself."""

from typing import Any

import pytest
from explained import NOW, decision, limit, proposal, service

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.cli.outlook import outlook
from tidegate.cli.turn import Direction, Turn
from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.demand_terms import BUSY_SHARE_DOWN, BUSY_SHARE_UP, needed_for
from tidegate.scaling.learned import Learned
from tidegate.scaling.observation import Observation
from tidegate.scaling.term_input import TermInput

TIME = "2026-11-21T15:20:00Z"
Sizes = dict[str, tuple[int, float, float | None]]
"""By variant: replicas, what one does in requests/s, and how many at once."""

FLEETS: dict[str, Sizes] = {
    "large and small": {"default": (4, 1.3, 18.0), "cpu": (1, 0.16, 2.0)},
    "many": {"default": (40, 5.0, 64.0), "cpu": (12, 0.5, 4.0)},
    "one of one": {"default": (2, 1.0, 8.0), "cpu": (0, 0.2, 2.0)},
    "given": {"default": (3, 2.0, None), "cpu": (2, 0.4, None)},
}


def _document(fleet: Sizes, **scaling: Any) -> dict[str, Any]:
    size = sum(replicas for replicas, _, _ in fleet.values())
    cpu = {"name": "cpu", "engine": {"type": "llamaCpp", "image": "i"}}
    learned = {"confidence": "High", "samples": 100, "time": TIME}
    status = {
        "replicas": size,
        "decision": decision(size, proposal("throughput", size)),
        "variants": [{"name": name, "desiredReplicas": replicas} for name, (replicas, _, _) in fleet.items()],
        "capacity": [
            {"variant": name, "unitsPerSecond": "1", "requestsPerSecond": str(does), **learned}
            | ({} if at_once is None else {"requestsAtOnce": str(at_once)})
            for name, (_, does, at_once) in fleet.items()
        ],
    }
    found = service({"maxReplicas": 100, "tokenThroughput": None, **scaling}, status)
    return {**found, "spec": {**found["spec"], "variants": [cpu]}}


def _outlook(document: dict[str, Any]) -> tuple[Turn, ...]:
    spec = InferenceServiceSpec.model_validate(document["spec"])
    return outlook("chat", spec, InferenceServiceStatus.model_validate(document["status"]), NOW)


def _of(document: dict[str, Any], direction: Direction) -> list[Turn]:
    return [turn for turn in _outlook(document) if turn.direction is direction]


def _needed(fleet: Sizes, requests_per_second: float) -> float:
    """What all variants together come to need, in requests/s, when each has its share of so many."""
    total = sum(replicas * does for replicas, does, _ in fleet.values())
    needed = 0.0
    for replicas, does, at_once in fleet.values():
        share = replicas * does / total
        capacity = Capacity(
            requests_per_second=does,
            units_per_second=does,
            busy_seconds_per_request=1 / does,
            batch=at_once,
            doubt=0.1,
        )
        given = TermInput(
            scaling=InferenceServiceSpec.model_validate(service()["spec"]).scaling,
            observation=Observation(replicas=replicas, share=share),
            traffic=Traffic(),
            carried_running=None,
            learned=Learned(),
            capacity=capacity,
            now=NOW,
        )
        needed += needed_for(share * requests_per_second, capacity, given) * does
    return needed


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_more_than_that_is_more_than_the_variants_do(fleet: Sizes) -> None:
    """At the threshold the need of all variants is just what their replicas do."""
    (turn,) = _of(_document(fleet), Direction.UP)
    assert turn.threshold is not None
    assert _needed(fleet, turn.threshold) == pytest.approx(sum(size * does for size, does, _ in fleet.values()))
    assert turn.when.startswith("more than about ")
    assert turn.measured == "4.1 arrive"


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_fewer_than_that_leave_room_for_one_less(fleet: Sizes) -> None:
    """Of the variant whose replicas do least, and with the room that is kept on the way down."""
    (turn,) = _of(_document(fleet), Direction.DOWN)
    name = min((name for name in fleet if fleet[name][0]), key=lambda name: fleet[name][1])
    size, does, at_once = fleet[name]
    smaller = {**fleet, name: (size - 1, does, at_once)}
    assert turn.threshold is not None
    after = turn.threshold * BUSY_SHARE_UP / BUSY_SHARE_DOWN
    assert _needed(smaller, after) == pytest.approx(sum(size * does for size, does, _ in smaller.values()))
    assert turn.when.endswith(f"{name} then has one less")


def test_without_what_a_variant_does_no_number_is_made_up() -> None:
    """One that is used and was never measured."""
    document = _document(FLEETS["large and small"])
    document["status"]["capacity"] = document["status"]["capacity"][:1]
    assert _outlook(document) == ()


def test_pods_without_a_place_do_nothing_yet() -> None:
    """They are not counted on, and when they find one, sizes change."""
    fleet = {"default": (4, 1.3, 18.0), "cpu": (9, 0.16, 2.0)}
    document = _document(fleet)
    document["status"]["variants"][1] |= {"unavailableSince": TIME, "readyReplicas": 1}
    (turn,) = _of(document, Direction.UP)
    (same,) = _of(_document({**fleet, "cpu": (1, 0.16, 2.0)}), Direction.UP)
    assert turn.threshold == same.threshold
    assert [turn.when for turn in _of(document, Direction.OTHER)] == ["pods of cpu find a place"]


@pytest.mark.parametrize("name", ["budget", "placement"])
def test_what_there_is_too_little_of_is_told(name: str) -> None:
    """Money and hardware: more of it, and the size would be another."""
    document = _document(FLEETS["many"])
    document["status"]["decision"]["limits"] = [limit(name, 60, 52, "so much and no more")]
    assert _of(document, Direction.UP)[0].when == "this no longer holds: so much and no more"
