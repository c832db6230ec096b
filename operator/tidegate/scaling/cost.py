"""What a service's pods cost, from their creation to their end, and what that was good for.

A pod costs what it holds, whether it works or not, so its price is integrated over its life: exactly, whenever somebody
looks. Sums that only grow are for whoever asks for rates (`Totals`); hours are for "the last day" (`Hour`). The second
outlive an operator, in the text of `cost_text`; the first begin anew with each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86400.0
HOURS = 25
"""A day that ends within an hour begins within another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidPod:
    """A pod, as far as its price is concerned. All times in seconds since the epoch."""

    uid: str
    variant: str
    created: float
    ready_at: float | None = None
    """When it was ready first; None where it was not yet."""

    ended_at: float | None = None
    """When its containers ended for good; None while they may run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLook:
    """What one look found."""

    pods: tuple[PaidPod, ...] = ()
    """All that are there, those that leave included."""

    gone_at: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """When pods have vanished since the last look, by uid, where that is known. Of others it is taken to be now."""

    prices: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))
    """What a replica of each variant costs for an hour; None where that is not known."""

    idle_since: float | None = None
    """Since when nobody has used the service, in seconds since the epoch; None while somebody does, or may."""

    asleep: bool = False
    """It has no replicas, on purpose."""

    needed_cost_per_hour: float = 0.0
    """What the sizes cost that were decided."""

    least_cost_per_hour: float = 0.0
    """What the fewest replicas cost that it would have if it never slept."""

    work_unit: str = "tokens"
    prompt_work: float = 0.0
    """Work units done since the last look, of prompts."""

    other_work: float = 0.0
    requests: float = 0.0
    """Requests that ended since the last look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the pods of a variant have cost."""

    cost: float = 0.0
    idle: float = 0.0
    """The part of it in which a pod was ready and nobody used the service."""

    cold_start: float = 0.0
    """The part of it in which a pod was not ready yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums since the first look of this operator; none ever falls."""

    spent: Mapping[str, Spent] = field(default_factory=lambda: MappingProxyType({}))
    """By variant."""

    saved: float = 0.0
    """What it would have cost more to run, all the time, what the last day needed at most; and never to sleep."""

    asleep_seconds: float = 0.0
    prompt_work: float = 0.0
    other_work: float = 0.0
    requests: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What fell into one hour."""

    cost: float = 0.0
    work: float = 0.0
    needed_cost_per_hour: float = 0.0
    """The most that was needed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedPod:
    """A pod that was seen."""

    variant: str
    paid_until: float
    ready_at: float | None
    ended: bool = False
    """It is paid up to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostMemory:
    """What is remembered between two looks."""

    time: float | None = None
    """Up to when all is paid; None before the first look ever."""

    pods: Mapping[str, TrackedPod] | None = None
    """Those of the last look, by uid; None before the first of this operator."""

    prices: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))
    """Those of the last look, and those of variants that are gone."""

    totals: Totals = field(default_factory=Totals)
    work_unit: str = "tokens"
    hours: Mapping[int, Hour] = field(default_factory=lambda: MappingProxyType({}))
    """By number since the epoch, the last `HOURS`."""

    def last_day(self, now: float) -> tuple[float, float]:
        """What was paid in the 24 hours before, and the work done in them.

        Within the hour in which these began, both are taken to have been even.
        """
        begin = now - DAY_SECONDS
        first = int(begin // HOUR_SECONDS)
        share = first + 1 - begin / HOUR_SECONDS
        weighed = [(share if number == first else float(number > first), hour) for number, hour in self.hours.items()]
        cost = sum(weight * hour.cost for weight, hour in weighed)
        return cost, sum(weight * hour.work for weight, hour in weighed)


@dataclass(slots=True)
class _Bill:
    """What is added at one look."""

    hours: dict[int, Hour]
    spent: dict[str, Spent]
    cost: float = 0.0
    """Of what is added to `spent`."""

    def pay(self, begin: float, end: float, price: float) -> None:
        """Add a pod's price to the hours."""
        number = int(begin // HOUR_SECONDS)
        while begin < end:
            until = min(end, (number + 1) * HOUR_SECONDS)
            hour = self.hours.get(number, Hour())
            self.hours[number] = replace(hour, cost=hour.cost + price * (until - begin) / HOUR_SECONDS)
            begin, number = until, number + 1

    def count(self, variant: str, seconds: tuple[float, float, float], price: float) -> None:
        """Add a pod's price to the sums: of its time, of that in which it idled, and of that before it was ready."""
        before = self.spent.get(variant, Spent())
        cost, idle, cold = (price * part / HOUR_SECONDS for part in seconds)
        self.cost += cost
        self.spent[variant] = Spent(
            cost=before.cost + cost, idle=before.idle + idle, cold_start=before.cold_start + cold
        )


def look(memory: CostMemory, given: CostLook, now: float) -> CostMemory:
    """Pay for the time since the last look.

    A price holds until another is seen. What is found at the first look of an operator is paid for the time of its
    absence, by pods that were there already, in the hours but not in the sums: another may have counted it.

    Args:
        memory: what the last call returned; `CostMemory()` at first, or one restored from its text.
        given: what is there now.
        now: seconds since the epoch.
    """
    prices = {**given.prices, **memory.prices}
    seen, first = memory.pods or {}, memory.pods is None
    bill = _Bill(dict(memory.hours), dict(memory.totals.spent))
    there = {pod.uid for pod in given.pods}
    oldest = (now // HOUR_SECONDS - HOURS + 1) * HOUR_SECONDS
    tracked = {}
    for pod in given.pods:
        known = seen.get(pod.uid)
        began = max(pod.created, memory.time or 0.0) if first else pod.created
        ready_at = known.ready_at if known is not None and known.ready_at is not None else pod.ready_at
        before = TrackedPod(variant=pod.variant, paid_until=known.paid_until if known else began, ready_at=ready_at)
        end = now if pod.ended_at is None else min(now, pod.ended_at)
        paid = _paid(bill, before, end, prices.get(pod.variant), given, oldest, counts=not first)
        tracked[pod.uid] = replace(paid, ended=pod.ended_at is not None)
    last_gone = memory.time or now
    for uid, lost in seen.items():
        if uid not in there:
            end = lost.paid_until if lost.ended else min(now, given.gone_at.get(uid, now))
            last_gone = max(last_gone, end)
            _paid(bill, lost, end, prices.get(lost.variant), given, oldest, counts=True)
    return CostMemory(
        time=now,
        pods=MappingProxyType(tracked),
        prices=MappingProxyType({**memory.prices, **given.prices}),
        totals=_totals(memory, given, bill, last_gone, now),
        work_unit=given.work_unit,
        hours=_hours(memory, given, bill, now),
    )


def cost_per_hour(pods: Iterable[PaidPod], prices: Mapping[str, float | None]) -> float:
    """What pods cost now, those apart that have ended or whose price is not known."""
    return sum(prices.get(pod.variant) or 0.0 for pod in pods if pod.ended_at is None)


def _paid(
    bill: _Bill, pod: TrackedPod, end: float, price: float | None, given: CostLook, oldest: float, *, counts: bool
) -> TrackedPod:
    """Pay for one pod up to `end`."""
    begin = pod.paid_until
    if end <= begin:
        return pod
    if price is not None:
        bill.pay(max(begin, oldest), end, price)
    if price is not None and counts:
        ready_at = end if pod.ready_at is None else min(max(pod.ready_at, begin), end)
        idle_from = end if given.idle_since is None else max(ready_at, given.idle_since)
        bill.count(pod.variant, (end - begin, max(0.0, end - idle_from), ready_at - begin), price)
    return replace(pod, paid_until=end)


def _totals(memory: CostMemory, given: CostLook, bill: _Bill, last_gone: float, now: float) -> Totals:
    totals = memory.totals
    if memory.pods is None or memory.time is None:
        return replace(totals, spent=MappingProxyType(bill.spent))
    needed = max((hour.needed_cost_per_hour for hour in memory.hours.values()), default=0.0)
    alternative = max(needed, given.least_cost_per_hour) * (now - memory.time) / HOUR_SECONDS
    return Totals(
        spent=MappingProxyType(bill.spent),
        saved=totals.saved + max(0.0, alternative - bill.cost),
        asleep_seconds=totals.asleep_seconds + (now - last_gone if given.asleep and not given.pods else 0.0),
        prompt_work=totals.prompt_work + given.prompt_work,
        other_work=totals.other_work + given.other_work,
        requests=totals.requests + given.requests,
    )


def _hours(memory: CostMemory, given: CostLook, bill: _Bill, now: float) -> Mapping[int, Hour]:
    """The hours with what was done and needed now; work of another unit is none."""
    number = int(now // HOUR_SECONDS)
    hours = {each: hour for each, hour in bill.hours.items() if number - HOURS < each <= number}
    if given.work_unit != memory.work_unit:
        hours = {each: replace(hour, work=0.0) for each, hour in hours.items()}
    hour = hours.get(number, Hour())
    hours[number] = replace(
        hour,
        work=hour.work + given.prompt_work + given.other_work,
        needed_cost_per_hour=max(hour.needed_cost_per_hour, given.needed_cost_per_hour),
    )
    return MappingProxyType(hours)
