"""What pods cost, integrated over their lives, whoever looks when."""

from dataclasses import dataclass, replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.scaling.cost import DAY_SECONDS, HOUR_SECONDS, CostLook, CostMemory, PaidPod, look
from tidegate.scaling.cost_text import cost_text, recall_cost

NOON = 491_666 * HOUR_SECONDS


def pod(uid: str, created: float, **more: float | str | None) -> PaidPod:
    """A pod of the variant default."""
    return PaidPod(uid=uid, created=NOON + created, **{"variant": "default", **more})  # type: ignore[arg-type]


def seen(*pods: PaidPod, price: float | None = 3.6, **more: object) -> CostLook:
    """A look at pods of one price: of 3.6 an hour, a second costs a thousandth."""
    return CostLook(pods=pods, prices=MappingProxyType({"default": price}), **more)  # type: ignore[arg-type]


def after(*looks: tuple[float, CostLook], memory: CostMemory | None = None) -> CostMemory:
    """The memory after looks at so many seconds past noon."""
    memory = memory or CostMemory()
    for seconds, found in looks:
        memory = look(memory, found, NOON + seconds)
    return memory


NOTHING = seen()


def test_a_pod_is_paid_from_its_creation_though_it_is_seen_later() -> None:
    """A pod that was made 3 s before a look is paid for 3 s."""
    spent = after((0, NOTHING), (10, seen(pod("a", 7)))).totals.spent["default"]
    assert spent.cost == pytest.approx(0.003)


def test_a_pod_is_paid_until_it_vanished_not_until_that_is_seen() -> None:
    """The time of the deletion counts where it is known, and that of the look where it is not."""
    known = replace(NOTHING, gone_at={"a": NOON + 42.0})
    assert after((0, NOTHING), (10, seen(pod("a", 0))), (50, known)).totals.spent["default"].cost == pytest.approx(
        0.042
    )
    assert after((0, NOTHING), (10, seen(pod("a", 0))), (50, NOTHING)).totals.spent["default"].cost == pytest.approx(
        0.05
    )


def test_a_pod_that_has_ended_costs_no_more() -> None:
    """An evicted pod stays for its logs, and holds nothing."""
    ended = seen(pod("a", 0, ended_at=NOON + 20))
    assert after((0, NOTHING), (30, ended), (90, ended), (95, NOTHING)).totals.spent["default"].cost == pytest.approx(
        0.02
    )


def test_a_price_holds_until_another_is_seen() -> None:
    """10 s at the old price, 10 s at the new one."""
    memory = after((0, seen(pod("a", 0))), (10, seen(pod("a", 0), price=7.2)), (20, seen(pod("a", 0), price=7.2)))
    assert memory.totals.spent["default"].cost == pytest.approx(0.01 + 0.02)


def test_a_price_that_becomes_known_is_not_paid_for_the_time_before() -> None:
    """While nobody knows the price, nothing is added."""
    memory = after((0, seen(pod("a", 0), price=None)), (10, seen(pod("a", 0))), (20, seen(pod("a", 0))))
    assert memory.totals.spent["default"].cost == pytest.approx(0.01)


def test_pods_of_a_variant_that_is_gone_are_paid_at_its_last_price() -> None:
    """A removed variant has no price in the spec any more, and pods that drain."""
    before = CostLook(pods=(pod("a", 0, variant="cpu"),), prices={"default": 9.0, "cpu": 3.6})
    removed = CostLook(pods=before.pods, prices={"default": 9.0})
    assert after((0, before), (10, removed), (20, removed)).totals.spent["cpu"].cost == pytest.approx(0.02)


def test_the_time_until_a_pod_is_ready_is_its_cold_start() -> None:
    """Also where it got ready between two looks, and only the first time."""
    memory = after(
        (0, NOTHING),
        (10, seen(pod("a", 0))),
        (20, seen(pod("a", 0, ready_at=NOON + 14))),
        (30, seen(pod("a", 0, ready_at=NOON + 27))),  # It had fallen ill.
    )
    spent = memory.totals.spent["default"]
    assert (spent.cold_start, spent.cost) == (pytest.approx(0.014), pytest.approx(0.03))


def test_ready_pods_idle_from_when_the_service_was_last_used() -> None:
    """The time before pods are ready is no idle time."""
    one, other = pod("a", 0, ready_at=NOON + 5), pod("b", 0, ready_at=NOON + 20)
    memory = after(
        (0, NOTHING),
        (10, seen(one, other)),
        (30, seen(one, other, idle_since=NOON + 12)),
        (40, seen(one, other, idle_since=NOON + 12)),
    )
    spent = memory.totals.spent["default"]
    assert spent.idle == pytest.approx(0.018 + 0.010 + 0.010 * 2)
    assert spent.cold_start == pytest.approx(0.005 + 0.020)


