"""Which runs are needed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.simulator.rivals.catalog import RIVALS

from .set_ups import CASES, FAULT_CASES, FAULTS, MOST_REPLICAS, ROUTINGS, SEEDS, Case

TIDEGATE = "tidegate"
STATIC = "static"
CLAIRVOYANTS = ("clairvoyant-60", "clairvoyant-300")
EARLIEST = "clairvoyant-from-first-scrape"
"""What a start with too few is held against: it knows the trace, but orders no earlier than anybody can."""

HINDSIGHT = (STATIC, *CLAIRVOYANTS, EARLIEST)
STRONGEST_HPA = "hpa-running-waiting=20"
LEAST_LOADED, STICKY = ROUTINGS
LOADS: Mapping[str, Sequence[float]] = {
    LEAST_LOADED: (1.4, 1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6),
    STICKY: (1.0, 0.8, 0.6, 0.5, 0.4, 0.3),
}
"""How busy the clairvoyants mean replicas to be. Where they are loaded unevenly they need much slack."""

STICKY_SLACK = (1.5, 2.0)
"""How many times as many as the most replicas of a static frontier are tried with sticky routing, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run."""

    case: str
    policy: str
    """`tidegate`, or a rival as `tidegate simulate --rival` takes it, always with its target."""

    seed: int
    routing: str = LEAST_LOADED
    fault: str = ""


def rivals() -> list[str]:
    """Rivals that know no more than Tidegate does."""
    return [name for name in RIVALS if name not in HINDSIGHT]


def published(rival: str) -> str:
    """A rival with the target that its makers publish."""
    target = RIVALS[rival].default_target
    return rival if target is None else f"{rival}={target:g}"


def swept(rival: str) -> list[str]:
    """A rival with every target worth comparing, the published one among them."""
    known = RIVALS[rival]
    if known.target is None:
        return [rival]
    targets = dict.fromkeys((*known.sweep, *((known.default_target,) if known.default_target else ())))
    return [f"{rival}={target:g}" for target in targets]


def hindsight(case: Case, routing: str = LEAST_LOADED) -> list[str]:
    """What knows the trace: the static sizes and the clairvoyants."""
    names = (*CLAIRVOYANTS, EARLIEST) if case.starts_short else CLAIRVOYANTS
    slack = STICKY_SLACK if routing == STICKY else ()
    more = (min(round(times * max(case.static_sizes)), MOST_REPLICAS) for times in slack)
    sizes = dict.fromkeys((*case.static_sizes, *more))
    return [
        *(f"{STATIC}={size}" for size in sizes),
        *(f"{name}={load:g}" for name in names for load in LOADS[routing]),
    ]


def first_jobs(cases: Iterable[str] = tuple(CASES), seeds: Sequence[int] = SEEDS) -> Iterator[Job]:
    """All runs but those of the best swept targets, which are not known yet; what matters most comes first.

    Swept targets, and what knows the trace with sticky routing, have one seed only.
    """
    chosen = [CASES[name] for name in cases]
    for case in chosen:
        yield from _all(case, [TIDEGATE, STRONGEST_HPA, *hindsight(case)], seeds)
    for case in chosen:
        yield from _all(case, map(published, rivals()), seeds)
    for routing in ROUTINGS:
        for fault in FAULTS:
            for case in chosen:
                if case.name in FAULT_CASES:
                    yield from _all(case, [TIDEGATE], seeds, routing=routing, fault=fault.fault)
    for case in chosen:
        yield from _all(case, [TIDEGATE, STRONGEST_HPA], seeds, routing=STICKY)
        yield from _all(case, hindsight(case, STICKY), seeds[:1], routing=STICKY)
    for case in chosen:
        for rival in rivals():
            yield from _all(case, swept(rival), seeds[:1])


def quick_jobs(cases: Iterable[str] = tuple(CASES), seeds: Sequence[int] = SEEDS) -> Iterator[Job]:
    """A first look: few policies, one seed, no faults."""
    for name in cases:
        case = CASES[name]
        yield from _all(case, [TIDEGATE, STRONGEST_HPA, *hindsight(case)], seeds[:1])


def _all(
    case: Case, policies: Iterable[str], seeds: Sequence[int], *, routing: str = LEAST_LOADED, fault: str = ""
) -> Iterator[Job]:
    for policy in policies:
        for seed in seeds:
            yield Job(case=case.name, policy=policy, seed=seed, routing=routing, fault=fault)
