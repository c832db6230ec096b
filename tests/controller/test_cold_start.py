"""How long pods took until they answered: phase by phase, each pod once, nothing that cannot be."""

from typing import Any

import pytest
from cluster_objects import pod
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.routing import ColdStart
from tidegate.controller.announcements import announcements
from tidegate.controller.cold_start import ColdStarts, cold_start, wording
from tidegate.controller.pod_start import PodStart, pod_start
from tidegate.controller.records import PodRecord, pod_record, timestamp

CREATED = 1_000_000.0


def condition(kind: str, after: float | None, status: str = "True") -> dict[str, Any]:
    """A pod's condition, turned so long after its creation."""
    since = {} if after is None else {"lastTransitionTime": timestamp(CREATED + after)}
    return {"type": kind, "status": status, **since}


def container(after: float | None, name: str = "engine", restarts: int = 0) -> dict[str, Any]:
    """A container that began to run so long after the pod's creation; None for one that does not run."""
    state = {"waiting": {}} if after is None else {"running": {"startedAt": timestamp(CREATED + after)}}
    return {"name": name, "restartCount": restarts, "state": state}


def status(
    scheduled: float | None = 1, running: float | None = 13, ready: float | None = 42, **more: Any
) -> dict[str, Any]:
    """A pod's status, by when what came about."""
    conditions = [condition("PodScheduled", scheduled)] if scheduled is not None else []
    conditions += [condition("Ready", ready)] if ready is not None else [condition("Ready", 0, "False")]
    return {"conditions": conditions, "containerStatuses": [container(running)], **more}


def record(number: int = 1, *, created: float | None = CREATED, **stations: Any) -> PodRecord:
    """A pod as the store holds it."""
    metadata = {} if created is None else {"creationTimestamp": timestamp(created)}
    found = pod_record({**pod(number=number, **metadata), "status": status(**stations)})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (status(), (1, 13, 42)),
        (status(ready=None), None),
        ({"conditions": [condition("Ready", None)]}, None),
        ({"conditions": None}, None),
        ({}, None),
        (status(scheduled=None), (None, 13, 42)),
        (status(running=None), (1, None, 42)),
        (status(containerStatuses=None), (1, None, 42)),
        # A second run says nothing of the first.
        (status(containerStatuses=[container(20, restarts=1)]), (1, None, 42)),
        # Sidecars are not awaited for the model's sake; in pods of others every container is.
        (status(containerStatuses=[container(20, "proxy"), container(13)]), (1, 13, 42)),
        (status(containerStatuses=[container(20, "proxy", restarts=3), container(13)]), (1, 13, 42)),
        (status(containerStatuses=[container(20, "proxy"), container(13, "server")]), (1, 20, 42)),
        (status(containerStatuses=[container(None, "proxy"), container(13, "server")]), (1, None, 42)),
        # What is no time is none.
        (status(conditions=[{**condition("Ready", 1), "lastTransitionTime": "soon"}]), None),
        (status(containerStatuses=[{"name": "engine", "state": {"running": {"startedAt": 7}}}]), (1, None, 42)),
    ],
)
def test_stations_are_read_from_what_scheduler_and_kubelet_say(
    found: dict[str, Any], expected: tuple[float | None, ...] | None
) -> None:
    """A pod that is not ready has not arrived, and what is not said is not known."""
    read = pod_start(found)
    stations = None if read is None else (read.scheduled, read.running, read.ready)
    assert stations == (expected and tuple(each and CREATED + each for each in expected))


@pytest.mark.parametrize(
    ("stations", "phases"),
    [
        ({}, (1, 12, 29, 42)),
        ({"scheduled": 0, "running": 0, "ready": 0}, (0, 0, 0, 0)),
        ({"scheduled": None}, (None, None, 29, 42)),
        ({"running": None}, (1, None, None, 42)),
        # The node's clock is behind: it seems to run before it had a node. What one clock measured holds.
        ({"scheduled": 5, "running": 3, "ready": 40}, (5, None, 37, 40)),
        # So far behind that loading seems longer than everything.
        ({"scheduled": 1, "running": -10, "ready": 5}, (1, None, None, 5)),
        # The scheduler's clock is ahead, or behind the API server's.
        ({"scheduled": 60, "running": 13, "ready": 42}, (None, None, 29, 42)),
        ({"scheduled": -2, "running": 13, "ready": 42}, (None, 15, 29, 42)),
        ({"ready": -1}, None),
        ({"created": None}, None),
        ({"created": CREATED - 3e9}, None),
    ],
)
def test_phases_that_cannot_be_are_left_out(stations: dict[str, Any], phases: tuple[int | None, ...] | None) -> None:
    """Scheduled, pulled, loaded and total; clocks that disagree make none negative."""
    start = cold_start(record(**stations))
    found = start and (start.scheduled_seconds, start.pulled_seconds, start.loaded_seconds, start.total_seconds)
    assert found == phases


