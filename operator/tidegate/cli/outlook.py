"""What would change a service's size: the terms and limits of the rule, turned round. Pure.

The rule goes from signals to a size; here it is asked at which signals the size would be another one. Only what follows
from the object itself is said: a term whose numbers are not in it is named, and no number is made up for it.
`tests/cli/test_outlook.py` holds every threshold against the rule.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.inference_service_status import DecisionRecord, InferenceServiceStatus, Signals
from tidegate.api.learned_status import LearnedCapacity
from tidegate.api.quantity import to_number
from tidegate.api.scaling import Mode
from tidegate.cli.outlook_of_variants import fewer_of_variants, more_of_variants, others_of_variants
from tidegate.cli.sleeping import NOBODY_WAKES, moment
from tidegate.cli.turn import Direction, Turn
from tidegate.scaling import behavior
from tidegate.scaling.demand_terms import BUSY_SHARE_DOWN, BUSY_SHARE_UP, work_for
from tidegate.scaling.schedules import floor_at, next_start
from tidegate.scaling.wording import count, number

_PASSING = {"metrics", "rollout", "placement", "budget", "behavior"}
"""Limits that hold for a while, whatever demand does."""

LONGEST_WAIT_SECONDS = 86_400.0
"""Of schedules that begin later than that nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    spec: InferenceServiceSpec
    decision: DecisionRecord
    signals: Signals
    status: InferenceServiceStatus
    size: int
    """The size that was decided."""

    capacity: LearnedCapacity | None
    """What one replica can do; None while that is not known."""

    may_sleep: bool
    """Whether a gateway would wake it."""

    idle_since: str | None
    """Since when nobody has used the service; None while somebody does, or may."""

    @property
    def up_share(self) -> float:
        return 1 + behavior.tolerance(self.spec.scaling.behavior.scale_up)

    def replicas_of(self, term: str) -> int | None:
        return next((each.replicas for each in self.decision.proposals if each.term == term), None)


_Threshold = Callable[[_Given], Turn | None]


def outlook(name: str, spec: InferenceServiceSpec, status: InferenceServiceStatus, now: float) -> tuple[Turn, ...]:
    """Say what would change the size of a service.

    Args:
        name: the service's.
        spec: what its user wants.
        status: what the operator said last.
        now: seconds since the epoch.

    Returns:
        What would make it larger, then smaller; or what keeps it from either.
    """
    if spec.scaling.mode is Mode.PAUSED:
        return (Turn(Direction.OTHER, "scaling.mode is Automatic again; it is Paused, and nothing is decided"),)
    if spec.replicas is not None:
        return (Turn(Direction.OTHER, f"it is no longer pinned to {spec.replicas}: tidegate unpin {name}"),)
    if status.decision is None or status.signals is None:
        return ()
    given = _Given(
        spec=spec,
        decision=status.decision,
        signals=status.signals,
        status=status,
        size=status.decision.to,
        capacity=next((each for each in status.capacity if each.units_per_second), None),
        may_sleep=status.wake_plan is not None,
        idle_since=None if status.idle_since is None else moment(status.idle_since, now),
    )
    if not given.size and not spec.scaling.min_replicas:
        return (Turn(Direction.UP, "a request arrives"), *_schedules(given, now))
    return (*_ups(given), *_schedules(given, now), *_downs(given, now), *others_of_variants(status))


def _ups(given: _Given) -> Iterator[Turn]:
    largest = given.spec.scaling.max_replicas
    if given.size >= largest:
        yield Turn(Direction.UP, f"scaling.maxReplicas is raised above {largest}: it is reached")
        return
    for limit in given.decision.limits:
        if limit.to < limit.from_ and limit.name in _PASSING:
            yield Turn(Direction.UP, f"this no longer holds: {limit.because}")
    if given.status.variants:
        yield from more_of_variants(given.status)
        yield from _promises_broken(given)
        return
    for threshold in (_arriving_above, _waiting_above, _kv_cache_above):
        turn = threshold(given)
        if turn is not None:
            yield turn
    yield from _promises_broken(given)


def _downs(given: _Given, now: float) -> Iterator[Turn]:
    scaling = given.spec.scaling
    floor, schedule = floor_at(scaling.schedules, now)
    if given.size <= scaling.min_replicas:
        yield Turn(Direction.DOWN, f"scaling.minReplicas is lowered below {scaling.min_replicas}: it is reached")
    elif given.size <= floor:
        yield Turn(Direction.DOWN, f"the schedule's time is over: {schedule}")
    elif given.size == 1 and not given.may_sleep:
        yield Turn(Direction.DOWN, f"a gateway is there; now {NOBODY_WAKES}")
    elif given.size == 1:
        idle_seconds = scaling.scale_to_zero.idle_seconds
        measured = "" if given.idle_since is None else f"nobody has since {given.idle_since}"
        yield Turn(Direction.DOWN, f"nobody has used it for {idle_seconds} s", measured, float(idle_seconds))
    else:
        yield from _holds(given) or (fewer_of_variants(given.status) if given.status.variants else _asks_less(given))


def _asks_less(given: _Given) -> list[Turn]:
    """What each term that asks for the present size would have to see to ask for less."""
    known: dict[str, _Threshold] = {"throughput": _arriving_below, "queue": _waiting_below, "memory": _kv_cache_below}
    turns = []
    for proposal in given.decision.proposals:
        if proposal.replicas >= given.size:
            threshold = known.get(proposal.term)
            turn = threshold(given) if threshold else None
            asks = f"the term {proposal.term} asks for fewer than {proposal.replicas}"
            turns.append(turn or Turn(Direction.DOWN, asks, proposal.because))
    return turns