def test_saved_is_what_the_most_of_the_last_day_would_cost_all_the_time() -> None:
    """Two were needed; one and none are there afterwards."""
    two, one = seen(pod("a", 0), pod("b", 0), needed_cost_per_hour=7.2), seen(pod("a", 0), needed_cost_per_hour=3.6)
    memory = after(
        (0, two),
        (10, two),
        (10, replace(one, gone_at={"b": NOON + 10})),
        (20, one),
        (20, replace(NOTHING, gone_at={"a": NOON + 20})),
        (30, NOTHING),
    )
    assert memory.totals.saved == pytest.approx(0.010 + 0.020)


def test_what_sleeps_for_days_saves_what_it_would_have_at_least() -> None:
    """The most of the last day is forgotten after a day; the fewest replicas of a service that never sleeps are not."""
    asleep = replace(NOTHING, asleep=True, least_cost_per_hour=3.6)
    memory = after((0, replace(asleep, needed_cost_per_hour=36.0)), (3 * DAY_SECONDS, asleep))
    before = memory.totals
    later = after((3 * DAY_SECONDS + 100, asleep), memory=memory).totals
    assert later.saved - before.saved == pytest.approx(0.1)
    assert later.asleep_seconds - before.asleep_seconds == pytest.approx(100)


def test_sleep_begins_when_the_last_pod_is_gone() -> None:
    """Not at the look before, and not at the one that sees it."""
    asleep = replace(NOTHING, asleep=True, gone_at={"a": NOON + 14})
    memory = after((0, NOTHING), (10, seen(pod("a", 0))), (20, asleep), (25, replace(asleep, gone_at={})))
    assert memory.totals.asleep_seconds == pytest.approx(11)


def test_the_last_day_forgets_hour_by_hour_evenly() -> None:
    """Half an hour after the hour in which it was paid began to leave, half of it is left."""
    memory = after((0, NOTHING), (HOUR_SECONDS, seen(pod("a", 0))), (HOUR_SECONDS, NOTHING))
    paid = 3.6
    for seconds, left in ((HOUR_SECONDS, paid), (DAY_SECONDS, paid), (DAY_SECONDS + HOUR_SECONDS / 2, paid / 2)):
        later = after((seconds, NOTHING), memory=memory)
        assert later.last_day(NOON + seconds)[0] == pytest.approx(left), seconds
    later = after((DAY_SECONDS + HOUR_SECONDS, NOTHING), memory=memory)
    assert later.last_day(NOON + DAY_SECONDS + HOUR_SECONDS) == (0.0, 0.0)


def test_pods_from_before_the_first_look_are_in_the_last_day_and_not_in_the_sums() -> None:
    """Another operator may have counted them; the last day is asked of whoever is there."""
    memory = after((100, seen(pod("a", 0))), (110, seen(pod("a", 0))))
    assert memory.last_day(NOON + 110)[0] == pytest.approx(0.11)
    assert memory.totals.spent["default"].cost == pytest.approx(0.01)


def test_a_restart_makes_up_for_its_absence() -> None:
    """Pods that are there still are paid for it, from where the one before has left off; those made meanwhile, too."""
    before = after((0, NOTHING), (100, seen(pod("a", 0), other_work=7.0)))
    memory = after((160, seen(pod("a", 0), pod("b", 130))), memory=recall_cost(cost_text(before, 1024)))
    cost, work = memory.last_day(NOON + 160)
    assert cost == pytest.approx(0.160 + 0.030)
    assert work == 7.0


def test_work_is_counted_by_the_hour_and_forgotten_with_its_unit() -> None:
    """Tokens cannot be added to images."""
    memory = after((0, NOTHING), (10, replace(NOTHING, prompt_work=30.0, other_work=12.0, requests=2.0)))
    assert memory.last_day(NOON + 10)[1] == 42.0
    assert (memory.totals.prompt_work, memory.totals.other_work, memory.totals.requests) == (30.0, 12.0, 2.0)
    assert after((20, replace(NOTHING, work_unit="images", other_work=1.0)), memory=memory).last_day(NOON + 20)[1] == 1


