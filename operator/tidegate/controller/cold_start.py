"""How long pods took from their creation until they answered, phase by phase: each pod once. Pure.

The times come from three clocks: the API server's (creation), the scheduler's, and the node's. A phase that begins and
ends on two clocks may come out wrong by what they differ; one that comes out impossible is left out, never mended.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError

from tidegate.api.routing import ColdStart
from tidegate.cluster.reading import seconds
from tidegate.controller.records import Document, PodRecord, timestamp

LONGEST_SECONDS = 2_147_483_647
"""More than the API has room for: a clock that is not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStarts:
    """Those of one service's pods, as far as they were seen."""

    last: ColdStart | None = None
    """Of the pod that was ready last."""

    new: tuple[ColdStart, ...] = ()
    """Those that the last look has found, in the order in which the pods were ready."""

    seen: frozenset[str] | None = None
    """Uids of the pods that have been ready; None before the first look."""

    @classmethod
    def adopt(cls, status: Document) -> Self:
        """Begin with what a status remembers; with nothing, if another version wrote it otherwise."""
        try:
            written = status.get("coldStart")
            return cls(last=None if written is None else ColdStart.model_validate(written))
        except ValidationError:
            return cls()

    def observe(self, pods: Iterable[PodRecord]) -> Self:
        """Take in the pods that have got ready since the last look.

        At the first look nobody knows which of them have fallen ill and recovered meanwhile. Those are taken for new
        that have not restarted, and were ready after the last one that is written; none where none is.
        """
        pods = list(pods)
        ready = [pod for pod in pods if pod.start is not None]
        if self.seen is None:
            fresh = [pod for pod in ready if self._may_be_new(pod)]
        else:
            fresh = [pod for pod in ready if pod.uid not in self.seen]
        if self.seen is not None and not fresh and not self.new and self.seen <= {pod.uid for pod in pods}:
            return self
        new = sorted((each for pod in fresh if (each := cold_start(pod)) is not None), key=_ready_at)
        last = max((each for each in (self.last, *new) if each is not None), key=_ready_at, default=None)
        there = (self.seen or frozenset()) & {pod.uid for pod in pods}
        return type(self)(last=last, new=tuple(new), seen=there | {pod.uid for pod in ready})

    def _may_be_new(self, pod: PodRecord) -> bool:
        last, start = self.last, pod.start
        if last is None or start is None or start.running is None or pod.key[1] == last.pod:
            return False
        return start.ready > _ready_at(last)


def cold_start(pod: PodRecord) -> ColdStart | None:
    """How long a ready pod took; None where its times cannot be: not even the sum of all phases is known then.

    Args:
        pod: one that has got ready for the first time.
    """
    start, created = pod.start, pod.created
    if start is None or created is None or not 0 <= start.ready - created <= LONGEST_SECONDS:
        return None
    total_seconds = start.ready - created
    return ColdStart(
        time=timestamp(start.ready),
        pod=pod.key[1],
        total_seconds=round(total_seconds),
        scheduled_seconds=_phase(created, start.scheduled, total_seconds),
        pulled_seconds=_phase(start.scheduled, start.running, total_seconds),
        loaded_seconds=_phase(start.running, start.ready, total_seconds),
    )


def wording(start: ColdStart) -> str:
    """Say it in a sentence's part: `ready 42 s after it was created: 1 s to get a node, ...`."""
    phases = (
        (start.scheduled_seconds, "to get a node"),
        (start.pulled_seconds, "to pull and start"),
        (start.loaded_seconds, "to load the model"),
    )
    told = ", ".join(f"{spent:,} s {what}" for spent, what in phases if spent is not None)
    return f"ready {start.total_seconds:,} s after it was created" + (f": {told}" if told else "")


def _phase(begin: float | None, end: float | None, total_seconds: float) -> int | None:
    """Seconds between two stations; None where one is not known, or clocks disagree about their order."""
    if begin is None or end is None or not 0 <= end - begin <= total_seconds:
        return None
    return round(end - begin)


def _ready_at(start: ColdStart) -> float:
    return seconds(start.time)