@given(*[st.none() | st.integers(-10_000, 10_000)] * 3)
def test_no_phase_is_negative_or_longer_than_all(scheduled: int | None, running: int | None, ready: int | None) -> None:
    """Whatever the clocks say."""
    start = cold_start(record(scheduled=scheduled, running=running, ready=ready))
    if start is not None:
        for phase in (start.scheduled_seconds, start.pulled_seconds, start.loaded_seconds):
            assert phase is None or 0 <= phase <= start.total_seconds


@pytest.mark.parametrize(
    ("stations", "text"),
    [
        (
            {},
            "ready 42 s after it was created: 1 s to get a node, 12 s to pull and start, 29 s to load the model",
        ),
        ({"scheduled": None}, "ready 42 s after it was created: 29 s to load the model"),
        ({"scheduled": None, "running": None, "ready": 1800}, "ready 1,800 s after it was created"),
    ],
)
def test_it_is_told_in_words(stations: dict[str, Any], text: str) -> None:
    """As far as it is known."""
    start = cold_start(record(**stations))
    assert start is not None
    assert wording(start) == text


def pods_of(starts: ColdStarts) -> list[str]:
    """The pods whose starts are new."""
    return [start.pod for start in starts.new]


class TestEachPodOnce:
    """Whatever becomes of it."""

    def test_pods_count_when_they_get_ready(self) -> None:
        """In the order in which they did; the last one is kept."""
        starts = ColdStarts().observe([record(1, ready=None), record(2, ready=None)])
        assert (starts.new, starts.last) == ((), None)
        starts = starts.observe([record(1, ready=50), record(2, ready=45), record(3, ready=None)])
        assert pods_of(starts) == ["chat-abc-2", "chat-abc-1"]
        assert starts.last is not None
        assert starts.last.pod == "chat-abc-1"

    def test_a_second_look_finds_nothing_new(self) -> None:
        """And the last one stays, though the pod goes."""
        starts = ColdStarts().observe([]).observe([record()])
        again = starts.observe([record()])
        assert (again.new, again.last) == ((), starts.last)
        assert again.observe([record()]) is again
        gone = again.observe([])
        assert (gone.new, gone.last, gone.seen) == ((), starts.last, frozenset())

    def test_a_pod_that_fell_ill_and_recovered_is_not_new(self) -> None:
        """Its time of getting ready is another one, and no start."""
        starts = ColdStarts().observe([]).observe([record()]).observe([record(ready=None)])
        starts = starts.observe([record(ready=5000)])
        assert starts.new == ()
        assert starts.last is not None
        assert starts.last.total_seconds == 42

    def test_an_earlier_one_does_not_replace_the_last(self) -> None:
        """Watches bring pods in any order."""
        starts = ColdStarts().observe([]).observe([record(1, ready=50)]).observe([record(1, ready=50), record(2)])
        assert pods_of(starts) == ["chat-abc-2"]
        assert starts.last is not None
        assert starts.last.pod == "chat-abc-1"


class TestAnotherOperator:
    """It knows the status, and not what happened since."""

    def test_pods_that_got_ready_meanwhile_are_new(self) -> None:
        """A gateway may have woken the service while no operator was there."""
        first = ColdStarts().observe([]).observe([record(1)])
        assert first.last is not None
        starts = ColdStarts.adopt({"coldStart": first.last.to_document()}).observe([record(1), record(2, ready=90)])
        assert pods_of(starts) == ["chat-abc-2"]

    @pytest.mark.parametrize(
        "pod",
        [record(2, ready=30), record(1, ready=90), record(2, ready=90, running=None)],
        ids=["ready before the last one", "the last one, ill and well again", "restarted since"],
    )
    def test_those_that_may_be_old_are_not(self, pod: PodRecord) -> None:
        """Nothing is told that is not known."""
        last = cold_start(record(1))
        starts = ColdStarts(last=last).observe([pod])
        assert (starts.new, starts.last) == ((), last)

    @pytest.mark.parametrize("written", [None, {"pod": "a"}, {"time": 1, "pod": "a", "totalSeconds": "much"}])
    def test_a_status_that_does_not_say_leaves_all_open(self, written: dict[str, Any] | None) -> None:
        """Pods that are ready then are taken for old."""
        starts = ColdStarts.adopt({} if written is None else {"coldStart": written}).observe([record()])
        assert (starts.last, starts.new) == (None, ())


@pytest.mark.parametrize(
    ("ready_before", "told"), [(None, ["ColdStart"]), (0, ["ColdStart"]), (1, [])], ids=["new", "at zero", "awake"]
)
def test_a_start_is_an_event_where_nobody_answered_before(ready_before: int | None, told: list[str]) -> None:
    """The second pod's start is not: nobody waits for it alone."""
    start = ColdStart(time="2026-01-01T00:00:42Z", pod="chat-abc-1", total_seconds=42).to_document()
    before = {} if ready_before is None else {"readyReplicas": ready_before}
    found = announcements(before, {"readyReplicas": 1, "coldStart": start})
    assert [each.reason for each in found] == told
    assert announcements({**before, "coldStart": start}, {"readyReplicas": 0, "coldStart": start}) == []


def test_a_pod_is_kept_with_its_start() -> None:
    """The rest of its status is not."""
    assert record().start == PodStart(scheduled=CREATED + 1, running=CREATED + 13, ready=CREATED + 42)
