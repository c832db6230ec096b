"""What each request's outcome is worth, given what failed around it. No clock, no network."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway_rig.client import Account, Outcome

SETTLE_SECONDS = 1.0
"""How long after a connection broke its client may take to see it, on two busy cores."""

RETURN_SECONDS = 6.0
"""How long an Envoy may take from its start until it listens, on two busy cores."""

LATE_SECONDS = 10.0
"""How long after the end of a hold a refusal may take to arrive."""

ENGINE_FAULT = "simulated fault"
"""In the message of errors that engines answer because they were told to."""


class Verdict(StrEnum):
    """One of these for each request."""

    ANSWERED = "answered"
    REFUSED = "clean 429, 503 or 504"
    ENGINE_ERROR = "the engine's own error"
    """A gateway passes on what an engine answers."""

    WITH_ITS_GATEWAY = "went with its Envoy"
    """The process that carried it was killed."""

    NOBODY_THERE = "Envoy not there"
    """It was not back yet, and still, or already, in the service's slice: no request was taken."""

    WITH_ITS_POD = "went with its pod"
    """Its answer had begun when its engine broke."""

    DEFECT = "DEFECT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that was broken for a while, on purpose.

    Attributes:
        kind: Name of the fault.
        target: What was hit: `gateway-0`, `operator`, a pod's address, ...
        began: When, in seconds of `time.time()`.
        ended: When it was mended.
    """

    kind: str
    target: str
    began: float
    ended: float

    def touches(self, began: float, ended: float) -> bool:
        """Whether it was there at any time between two instants."""
        return self.began <= ended and began <= self.ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that outcomes are judged by.

    Attributes:
        failures: Everything that was broken.
        envoy_gone: By a gateway's number, when its Envoy did not run: (from, to).
        pod_broken: By a pod's address, when its connections were cut.
        pods: By a request's id, the address of each pod that got it, in order.
        hold_seconds: The services' `holdTimeoutSeconds`.
    """

    failures: Sequence[Failure]
    envoy_gone: Mapping[int, Sequence[tuple[float, float]]]
    pod_broken: Mapping[str, Sequence[float]]
    pods: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hold_seconds: float = 60.0


def verdict(account: Account, evidence: Evidence) -> Verdict:
    """Judge one request."""
    rules = _RULES.get(account.outcome, ())
    return next((each for holds, each in rules if holds(account, evidence)), Verdict.DEFECT)


def around(account: Account, failures: Iterable[Failure]) -> str:
    """The fault that a request met: the last that began before it ended; `none` if there was none while it ran."""
    met = [each for each in failures if each.touches(account.sent, account.ended)]
    return max(met, key=lambda each: each.began).kind if met else "none"


def around_time(when: float, failures: Iterable[Failure]) -> str:
    """All faults of an instant."""
    return " and ".join(sorted({each.kind for each in failures if each.touches(when, when)})) or "none"


def tally(accounts: Iterable[Account], evidence: Evidence) -> dict[str, Counter[Verdict]]:
    """How many requests had which verdict, by the fault that they met."""
    counts: dict[str, Counter[Verdict]] = defaultdict(Counter)
    for account in accounts:
        counts[around(account, evidence.failures)][verdict(account, evidence)] += 1
    return dict(counts)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Requests that more than one pod got, or one pod more than once."""

    before_first_byte: int
    after_first_byte: int


def duplicates(events: Iterable[tuple[float, str, str, str]]) -> Duplicates:
    """Count them.

    Args:
        events: Of the engines, in order: (time, `in` or `byte` or another name, address, id).
    """
    arrived: set[str] = set()
    begun: set[str] = set()
    before = after = 0
    for _, event, _, identity in events:
        if event == "byte":
            begun.add(identity)
        elif event == "in":
            before += identity in arrived and identity not in begun
            after += identity in arrived and identity in begun
            arrived.add(identity)
    return Duplicates(before, after)


def _is_late(account: Account, evidence: Evidence) -> bool:
    return account.ended - account.sent > evidence.hold_seconds + LATE_SECONDS


def _envoy_was_gone(account: Account, evidence: Evidence) -> bool:
    gone = evidence.envoy_gone.get(account.gateway, ())
    return any(start <= account.ended and account.sent <= end + RETURN_SECONDS for start, end in gone)


def _pod_broke(account: Account, evidence: Evidence) -> bool:
    since = account.first_byte if account.first_byte is not None else account.sent
    return any(
        since - SETTLE_SECONDS <= when <= account.ended
        for pod in evidence.pods.get(account.identity, ())
        for when in evidence.pod_broken.get(pod, ())
    )


_Holds = Callable[[Account, Evidence], bool]

_RULES: Mapping[Outcome, Sequence[tuple[_Holds, Verdict]]] = {
    Outcome.ANSWERED: [(lambda *_: True, Verdict.ANSWERED)],
    Outcome.REFUSED: [(lambda account, evidence: not _is_late(account, evidence), Verdict.REFUSED)],
    Outcome.UNCLEAN: [(lambda account, _: ENGINE_FAULT in account.detail, Verdict.ENGINE_ERROR)],
    Outcome.NOT_CONNECTED: [(_envoy_was_gone, Verdict.NOBODY_THERE)],
    Outcome.LOST: [(_envoy_was_gone, Verdict.WITH_ITS_GATEWAY)],
    Outcome.CUT: [(_envoy_was_gone, Verdict.WITH_ITS_GATEWAY), (_pod_broke, Verdict.WITH_ITS_POD)],
}
"""By the outcome, what excuses it; all else is a defect."""
