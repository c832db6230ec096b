"""What the queue term proposes, by itself: first of what a replica is known to do, then of the pace that was seen."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import START, service

from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.backlog_terms import queue
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.forecast import Forecast
from tidegate.scaling.lead_time import LeadTime
from tidegate.scaling.learned import Learned
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import Sample
from tidegate.scaling.term_input import TermInput

TWO_A_SECOND = Capacity(
    requests_per_second=2.0,
    units_per_second=2000.0,
    busy_seconds_per_request=0.5,
    batch=None,
    doubt=0.0,
    is_given=True,
)


def asked(
    traffic: Traffic,
    *,
    ready: int,
    coming_since: tuple[float, ...] = (),
    unschedulable: bool = False,
    lead_seconds: float | None = None,
    capacity: Capacity | None = None,
) -> int:
    """What the term proposes, with 4 requests per replica that may wait, and 30 seconds to drain the rest.

    `coming_since` has the seconds since which each pod that is not ready is on its way.
    """
    pods = [
        PodObservation(uid=f"ready-{index}", name="", ready=True, reading=Sample(time=START)) for index in range(ready)
    ]
    pods += [
        PodObservation(
            uid=f"coming-{index}", name="", ready=False, created=START - seconds, unschedulable=unschedulable
        )
        for index, seconds in enumerate(coming_since)
    ]
    starts = () if lead_seconds is None else (lead_seconds,)
    learned = Learned(lead_time=LeadTime(starts_seconds=starts), forecast=Forecast(level=traffic.requests_per_second))
    proposal = queue(
        TermInput(
            scaling=service().scaling,
            observation=Observation(replicas=len(pods), pods=tuple(pods)),
            traffic=traffic,
            carried_running=None,
            learned=learned,
            capacity=capacity,
            now=START,
        )
    )
    assert proposal is not None
    return proposal.replicas


TEN_A_SECOND = Traffic(waiting=300, running=48, requests_per_second=10, starts_per_pod_second=2)
"""Five pods' work arrives, 5.3 with some room, and 300 requests wait in six pods."""


@pytest.mark.parametrize(
    ("lead_seconds", "replicas"),
    [
        pytest.param(30, 10, id="240 are left when pods come: 4 pods for half a minute"),
        pytest.param(60, 9, id="180 are left"),
        pytest.param(None, 9, id="as long as most pods take, where it is not known"),
        pytest.param(150, 6, id="none are left: six pods do 2 requests/s more than arrive"),
    ],
)
def test_only_what_will_wait_when_pods_are_ready_is_ordered_for(lead_seconds: float | None, replicas: int) -> None:
    """The longer pods take, the less is left for them."""
    assert asked(TEN_A_SECOND, ready=6, lead_seconds=lead_seconds, capacity=TWO_A_SECOND) == replicas


def test_no_faster_than_in_half_the_lead_time() -> None:
    """Of 1,000 requests 1,000 are left after 200 seconds: 100 seconds to work them off take 5 pods, not 17."""
    traffic = replace(TEN_A_SECOND, waiting=1000)
    assert asked(traffic, ready=5, lead_seconds=200, capacity=TWO_A_SECOND) == 11


@pytest.mark.parametrize("waiting", [1000, 10_000, 1_000_000])
def test_a_backlog_orders_as_much_again_as_demand_needs_at_most(waiting: float) -> None:
    """Requests that wait in a pod stay there."""
    traffic = replace(TEN_A_SECOND, waiting=waiting)
    assert asked(traffic, ready=6, lead_seconds=60, capacity=TWO_A_SECOND) == 11


@pytest.mark.parametrize(
    ("coming_since", "replicas"),
    [
        pytest.param((0, 0), 11, id="just ordered: they come when those come that are ordered now"),
        pytest.param((30, 30), 10, id="half on their way: they work for 30 of the 60 seconds"),
        pytest.param((60, 60), 8, id="due: they work from now on, and are enough"),
        pytest.param((600, 600), 8, id="late: they are due still"),
    ],
)
def test_pods_that_are_coming_work_from_when_they_are_due(coming_since: tuple[float, ...], replicas: int) -> None:
    """500 requests wait in six pods, two are on their way, which takes 60 seconds."""
    traffic = replace(TEN_A_SECOND, waiting=500)
    assert asked(traffic, ready=6, coming_since=coming_since, lead_seconds=60, capacity=TWO_A_SECOND) == replicas


def test_pods_that_found_no_node_are_not_counted_on() -> None:
    """However long ago they were ordered."""
    traffic = replace(TEN_A_SECOND, waiting=500)
    stuck = asked(traffic, ready=6, coming_since=(60, 60), unschedulable=True, lead_seconds=60, capacity=TWO_A_SECOND)
    assert stuck == 11


