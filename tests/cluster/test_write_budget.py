"""The budget for writes, in fake time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import looptime
import pytest

from tidegate.cluster.write_budget import LONGEST_REST_SECONDS, Urgency, WriteBudget

Story = Callable[[], Coroutine[Any, Any, None]]


def in_fake_time(story: Story) -> None:
    """Run a story whose waits take no time."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0)) as runner:
        runner.run(story())


def now() -> float:
    """Seconds."""
    return asyncio.get_running_loop().time()


def test_a_burst_waits_for_nobody_and_then_the_rate_holds() -> None:
    """Ten at once, then ten a second."""

    async def story() -> None:
        budget, times = WriteBudget(per_second=10, burst=10), []
        for _ in range(30):
            await budget.take(Urgency.SCALE)
            times.append(round(now(), 6))
        assert times[:10] == [0.0] * 10
        assert times[10:] == pytest.approx([(number + 1) / 10 for number in range(20)], abs=0.005)

    in_fake_time(story)


def test_unused_budget_gathers_up_to_the_burst_and_no_further() -> None:
    """An hour of peace is no licence for a flood."""

    async def story() -> None:
        budget = WriteBudget(per_second=10, burst=5)
        for _ in range(5):
            await budget.take(Urgency.SCALE)
        await asyncio.sleep(3600)
        start = now()
        for _ in range(6):
            await budget.take(Urgency.SCALE)
        assert now() - start == pytest.approx(0.1, abs=0.005)

    in_fake_time(story)


def test_the_urgent_leave_first_and_equals_in_the_order_they_came() -> None:
    """A size does not wait behind a thousand cosmetic updates."""

    async def story() -> None:
        budget, left = WriteBudget(per_second=10, burst=1), []
        await budget.take(Urgency.SCALE)

        async def wait(urgency: Urgency, name: str) -> None:
            await budget.take(urgency)
            left.append(name)

        waiting = [
            asyncio.create_task(wait(urgency, f"{urgency.name}{number}"))
            for number in (1, 2)
            for urgency in (Urgency.COSMETIC, Urgency.EVENT, Urgency.CONDITIONS, Urgency.BODY, Urgency.SCALE)
        ]
        await asyncio.gather(*waiting)
        expected = [f"{urgency.name}{number}" for urgency in Urgency for number in (1, 2)]
        assert left == expected

    in_fake_time(story)


def test_who_comes_later_does_not_overtake_who_waits_as_urgently() -> None:
    """Also when a token is free at that very moment."""

    async def story() -> None:
        budget, left = WriteBudget(per_second=10, burst=1), []
        await budget.take(Urgency.SCALE)

        async def wait(name: str) -> None:
            await budget.take(Urgency.SCALE)
            left.append(name)

        first = asyncio.create_task(wait("first"))
        await asyncio.sleep(0.0999)
        second = asyncio.create_task(wait("second"))
        await asyncio.gather(first, second)
        assert left == ["first", "second"]

    in_fake_time(story)


def test_who_gives_up_takes_nothing_and_holds_nobody_up() -> None:
    """A turn that ran out of time leaves its waiters behind."""

    async def story() -> None:
        budget = WriteBudget(per_second=10, burst=1)
        await budget.take(Urgency.SCALE)
        gone = [asyncio.create_task(budget.take(Urgency.SCALE)) for _ in range(50)]
        await asyncio.sleep(0.01)
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        await budget.take(Urgency.COSMETIC)
        assert now() == pytest.approx(0.1, abs=0.005)

    in_fake_time(story)


def test_a_turn_that_is_given_up_just_when_it_comes_goes_to_the_next() -> None:
    """It was granted and not used."""

    async def story() -> None:
        budget = WriteBudget(per_second=1, burst=1)
        await budget.take(Urgency.SCALE)
        given_up = asyncio.create_task(budget.take(Urgency.SCALE))
        next_one = asyncio.create_task(budget.take(Urgency.COSMETIC))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(1.0, given_up.cancel)
        await next_one
        assert now() == pytest.approx(1.0, abs=0.01)

    in_fake_time(story)


@pytest.mark.parametrize(("asked", "rests"), [(3.0, 3.0), (3600.0, LONGEST_REST_SECONDS)])
def test_a_rest_lets_nobody_through_and_ends_without_a_burst(asked: float, rests: float) -> None:
    """An API server that asks for peace is not met by all that waited, and none stops all scaling for an hour."""

    async def story() -> None:
        budget, times = WriteBudget(per_second=10, burst=10), []
        budget.rest(asked)
        for _ in range(3):
            await budget.take(Urgency.SCALE)
            times.append(now())
        assert times == pytest.approx([rests + number / 10 for number in (1, 2, 3)], abs=0.005)

    in_fake_time(story)
