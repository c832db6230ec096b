"""Deciding again: to the bit by the policy of then; next to it by another one."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorded_flight import SCALING, START, Lines, lines_of, looks, spec_of, write_segment
from tidegate.simulator.recording import Step, open_recording
from tidegate.simulator.redecide import KEPT, OtherPolicy, Otherwise, Redecided, SamePolicy, differences


def steps_of(path: Path) -> Iterable[Step]:
    """The steps of a recording."""
    return open_recording(path).steps()


def again(path: Path) -> Redecided:
    """What becomes of it by the policy of then."""
    same = SamePolicy()
    for step in steps_of(path):
        same.see(step)
    return same.outcome


def otherwise(path: Path, scaling: dict[str, Any], replicas: int | None = None) -> Otherwise:
    """What another policy says of it."""
    other = OtherPolicy(spec_of(scaling, replicas))
    for step in steps_of(path):
        other.see(step)
    return other.outcome


class TestSamePolicy:
    """Nothing but what was decided comes out."""

    @settings(max_examples=15, deadline=None)
    @given(
        rate=st.just(0.0) | st.floats(0.01, 20),
        target=st.sampled_from([None, 50, 1000]),
        cut=st.integers(1, 39),
        window=st.integers(0, 60),
    )
    def test_whatever_was_seen_the_decisions_are_the_same(
        self, tmp_path_factory: pytest.TempPathFactory, rate: float, target: int | None, cut: int, window: int
    ) -> None:
        """Wherever a segment ends."""
        throughput = {} if target is None else {"tokenThroughput": {"targetPerReplica": target}}
        scaling = {"maxReplicas": 20, "behavior": {"scaleDown": {"stabilizationWindowSeconds": window}}, **throughput}
        taken = looks(40, scaling=scaling, rate=rate)
        directory = tmp_path_factory.mktemp("flight")
        write_segment(directory / "1.jsonl", 1, lines_of(taken[:cut]))
        write_segment(directory / "2.jsonl", 2, lines_of(taken[cut:], adopted=False))

        outcome = again(directory)
        assert (outcome.decisions, outcome.differing, outcome.first) == (40, 0, [])

    def test_another_decision_is_found_field_by_field(self, tmp_path: Path) -> None:
        """Only that one; the memory behind it is the same."""
        lines = lines_of(looks(20))
        lines[7]["decision"]["to_replicas"] += 1
        lines[7]["decision"]["message"] = "because"
        outcome = again(write_segment(tmp_path / "a.jsonl", 1, lines))

        (differing,) = outcome.first
        assert (outcome.decisions, outcome.differing, differing.step.where) == (20, 1, "a.jsonl:9")
        assert [path for path, _, _ in differing.fields] == ["to_replicas", "message"]
        _, recorded, now = differing.fields[0]
        assert recorded == now + 1

    def test_another_memory_at_the_start_of_a_segment_is_a_difference(self, tmp_path: Path) -> None:
        """A segment that does not follow from the one before hides a fault, although its decisions come out."""
        taken = looks(20)
        write_segment(tmp_path / "1.jsonl", 1, lines_of(taken[:10]))
        changed = [replace(taken[10], before=replace(taken[10].before, decided=17)), *taken[11:]]
        write_segment(tmp_path / "2.jsonl", 2, lines_of(changed, adopted=False))

        assert again(tmp_path).first[0].fields == (("memory.decided", 17, taken[10].before.decided),)

    def test_a_memory_that_was_adopted_is_not_compared(self, tmp_path: Path) -> None:
        """A new operator begins with less."""
        taken = looks(10)
        write_segment(tmp_path / "1.jsonl", 1, lines_of(taken))
        write_segment(tmp_path / "2.jsonl", 2, lines_of(looks(10, rate=5.0)))

        assert again(tmp_path).differing == 0

    def test_the_first_that_differ_are_kept_and_all_are_counted(self, tmp_path: Path) -> None:
        """A terminal has an end."""
        lines = lines_of(looks(3 * KEPT))
        for each in lines:
            each["decision"]["reason"] = "Other"
        outcome = again(write_segment(tmp_path / "a.jsonl", 1, lines))

        assert (outcome.differing, len(outcome.first)) == (3 * KEPT, KEPT)


DOCUMENTS: list[tuple[Any, Any, list[tuple[str, Any, Any]]]] = [
    ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 2]}, []),
    ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
    ({"a": 1}, {"a": 1.0}, [("a", 1, 1.0)]),
    ({"a": 0.0}, {"a": -0.0}, [("a", 0.0, -0.0)]),
    ({"a": "nan"}, {"a": "nan"}, []),
    ({"a": {"b": [{"c": 1}, {"c": 2}]}}, {"a": {"b": [{"c": 1}, {"c": 3}]}}, [("a.b[1].c", 2, 3)]),
    ({"a": [1]}, {"a": [1, 2]}, [("a", [1], [1, 2])]),
    ({"a": 1}, {"a": 1, "b": 2}, [("b", "(absent)", 2)]),
    ({"a": 1, "b": 2}, {"b": 2}, [("a", 1, "(absent)")]),
    ({"a": None}, {"a": {}}, [("a", None, {})]),
]


@pytest.mark.parametrize(("recorded", "now", "found"), DOCUMENTS)
def test_differences_are_told_by_path(recorded: Any, now: Any, found: list[tuple[str, Any, Any]]) -> None:
    """To the bit: a number of another kind or sign is another one."""
    seen = differences(recorded, now)

    assert [path for path, _, _ in seen] == [path for path, _, _ in found]
    assert repr([tuple(each) for each in seen]) == repr(found)


def test_an_order_that_changed_is_a_difference_of_the_whole() -> None:
    """Sums of floats depend on it."""
    assert differences({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}) == (("a", {"x": 1, "y": 2}, {"y": 2, "x": 1}),)


class TestOtherPolicy:
    """It looks over the shoulder: pods and traffic are those that there were."""

    @pytest.fixture
    def flight(self, tmp_path: Path) -> Path:
        """Fifty looks at a service that grows."""
        return write_segment(tmp_path / "a.jsonl", 1, lines_of(looks(50)))

    def test_the_same_policy_wants_the_same(self, flight: Path) -> None:
        """What is decided as advice is what was decided in earnest, where each size came at once."""
        seen = otherwise(flight, dict(SCALING))

        assert (seen.looks, seen.differing) == (50, 0)
        assert seen.otherwise_seconds == seen.decided_seconds > 0

    def test_a_lower_target_wants_more(self, flight: Path) -> None:
        """And says when, and why."""
        seen = otherwise(flight, {**SCALING, "tokenThroughput": {"targetPerReplica": 500}})

        assert seen.differing > 20
        assert all(row.otherwise >= row.decided for row in seen.changes)
        assert seen.otherwise_seconds > seen.decided_seconds
        row = next(row for row in seen.changes if row.otherwise != row.decided)
        assert "each replica is given 500" in row.because
        assert START <= row.time <= START + 250

    def test_a_pin_and_a_pause_are_policies_too(self, flight: Path) -> None:
        """A pin wants one size, a pause the size that is there."""
        assert {row.otherwise for row in otherwise(flight, dict(SCALING), replicas=3).changes} == {3}
        paused = otherwise(flight, {**SCALING, "mode": "Paused"})
        assert all(row.otherwise == row.there for row in paused.changes)

    def test_only_changes_of_the_two_sizes_are_kept(self, flight: Path) -> None:
        """Fifty looks are no fifty rows."""
        rows = otherwise(flight, {**SCALING, "maxReplicas": 2}).changes
        pairs = [(row.decided, row.otherwise) for row in rows]

        assert all(one != two for one, two in itertools.pairwise(pairs))
        assert max(size for _, size in pairs) == 2

    def test_replica_hours_are_sums_over_time_and_gaps_are_none(self, tmp_path: Path) -> None:
        """Nobody knows what there was while nobody looked."""
        lines = lines_of(looks(11, scaling={**SCALING, "minReplicas": 3}))
        for each in lines[6:]:
            each["time"] += 3600
        seen = otherwise(write_segment(tmp_path / "a.jsonl", 1, lines), {"minReplicas": 2})

        assert seen.recorded_seconds == 5 * 5 + 4 * 5
        assert seen.decided_seconds == 3 * 45
        assert seen.there_seconds == 3 * 45 - 2 * 5  # The first look found one.

    def test_it_remembers_its_own_over_a_segments_end_and_begins_anew_after_a_gap(self, tmp_path: Path) -> None:
        """Memory at a segment's start is the recorded policy's."""
        slow = {**SCALING, "behavior": {"scaleUp": {"stabilizationWindowSeconds": 600}}}
        taken = looks(40)
        whole = write_segment(tmp_path / "whole.jsonl", 1, lines_of(taken))
        parts = tmp_path / "parts"
        parts.mkdir()
        write_segment(parts / "1.jsonl", 1, lines_of(taken[:20]))
        write_segment(parts / "2.jsonl", 2, lines_of(taken[20:], adopted=False))

        assert otherwise(parts, slow) == otherwise(whole, slow)


def test_a_step_without_a_past_is_a_fault_of_the_reader(tmp_path: Path) -> None:
    """It never yields one; whoever makes steps otherwise is told."""
    lines: Lines = lines_of(looks(1))
    (step,) = steps_of(write_segment(tmp_path / "a.jsonl", 1, lines))
    with pytest.raises(ValueError, match="is the first look at a service and has no memory"):
        SamePolicy().see(replace(step, memory=None))