def test_arrivals_that_are_held_on_to_for_the_queue_are_no_more_to_come() -> None:
    """They are among those that wait: 300 requests less 120 that two pods start, and none to join them."""
    held = replace(TEN_A_SECOND, held_requests_per_second=10)
    assert asked(TEN_A_SECOND, ready=1, lead_seconds=60, capacity=TWO_A_SECOND) == 11
    assert asked(held, ready=1, lead_seconds=60, capacity=TWO_A_SECOND) == 9


@settings(deadline=None)
@given(
    waiting=st.floats(0, 1e5),
    arriving=st.floats(0, 1e3),
    more=st.floats(1, 10),
    ready=st.integers(1, 20),
    coming_since=st.lists(st.floats(0, 600), max_size=5).map(tuple),
    lead_seconds=st.none() | st.floats(0, 600),
    faster=st.floats(1, 10),
)
def test_the_term_is_monotone(
    waiting: float,
    arriving: float,
    more: float,
    ready: int,
    coming_since: tuple[float, ...],
    lead_seconds: float | None,
    faster: float,
) -> None:
    """More that waits or arrives never asks for fewer; replicas that do more, or are due sooner, never for more."""

    def replicas(traffic: Traffic, capacity: Capacity = TWO_A_SECOND, since: tuple[float, ...] = coming_since) -> int:
        return asked(traffic, ready=ready, coming_since=since, lead_seconds=lead_seconds, capacity=capacity)

    traffic = Traffic(waiting=waiting, running=4.0 * ready, requests_per_second=arriving)
    base = replicas(traffic)
    quick = replace(TWO_A_SECOND, requests_per_second=2 * faster, busy_seconds_per_request=0.5 / faster)
    assert replicas(replace(traffic, waiting=waiting * more)) >= base
    assert replicas(replace(traffic, requests_per_second=arriving * more)) >= base
    assert replicas(traffic, capacity=quick) <= base
    assert replicas(traffic, since=tuple(seconds * more for seconds in coming_since)) <= base


@pytest.mark.parametrize(
    ("lead_seconds", "replicas"),
    [
        pytest.param(None, 12, id="lead time not known: all that waits now"),
        pytest.param(20, 9, id="pods come in time for some of it"),
        pytest.param(60, 7, id="it is gone when pods could come"),
    ],
)
def test_by_its_pace_a_backlog_orders_only_for_what_is_left_of_it(lead_seconds: float | None, replicas: int) -> None:
    """Seven pods start 14 requests/s and 1/s arrives: in the lead time they take 13/s off 772 in excess."""
    traffic = Traffic(waiting=800, running=56, requests_per_second=1, starts_per_pod_second=2)
    assert asked(traffic, ready=7, lead_seconds=lead_seconds) == replicas


@pytest.mark.parametrize("capacity", [None, TWO_A_SECOND], ids=["pace", "capacity"])
@pytest.mark.parametrize(
    ("ready", "coming", "replicas"),
    [
        pytest.param(1, 5, 6, id="five more are coming: one alone has too many"),
        pytest.param(3, 3, 3, id="three are enough for 9: those that are coming are not needed"),
        pytest.param(6, 0, 3, id="nobody is coming: 9 may wait for three"),
    ],
)
def test_pods_that_were_ordered_for_a_queue_are_not_cancelled_while_it_waits(
    ready: int, coming: int, replicas: int, capacity: Capacity | None
) -> None:
    """More pods may have more requests waiting, but only once they are there."""
    traffic = Traffic(waiting=9, running=8, requests_per_second=1, starts_per_pod_second=2)
    assert asked(traffic, ready=ready, coming_since=(0.0,) * coming, capacity=capacity) == replicas


@settings(deadline=None)
@given(
    waiting=st.floats(0, 1e4),
    arriving=st.floats(0, 1e3),
    pace=st.floats(0.01, 100),
    more=st.floats(1, 10),
    ready=st.integers(1, 20),
    coming=st.integers(0, 5),
    lead_seconds=st.none() | st.floats(0, 600),
)
def test_by_its_pace_the_term_is_monotone_too(
    waiting: float, arriving: float, pace: float, more: float, ready: int, coming: int, lead_seconds: float | None
) -> None:
    """More that waits or arrives never asks for fewer; pods that start more never for more."""

    def replicas(waiting: float, arriving: float, pace: float) -> int:
        traffic = Traffic(
            waiting=waiting, running=4.0 * ready, requests_per_second=arriving, starts_per_pod_second=pace
        )
        return asked(traffic, ready=ready, coming_since=(0.0,) * coming, lead_seconds=lead_seconds)

    base = replicas(waiting, arriving, pace)
    assert replicas(waiting * more, arriving, pace) >= base
    assert replicas(waiting, arriving * more, pace) >= base
    assert replicas(waiting, arriving, pace * more) <= base
