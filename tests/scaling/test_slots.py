"""Engines that take fewer requests at once than their KV cache has room for, and do not say so."""

from collections.abc import Iterable

import pytest

from tidegate.scaling.capacity_estimate import Occupancy, capacity_of
from tidegate.scaling.sizes import Sums
from tidegate.scaling.step_time import StepTime

STEP = StepTime(seconds=(0.08, 0.001, 0.0003))
SIZES = Sums(finished=100, prompts=100, prompt_work=1000, answers=100, other_work=6000)
ROOM = 100.0
"""Requests that the KV cache of one pod would hold at 80 %."""


def looks(running: Iterable[float], *, waiting: bool, pods: int = 2) -> Occupancy:
    """What is known after so many looks, one every five seconds, at so many requests running in all pods together."""
    occupancy = Occupancy()
    for number, each in enumerate(running):
        share = each * 0.8 / ROOM
        occupancy = occupancy.see(kv_share=share, running=each, is_full=waiting, pods=pods, now=5.0 * number)
    return occupancy


def batch(occupancy: Occupancy) -> float | None:
    """The largest batch that is counted on."""
    found = capacity_of(STEP, SIZES, occupancy, kv_target=0.8, max_sequences=None, inter_token_seconds=None)
    assert found is not None
    return found.batch


@pytest.mark.parametrize(
    ("occupancy", "expected"),
    [
        pytest.param(looks([8] * 7, waiting=True), 4, id="as many at every look of half a minute, while others wait"),
        pytest.param(looks([8] * 6, waiting=True), ROOM, id="not long enough"),
        pytest.param(looks([8] * 60, waiting=False), ROOM, id="nobody waits"),
        pytest.param(looks([8, 12, 9, 14, 8, 11] * 5, waiting=True), ROOM, id="not always as many: other bounds hold"),
        pytest.param(looks([8, *[40] * 7], waiting=True), 20, id="a pod that fills up counts from when it is full"),
        pytest.param(looks([*[8] * 7, 9], waiting=True), ROOM, id="more are held after all"),
        pytest.param(looks([*[8] * 7, 2, 0, 0], waiting=True), 4, id="remembered while less is to be done"),
        pytest.param(looks([*[8] * 4, 0, *[8] * 4], waiting=True), ROOM, id="a pause starts it afresh"),
    ],
)
def test_a_bound_that_nobody_tells_is_learned_of_requests_that_wait(occupancy: Occupancy, expected: float) -> None:
    """Otherwise four at a time would be taken for an idle cache, and a queue would grow for ever."""
    assert batch(occupancy) == pytest.approx(expected)
