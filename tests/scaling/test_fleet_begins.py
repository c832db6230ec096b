"""Services of several variants that are new: nothing is known of any of them, and the first may find no place."""

import pytest
from fleet_timeline import FleetTimeline, dear, large, service_with, small
from timeline import COUNTS_REQUESTS


@pytest.mark.parametrize("per_second", [0.0, 0.5])
def test_the_next_variant_begins_where_the_first_finds_no_place(per_second: float) -> None:
    """After `fallbackAfterSeconds` it is ordered, although nobody has measured it, or any other."""
    timeline = FleetTimeline(service_with("small"), [large(size=1, places=0), small()]).arrive(per_second)
    timeline.advance(170)
    assert timeline.sizes == {"default": 1, "small": 0}
    took = timeline.advance_until(lambda it: it.ready["small"] > 0, within=120)
    assert took <= 15 + timeline["small"].cold_start_seconds


def test_what_stands_in_is_not_counted_beside_what_it_stands_in_for() -> None:
    """Before anything can be read, both would say that as many are needed as there are: more with every look."""
    timeline = FleetTimeline(service_with("small"), [large(size=1, places=0), small(cold_start_seconds=300)])
    timeline.advance(200)
    first = timeline.sizes["small"]
    timeline.advance(200)
    assert timeline.sizes["small"] == first
    assert 1 <= first <= 5


def test_the_one_after_that_helps_where_the_next_has_all_that_it_may() -> None:
    """Nothing has been measured yet, and requests wait: what is known of none is used all the same."""
    spec = service_with("small", "dear", bounds={"small": {"maxReplicas": 1}})
    ways = [large(size=1, places=0), small(engine=COUNTS_REQUESTS), dear()]
    timeline = FleetTimeline(spec, ways).arrive(6.0)
    timeline.advance_until(lambda it: it.ready["dear"] > 0, within=400)