def _holds(given: _Given) -> list[Turn]:
    """The limits that keep a size which no term asks for any more."""
    turns = []
    for limit in given.decision.limits:
        if limit.to <= limit.from_:
            continue
        if limit.name == "stabilization":
            window_seconds = behavior.down_window_seconds(given.spec.scaling.behavior.scale_down)
            decided = datetime.fromisoformat(given.decision.time).timestamp()
            end = datetime.fromtimestamp(decided + window_seconds, UTC).strftime("%H:%M:%S UTC")
            turns.append(Turn(Direction.DOWN, f"demand stays as it is: down to {limit.from_} by {end}", limit.because))
        elif limit.name in _PASSING:
            turns.append(Turn(Direction.DOWN, f"this no longer holds: {limit.because}"))
    return turns


def _schedules(given: _Given, now: float) -> Iterator[Turn]:
    """Schedules that begin within a day and ask for more than there is."""
    for schedule in given.spec.scaling.schedules:
        start = next_start(schedule, now)
        if start is not None and schedule.min_replicas > given.size and start[0] - now <= LONGEST_WAIT_SECONDS:
            replicas = count(schedule.min_replicas, "replica")
            yield Turn(Direction.UP, f"schedule {schedule.name} begins at {start[1]}, with {replicas} at least")


def _arriving_above(given: _Given) -> Turn | None:
    policy = given.spec.scaling.token_throughput
    if policy is None:
        return _expected(given, Direction.UP, "more than", given.size, 1.0)
    return _arriving(
        given, Direction.UP, "more than", to_number(policy.target_per_replica) * given.size * given.up_share
    )


def _arriving_below(given: _Given) -> Turn | None:
    policy = given.spec.scaling.token_throughput
    if policy is None:
        return _expected(given, Direction.DOWN, "fewer than", given.size - 1, BUSY_SHARE_DOWN / BUSY_SHARE_UP)
    return _arriving(given, Direction.DOWN, "fewer than", to_number(policy.target_per_replica) * _smaller(given))


def _arriving(given: _Given, direction: Direction, than: str, amount: float) -> Turn:
    arriving = given.signals.arriving_per_second
    measured = "" if arriving is None else number(float(arriving))
    return Turn(direction, f"{than} {number(amount)} {given.signals.work_unit}/s arrive", measured, amount)


def _expected(given: _Given, direction: Direction, than: str, replicas: int, share: float) -> Turn | None:
    """What counts where the capacity was learned: demand when pods ordered now would be ready, and a margin."""
    proposal = next((each for each in given.decision.proposals if each.term == "throughput"), None)
    capacity = given.capacity
    if proposal is None or capacity is None or capacity.units_per_second is None:
        return None
    batch = float(capacity.requests_at_once) if capacity.requests_at_once else None
    amount = share * work_for(replicas, batch) * float(capacity.units_per_second)
    when = f"{than} about {number(amount)} {given.signals.work_unit}/s are to be expected"
    return Turn(direction, when, proposal.because, amount)


def _smaller(given: _Given) -> float:
    """How much work, in replicas, is little enough for one replica less."""
    return min(given.size * (1 - behavior.tolerance(given.spec.scaling.behavior.scale_down)), given.size - 1.0)


def _waiting_above(given: _Given) -> Turn | None:
    if given.replicas_of("queue") is None:
        return None
    policy, waiting = given.spec.scaling.queue_depth, given.signals.waiting
    tolerated = to_number(policy.target_per_replica) * given.size
    if waiting is not None and waiting > tolerated:
        when = f"more than {number(tolerated)} requests still wait once the replicas that are ordered are there"
    else:
        when = f"more than {number(tolerated)} requests wait, too many to start within {policy.drain_seconds} s"
    return Turn(Direction.UP, when, _whole(waiting), tolerated)


def _waiting_below(given: _Given) -> Turn | None:
    tolerated = to_number(given.spec.scaling.queue_depth.target_per_replica) * (given.size - 1)
    return Turn(Direction.DOWN, f"at most {number(tolerated)} requests wait", _whole(given.signals.waiting), tolerated)


def _kv_cache_above(given: _Given) -> Turn | None:
    if given.replicas_of("memory") is None or not given.signals.pods_sampled:
        return None
    percent = given.spec.scaling.kv_cache.target_percent * given.size * given.up_share / given.signals.pods_sampled
    return _kv_cache(given, Direction.UP, "more than", percent) if percent < 100 else None  # noqa: PLR2004 - percent


def _kv_cache_below(given: _Given) -> Turn | None:
    if not given.signals.pods_sampled:
        return None
    percent = given.spec.scaling.kv_cache.target_percent * _smaller(given) / given.signals.pods_sampled
    return _kv_cache(given, Direction.DOWN, "less than", percent)


def _kv_cache(given: _Given, direction: Direction, than: str, percent: float) -> Turn:
    used = given.signals.kv_cache_percent
    when = f"{than} {number(percent)} % of the KV cache is in use"
    return Turn(direction, when, "" if used is None else f"{used} %", percent)


def _promises_broken(given: _Given) -> Iterator[Turn]:
    measured = next((each.because for each in given.decision.proposals if each.term == "objectives"), "")
    objectives = given.spec.scaling.objectives
    for name, promise in (
        ("time to first token", objectives.time_to_first_token),
        ("inter-token latency", objectives.inter_token_latency),
    ):
        if promise is not None:
            when = f"p{promise.percentile} of the {name} is above {promise.milliseconds:,} ms while requests compete"
            yield Turn(Direction.UP, when, measured, float(promise.milliseconds))


def _whole(value: int | None) -> str:
    return "" if value is None else number(value)
