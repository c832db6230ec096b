"""Schedules on a real API server: a span that runs holds a size, and one that is taken away gives it back."""

import pytest
from operated_namespace import AT_ONCE, OperatedNamespace
from operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

ALL_YEAR = {"name": "all-year", "start": "*/2 * * * *", "end": "1 0 1 1 *", "timeZone": "Asia/Kolkata"}
"""But for a minute after midnight on New Year's Day, there."""


def test_a_span_that_runs_holds_the_size_while_it_is_there(operator: OperatorProcess, here: OperatedNamespace) -> None:
    """Nobody asks for anything; the condition says who does."""
    del operator
    here.apply(here.least(**AT_ONCE))
    here.wait_serving(pods=1)
    here.apply(here.least(scaling={**AT_ONCE["scaling"], "schedules": [{**ALL_YEAR, "minReplicas": 3}]}))
    here.wait_serving(pods=3)
    message = here.wait_condition("ScalingLimited", "True", "ScheduleFloor")
    assert message.startswith("schedule all-year holds 3 until ")
    assert message.endswith("-01-01 00:01 Asia/Kolkata")
    here.apply(here.least(**AT_ONCE))
    here.wait_size(1)
