"""What can be made to go wrong in a replay: metrics, replicas, clients, nodes, and what requests look like."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from random import Random
from typing import NamedTuple

from .trace import TraceRequest


class FaultKind(StrEnum):
    """What goes wrong."""

    METRICS_GAP = "metrics-gap"
    """No scrape succeeds for VALUE seconds."""

    SCRAPE_FAILURES = "scrape-failures"
    """VALUE percent of the scrapes fail, at random."""

    SLOW_REPLICA = "slow-replica"
    """The steps of one replica take VALUE times as long."""

    OUTPUT_DOUBLES = "output-doubles"
    """Answers are VALUE times as long."""

    PREFIX_CACHE = "prefix-cache"
    """A share VALUE of each prompt is found in the cache and need not be computed."""

    CLIENTS_GIVE_UP = "clients-give-up"
    """Clients that have no first token after VALUE seconds leave."""

    UNSCHEDULABLE = "unschedulable"
    """No more than VALUE replicas find a node."""

    NO_ROOM = "no-room"
    """No more replicas of the variant VALUE find a node."""


class _Range(NamedTuple):
    """Which values a kind can have."""

    least: float
    most: float
    says: str
    whole: bool = False


_RANGES = {
    FaultKind.METRICS_GAP: _Range(0.001, 86_400, "seconds, more than 0"),
    FaultKind.SCRAPE_FAILURES: _Range(0, 100, "percent, 0 to 100"),
    FaultKind.SLOW_REPLICA: _Range(1, 1000, "times as slow, 1 to 1000"),
    FaultKind.OUTPUT_DOUBLES: _Range(0.01, 100, "times as long, 0.01 to 100"),
    FaultKind.PREFIX_CACHE: _Range(0, 1, "share, 0 to 1"),
    FaultKind.CLIENTS_GIVE_UP: _Range(0.001, 86_400, "seconds, more than 0"),
    FaultKind.UNSCHEDULABLE: _Range(0, 1000, "replicas, a whole number from 0 to 1000", whole=True),
}

_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_FAULT = re.compile(
    rf"(?P<kind>[a-z-]+):(?:(?P<value>{_NUMBER})|(?<=^no-room:)(?P<variant>[a-z0-9][-a-z0-9]{{0,19}}))"
    rf"(?:@(?P<begin>{_NUMBER})(?P<range>\.\.(?P<end>{_NUMBER})?)?)?"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, from a time on."""

    kind: FaultKind
    value: float
    """In the unit that the kind's description says."""

    begin_seconds: float = 0.0
    """Since the start of the trace."""

    end_seconds: float = inf
    variant: str = ""
    """The only one that it concerns, where it concerns no number."""

    def __contains__(self, seconds: float) -> bool:
        return self.begin_seconds <= seconds < self.end_seconds

    def __str__(self) -> str:
        times = f"@{self.begin_seconds:g}" if self.begin_seconds or self.end_seconds < inf else ""
        if self.end_seconds < inf and self.kind is not FaultKind.METRICS_GAP:
            times += f"..{self.end_seconds:g}"
        return f"{self.kind}:{self.variant or format(self.value, 'g')}{times}"


