"""Applies of a body that do not last: three are enough to know that somebody else wants it otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tidegate.workloads.hashing import body_hash_of
from tidegate.workloads.healing import Cause, Need
from tidegate.workloads.live import LiveChild

APPLIES_TO_STOP = 3
WINDOW_SECONDS = 3600.0
"""Three applies of one body within this time, and it still does not stay. As long as an hour, because tools that
revert do so every few minutes, and each round may restart every pod twice."""

REHEARSE_SECONDS = (15.0, 60.0, 300.0)
"""After three applies that a webhook has changed, how long before the first, the second and every later dry run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """Recent applies of one child's body, to notice that they do not last."""

    body_hash: str = ""
    applied_at: tuple[float, ...] = ()
    written_over: str = ""
    """The resourceVersion that the last apply replaced; empty if it changed nothing."""

    altered: tuple[str, ...] = ()
    """Fields of the last apply that came back changed: nobody is recorded as their writer."""

    stopped: bool = False
    """Three applies did not last. Stays until the body is another one, so that no pod is restarted for a lost cause;
    where a webhook is the cause, until a rehearsal shows that it is gone."""

    rehearsals: int = 0
    """Since it was stopped."""

    rehearse_at: float = 0.0


class Verdict(StrEnum):
    """What to do about a need."""

    APPLY = "Apply"
    WAIT = "Wait"
    """What was looked at is older than our own last apply."""

    STOP = "Stop"
    """It was applied three times and does not stay: name the other writer and leave it."""

    REHEARSE = "Rehearse"
    """The same, and it is time to ask the API server, which then writes nothing, whether it would stay by now."""


def altered_need(memory: Convergence, live: LiveChild | None, body: Mapping[str, Any]) -> Need | None:
    """Say whether a body must be applied again, because the last apply of it came back changed."""
    if live is None or live.deleting or not memory.altered or memory.body_hash != body_hash_of(body):
        return None
    return Need(cause=Cause.ALTERED, fields=memory.altered)


def applied(
    memory: Convergence,
    body: Mapping[str, Any],
    *,
    over: str,
    answer: str,
    now: float,
    altered: tuple[str, ...] = (),
) -> Convergence:
    """Remember an apply.

    Args:
        memory: what was remembered before.
        body: the body that was applied.
        over: the resourceVersion that it replaced; empty for a creation.
        answer: the resourceVersion that it has now.
        now: seconds of any clock that does not go back.
        altered: the fields that came back changed.
    """
    body_hash = body_hash_of(body)
    is_mended = bool(memory.altered) and not altered
    earlier = memory.applied_at if memory.body_hash == body_hash and not is_mended else ()
    # A creation does not count: whoever deletes a Deployment wants it back as it should be.
    counted = (now,) if over or altered else ()
    recent = (*(time for time in earlier if now - time < WINDOW_SECONDS), *counted)
    return Convergence(
        body_hash=body_hash,
        applied_at=recent[-APPLIES_TO_STOP:],
        written_over=over if over != answer else "",
        altered=altered,
        stopped=len(recent) >= APPLIES_TO_STOP,
        rehearse_at=now + REHEARSE_SECONDS[0],
    )


def rehearsed(memory: Convergence, body: Mapping[str, Any], *, altered: tuple[str, ...], now: float) -> Convergence:
    """Remember a dry run that showed that the body would come back changed still."""
    waits = REHEARSE_SECONDS[min(memory.rehearsals + 1, len(REHEARSE_SECONDS) - 1)]
    return replace(
        memory,
        body_hash=body_hash_of(body),
        altered=altered,
        stopped=True,
        rehearsals=memory.rehearsals + 1,
        rehearse_at=now + waits,
    )


def verdict(memory: Convergence, live: LiveChild | None, body: Mapping[str, Any], now: float) -> Verdict:
    """Say what to do about a body that `needs_apply`."""
    if live is None:
        return Verdict.APPLY
    if live.resource_version == memory.written_over:
        return Verdict.WAIT
    if not memory.stopped or memory.body_hash != body_hash_of(body):
        return Verdict.APPLY
    return Verdict.REHEARSE if memory.altered and now >= memory.rehearse_at else Verdict.STOP
