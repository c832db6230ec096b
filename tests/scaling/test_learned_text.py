"""What was learned, as text and back: the next operator decides as this one would have."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import TICK_SECONDS, Timeline, service

from tidegate.scaling.lead_time import LeadTime
from tidegate.scaling.learned_text import learned_text, recall
from tidegate.scaling.memory import Memory
from tidegate.scaling.recurrence import Recurrence, Span

LONGEST = 6144


def busy(size: int = 3) -> Timeline:
    """Ten minutes of work, a burst and a pod that had to be started among it."""
    return Timeline(service(), size=size).arrive(4).advance(300).burst(30).advance(300)


WROTE = busy()
TEXT = learned_text(WROTE.memory, LONGEST)


def with_bursts(memory: Memory, recurrence: Recurrence) -> Memory:
    """A memory that has seen one pod start, and these bursts."""
    lead_time = LeadTime(starts_seconds=(60.0,))
    return replace(memory, learned=replace(memory.learned, recurrence=recurrence, lead_time=lead_time))


class TestThereAndBack:
    """Of a service that was busy."""

    def test_what_is_read_is_what_was_written(self) -> None:
        """Written again, it is the same text."""
        assert learned_text(recall(TEXT, WROTE.now), LONGEST) == TEXT

    def test_it_fits_its_field(self) -> None:
        """A kilobyte or so for ten minutes of work."""
        assert 500 < len(TEXT) < 2000

    def test_nothing_learned_is_nothing_to_write(self) -> None:
        """A service that never did any work has an empty status."""
        assert learned_text(Memory(), LONGEST) == ""
        assert learned_text(Timeline(service(), size=2).advance(60).memory, LONGEST) == ""

    def test_a_quiet_service_has_nothing_new_to_write(self) -> None:
        """What fades with time alone still says the same of a replica."""
        timeline = busy().arrive(0).advance(900)
        before = recall(learned_text(timeline.memory, LONGEST), timeline.now).learned
        after = recall(learned_text(timeline.advance(900).memory, LONGEST), timeline.now).learned
        assert (after.step_time, after.lead_time) == (before.step_time, before.lead_time)

    @pytest.mark.parametrize(("per_second", "apart"), [(2, 0), (4, 0), (9, 1)])
    def test_the_next_operator_decides_as_this_one_would_have(self, per_second: float, apart: int) -> None:
        """The same sizes from then on, once it has looked on for a window: it shrinks nothing before.

        Where demand jumps just then, one that has not seen it at rest may foresee more, and keep what it has.
        """
        stays, restarts = busy(), busy()
        restarts.memory = recall(learned_text(restarts.memory, LONGEST), restarts.now)
        for timeline in (stays, restarts):
            timeline.arrive(per_second).advance(3600)
        ours, theirs = ([decision.to_replicas for decision in each.last(2900)] for each in (stays, restarts))
        assert len(ours) > 500
        assert max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) <= apart

    def test_the_next_operator_knows_a_replica_at_once(self) -> None:
        """Its first decision has the capacity of the last one before it."""
        timeline = busy()
        before = timeline.decision.capacity
        timeline.memory = recall(learned_text(timeline.memory, LONGEST), timeline.now)
        after = timeline.advance(TICK_SECONDS).decision.capacity
        assert before is not None
        assert after is not None
        assert after.units_per_second == pytest.approx(before.units_per_second, rel=0.02)
        assert after.confidence == before.confidence

    def test_bursts_of_long_ago_are_forgotten(self) -> None:
        """Nobody looked meanwhile, so it is done here; and no clock that was wrong makes one last."""
        spans = WROTE.memory.learned.recurrence.spans
        kept = {
            seconds: len(recall(TEXT, WROTE.now + seconds).learned.recurrence.spans)
            for seconds in (0, 1500, 1900, -3600)
        }
        assert kept == {0: len(spans), 1500: kept[1500], 1900: 0, -3600: 0}
        assert 0 < kept[1500] < len(spans)

    @pytest.mark.parametrize("window_seconds", [0, 300])
    def test_the_next_operator_shrinks_nothing_at_first(self, window_seconds: int) -> None:
        """Though it knows what a replica can do, it does not know yet what arrives; however hasty the user is."""
        down = {"stabilizationWindowSeconds": window_seconds}
        timeline = busy().apply(service(behavior={"scaleDown": down})).advance(60)
        size = timeline.size
        timeline.memory = recall(learned_text(timeline.memory, LONGEST), timeline.now)
        assert {decision.to_replicas for decision in timeline.advance(60).last(60)} == {size}


class TestTooMuch:
    """Bursts of all sizes."""

    @given(
        st.lists(
            st.tuples(
                st.floats(WROTE.now - 1700, WROTE.now),
                st.lists(st.tuples(st.integers(1, 8000), st.floats(0, 1e9)), max_size=120),
            ),
            max_size=16,
        ),
        st.integers(400, LONGEST),
    )
    @settings(max_examples=50, deadline=None)
    def test_it_never_exceeds_its_field(self, spans: list[tuple[float, list[tuple[int, float]]]], longest: int) -> None:
        """The oldest go; what is left can be read."""
        bursts = Recurrence(tuple(Span(start, requests_by_need=tuple(sizes)) for start, sizes in spans))
        text = learned_text(with_bursts(Memory(), bursts), longest)
        assert len(text) <= longest
        if text:
            kept = recall(text, WROTE.now).learned.recurrence.spans
            assert [span.start for span in kept] == pytest.approx(
                [start for start, _ in spans[len(spans) - len(kept) :]]
            )


def changed(**fields: Any) -> str:
    """The text, with some of its fields changed."""
    return json.dumps({**json.loads(TEXT), **fields})


UNREADABLE = {
    "nothing": "",
    "no JSON": TEXT[:-5],
    "no object": "[1, 2]",
    "a later version": changed(format=2),
    "no version": changed(format=None),
    "a number that is none": TEXT.replace('"finished":', '"finished":NaN,"was":', 1),
    "an endless number": changed(sums={"finished": "inf"}),
    "a word for a number": changed(sums={"finished": "many"}),
    "a list for an object": changed(learned=[1]),
    "no learned": changed(learned=None),
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_learned_anew(text: str) -> None:
    """It stops nobody."""
    assert recall(text, WROTE.now) == Memory()


def test_pods_of_another_template_start_afresh() -> None:
    """What was learned of the old ones says nothing of them."""
    steps = recall(TEXT, WROTE.now).learned.step_time
    other = replace(steps, template="old").learn({}, template="new", now=0.0)
    assert steps.samples > 0
    assert (other.seconds, other.samples, other.template) == (None, 0, "new")
