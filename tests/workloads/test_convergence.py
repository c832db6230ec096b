"""When a body is given up: after three applies that did not last, or that a webhook has changed."""

from typing import Any

import pytest

from test_healing import BODY, OLDER, live
from tidegate.workloads.convergence import (
    REHEARSE_SECONDS,
    WINDOW_SECONDS,
    Convergence,
    Verdict,
    altered_need,
    applied,
    rehearsed,
    verdict,
)
from tidegate.workloads.healing import Cause, Need

NOW = 10_000.0
IMAGE = "spec.template.spec.containers[name=engine].image"


def apply_at(memory: Convergence, *times: float, body: dict[str, Any] = BODY) -> Convergence:
    """Apply a body at these times, each over another version."""
    for time in times:
        memory = applied(memory, body, over=f"over-{time}", answer=f"answer-{time}", now=time)
    return memory


STORIES = [
    ("none yet", Convergence(), Verdict.APPLY),
    ("two", apply_at(Convergence(), 0, 60), Verdict.APPLY),
    ("three", apply_at(Convergence(), 0, 60, 120), Verdict.STOP),
    ("three in an hour", apply_at(Convergence(), 0, 1700, WINDOW_SECONDS - 1), Verdict.STOP),
    ("three in more than an hour", apply_at(Convergence(), 0, 1700, WINDOW_SECONDS), Verdict.APPLY),
    ("three, then another body", apply_at(apply_at(Convergence(), 0, 1, 2), 3, body=OLDER), Verdict.APPLY),
    ("two of another body, then one", apply_at(apply_at(Convergence(), 0, 1, body=OLDER), 2), Verdict.APPLY),
    ("three of another body", apply_at(Convergence(), 0, 1, 2, body=OLDER), Verdict.APPLY),
]


@pytest.mark.parametrize(("name", "memory", "expected"), STORIES, ids=[story[0] for story in STORIES])
def test_three_applies_that_do_not_last_are_enough(name: str, memory: Convergence, expected: Verdict) -> None:
    """The same body is not applied a fourth time within the hour; another body is."""
    assert verdict(memory, live(), BODY, NOW) == expected, name


def test_what_was_seen_before_our_apply_is_waited_out() -> None:
    """Until the watch has caught up there is nothing to judge; an apply that changed nothing shows no new version."""
    changed = applied(Convergence(), BODY, over="7", answer="8", now=0)
    assert verdict(changed, live(), BODY, NOW) == Verdict.WAIT
    unchanged = applied(Convergence(), BODY, over="7", answer="7", now=0)
    assert verdict(unchanged, live(), BODY, NOW) == Verdict.APPLY


def test_creations_do_not_count() -> None:
    """A Deployment that is deleted again and again is created again and again, and heals as usual afterwards."""
    memory = Convergence()
    for time in range(5):
        memory = applied(memory, BODY, over="", answer=str(time), now=time)
    assert verdict(memory, None, BODY, NOW) == Verdict.APPLY
    assert verdict(memory, live(), BODY, NOW) == Verdict.APPLY


def altered_at(*times: float, over: str = "7", answer: str = "7") -> Convergence:
    """Apply a body at these times, which a webhook changes each time: nothing is stored that was not there."""
    memory = Convergence()
    for time in times:
        memory = applied(memory, BODY, over=over, answer=answer, now=time, altered=(IMAGE,))
    return memory


class TestAltered:
    """A webhook changes it on its way."""

    def test_it_is_applied_again_and_names_the_fields(self) -> None:
        """Nothing else tells: the field is recorded as ours."""
        need = altered_need(altered_at(0), live(), BODY)
        assert need == Need(cause=Cause.ALTERED, fields=(IMAGE,))
        assert need.writer == "an admission webhook"

    def test_nothing_is_to_be_done_for_another_body_or_none(self) -> None:
        """What became of an earlier body says nothing of the next; what is not there is created."""
        assert altered_need(altered_at(0), live(), OLDER) is None
        assert altered_need(altered_at(0), None, BODY) is None
        assert altered_need(Convergence(), live(), BODY) is None

    def test_creations_count(self) -> None:
        """Three applies in all, and not three after a creation."""
        assert verdict(altered_at(0, over=""), live(), BODY, 0) == Verdict.APPLY
        assert verdict(altered_at(0, 1, 2, over=""), live(), BODY, 2) == Verdict.STOP

    def test_after_three_it_is_rehearsed_ever_more_seldom(self) -> None:
        """A webhook that goes shows in a dry run alone."""
        memory, now, waits = altered_at(0, 1, 2), 2.0, []
        for _ in range(4):
            start = now
            while verdict(memory, live(), BODY, now) == Verdict.STOP:
                now += 1
            assert verdict(memory, live(), BODY, now) == Verdict.REHEARSE
            waits.append(now - start)
            memory = rehearsed(memory, BODY, altered=(IMAGE,), now=now)
        assert waits == [*REHEARSE_SECONDS, REHEARSE_SECONDS[-1]]

    def test_an_apply_that_stays_begins_anew(self) -> None:
        """Another webhook, or the same again, is worth three applies again."""
        memory = applied(altered_at(0, 1, 2), BODY, over="7", answer="8", now=3)
        assert altered_need(memory, live(), BODY) is None
        memory = applied(memory, BODY, over="8", answer="9", now=4, altered=(IMAGE,))
        assert not memory.stopped

    def test_another_body_is_applied_at_once(self) -> None:
        """What the user writes next may be what the webhook wants."""
        assert verdict(altered_at(0, 1, 2), live(), OLDER, 2) == Verdict.APPLY

    def test_a_writer_that_is_recorded_is_not_waited_for(self) -> None:
        """A dry run would always look well: it writes after we do."""
        memory = apply_at(Convergence(), 0, 1, 2)
        assert verdict(memory, live(), BODY, WINDOW_SECONDS) == Verdict.STOP