def test_the_text_fits_and_is_read_back() -> None:
    """Of a full day of unwieldy numbers, too."""
    memory = CostMemory()
    for hour in range(40):
        found = seen(pod("a", 0), other_work=1.23456789e12 / 7, needed_cost_per_hour=1.234567e-7, price=1.23456e-5)
        memory = look(memory, found, NOON + hour * HOUR_SECONDS + 1)
    text = cost_text(memory, 1024)
    assert 0 < len(text) <= 1024
    recalled, now = recall_cost(text), NOON + 39 * HOUR_SECONDS + 1
    assert recalled.last_day(now) == pytest.approx(memory.last_day(now), rel=1e-3)
    assert len(recalled.hours) == 25


@pytest.mark.parametrize(
    "text", ["", "nonsense", "2 tokens 5 1:1,1,1", "1 tokens x", "1 tokens nan", "1 tokens 5 1:nan,1,1", "1 tokens 5 7"]
)
def test_text_that_cannot_be_read_is_none(text: str) -> None:
    """What another version wrote is no reason to stop."""
    assert recall_cost(text) == CostMemory()


@dataclass(frozen=True)
class Life:
    """One pod's life, and whether its record tells its end."""

    variant: str
    created: float
    seconds: float

    @property
    def end(self) -> float:
        """When it is gone."""
        return self.created + self.seconds


def moments(least: int, most: int) -> st.SearchStrategy[float]:
    """Seconds that a time since the epoch holds exactly: a float has no room for less than a quarter microsecond."""
    return st.integers(least * 64, most * 64).map(lambda count: count / 64)


LIVES = st.lists(
    st.builds(
        Life,
        variant=st.sampled_from(["default", "cpu", "a100"]),
        created=moments(1, 20_000),
        seconds=moments(1, 40_000),
    ),
    min_size=1,
    max_size=12,
)
PRICES = {"default": 2.48, "cpu": 0.1, "a100": 4.1}


def found_at(lives: list[Life], before: float, now: float) -> CostLook:
    """What a look finds."""
    there = tuple(
        PaidPod(uid=str(number), variant=life.variant, created=NOON + life.created)
        for number, life in enumerate(lives)
        if life.created <= now < life.end
    )
    gone = {str(number): NOON + life.end for number, life in enumerate(lives) if before < life.end <= now}
    return CostLook(pods=there, prices=PRICES, gone_at=gone)


def lived(lives: list[Life], until: float) -> float:
    """The price of all lives, added up one by one."""
    return sum(PRICES[life.variant] * max(0.0, min(life.end, until) - life.created) / 3600 for life in lives)


@given(lives=LIVES, looks=st.lists(moments(0, 60_000), min_size=1, max_size=30))
def test_the_sum_is_that_of_all_lives_whoever_looks_when(lives: list[Life], looks: list[float]) -> None:
    """To a billionth, for pods that were ever seen: looks see them once at least."""
    births = [life.created + life.seconds / 2 for life in lives]
    memory, before = CostMemory(), 0.0
    for now in sorted({0.0, *looks, *births, 70_000.0}):
        memory = look(memory, found_at(lives, before, now), NOON + now)
        before = now
    total = sum(spent.cost for spent in memory.totals.spent.values())
    assert total == pytest.approx(lived(lives, 70_000.0), rel=1e-9)
    assert memory.last_day(NOON + 70_000.0)[0] == pytest.approx(lived(lives, 70_000.0), rel=1e-9)


@given(lives=LIVES, restarts=st.lists(st.floats(100, 60_000), max_size=4), absence=st.floats(0, 20))
def test_restarts_lose_less_than_a_percent(lives: list[Life], restarts: list[float], absence: float) -> None:
    """The text is as of the last look, as after each change of pods; an absence of seconds loses what ended in it."""
    looks = {0.0, 70_000.0, *(float(each) for each in range(0, 70_000, 600))}
    for life in lives:
        looks |= {life.created + min(0.2, life.seconds / 2), life.end}
    away = [(start, start + absence) for start in restarts]
    memory, before, lost = CostMemory(), 0.0, 0.0
    for now in sorted(looks | {end for _, end in away}):
        if any(start <= now < end for start, end in away):
            continue
        if any(before <= start and end <= now for start, end in away):
            lost += sum(
                PRICES[life.variant] * (life.end - max(before, life.created)) / 3600
                for life in lives
                if before < life.end <= now
            )
            memory = recall_cost(cost_text(memory, 1024))
        memory = look(memory, found_at(lives, before, now), NOON + now)
        before = now
    told, true = memory.last_day(NOON + 70_000.0)[0], lived(lives, 70_000.0)
    assert told + lost == pytest.approx(true, rel=1e-3)