def parse_fault(text: str) -> Fault:
    """Read ``KIND:VALUE``, ``KIND:VALUE@FROM`` or ``KIND:VALUE@FROM..UNTIL``, for example ``metrics-gap:60@600``.

    The value is a number; for ``no-room`` it is the name of a variant.

    Args:
        text: what to read; FROM and UNTIL are seconds since the start of the trace.

    Raises:
        ValueError: names what is wrong and what would be right.
    """
    match = _FAULT.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text[:80]!r} is no fault; give KIND:VALUE, KIND:VALUE@SECONDS or KIND:VALUE@FROM..UNTIL, for example "
            "metrics-gap:60@600"
        )
    name = match["kind"]
    if name not in set(FaultKind):
        raise ValueError(f"{text!r}: kind is {name!r}; give one of {', '.join(FaultKind)}")
    kind, begin = FaultKind(name), float(match["begin"] or 0)
    if kind is FaultKind.NO_ROOM:
        return Fault(kind, 0.0, begin, _end(match, begin), variant=match["variant"] or match["value"])
    value, allowed = float(match["value"]), _RANGES[kind]
    if not allowed.least <= value <= allowed.most or (allowed.whole and not value.is_integer()):
        raise ValueError(f"{text!r}: value is {match['value']}; give {allowed.says}")
    if kind is FaultKind.METRICS_GAP:
        if match["range"]:
            raise ValueError(
                f"{text!r}: {kind} lasts as long as its value says; give {kind}:{match['value']}@{begin:g}"
            )
        return Fault(kind, value, begin, begin + value)
    return Fault(kind, value, begin, _end(match, begin))


def _end(match: re.Match[str], begin: float) -> float:
    end = float(match["end"] or inf)
    if end <= begin:
        raise ValueError(f"{match[0]!r}: ends at {end:g}, which is not after {begin:g}; give a later end")
    return end


@dataclass(frozen=True, slots=True)
class Trouble:
    """All that goes wrong in one replay. Times are seconds since the start of the trace."""

    faults: Sequence[Fault] = ()

    def scrape_fails(self, seconds: float, random: Random) -> bool:
        """Whether the scrape of one pod at this time fails.

        Args:
            seconds: when.
            random: used only while there is a fault that needs it, so that other runs stay as they are.
        """
        if next(self._at(FaultKind.METRICS_GAP, seconds), None) is not None:
            return True
        return any(random.random() * 100 < percent for percent in self._at(FaultKind.SCRAPE_FAILURES, seconds))

    def as_sent(self, request: TraceRequest, context_tokens: int) -> TraceRequest:
        """The request with an answer as long as it is now; a longer one than it was ends where the context does."""
        if (wanted := self._wanted_output(request)) is None:
            return request
        return request._replace(output_tokens=max(1, min(wanted, context_tokens - request.prompt_tokens)))

    def is_cut(self, request: TraceRequest, context_tokens: int) -> bool:
        """Whether the answer, as long as it is now, ends early because the context of the model does."""
        wanted = self._wanted_output(request)
        return wanted is not None and request.prompt_tokens + wanted > context_tokens

    def cached_share(self, seconds: float) -> float:
        """Which share of a prompt that arrives now is in the cache."""
        return max(self._at(FaultKind.PREFIX_CACHE, seconds), default=0.0)

    def patience_seconds(self, seconds: float) -> float:
        """How long the client of a request that arrives now waits for the first token."""
        return min(self._at(FaultKind.CLIENTS_GIVE_UP, seconds), default=inf)

    def nodes(self, seconds: float) -> float:
        """How many replicas find a node now; infinity where that is no matter."""
        return min(self._at(FaultKind.UNSCHEDULABLE, seconds), default=inf)

    def without_room(self, seconds: float) -> frozenset[str]:
        """Variants of which no more replicas find a node now."""
        return frozenset(each.variant for each in self.faults if each.kind is FaultKind.NO_ROOM and seconds in each)

    def slow_replicas(self) -> tuple[Fault, ...]:
        """The faults of single replicas: each is one replica, `value` times as slow from its begin to its end."""
        return tuple(fault for fault in self.faults if fault.kind is FaultKind.SLOW_REPLICA)

    def _at(self, kind: FaultKind, seconds: float) -> Iterator[float]:
        return (fault.value for fault in self.faults if fault.kind is kind and seconds in fault)

    def _wanted_output(self, request: TraceRequest) -> int | None:
        """How long the answer is now, where it is not what it was."""
        if not self.faults:
            return None
        factor = max(self._at(FaultKind.OUTPUT_DOUBLES, request.time_seconds), default=1.0)
        return None if factor == 1 else round(request.output_tokens * factor)
