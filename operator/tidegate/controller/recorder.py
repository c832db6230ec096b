"""The flight recorder: what was seen and what was decided, kept on disk for whoever asks later.

It never holds up the loop: looks go into a queue, and a thread of its own writes them. What the queue cannot take or
the disk refuses is counted and left out; the next line of that service then carries its whole memory, so that a
recording with gaps is still right.
"""

import contextlib
import json
import math
import platform
import queue
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from tidegate import __version__
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.controller.segments import Segments
from tidegate.scaling.memory import Memory
from tidegate.scaling.recording import Document, Header, Look, Service, line

QUEUE_LOOKS = 10_000
"""Looks that may wait to be written: two turns over 5,000 services."""

STOP_SECONDS = 5.0
"""How long to wait at the end for what is still in the queue."""

TELL_AGAIN_SECONDS = 3600.0
"""A disk that stays full is told of no more often."""

HEADER_BYTES = 1024
"""More than the first line of a segment takes."""

Count = Callable[[str], None]
"""Told the outcome of each look."""

LEAST_FILES = 2
LEAST_SEGMENT_BYTES = 1024 * 1024
"""The line of one look at 500 pods has half of that."""

RECORDED, QUEUE_FULL, FAILED = "Recorded", "QueueFull", "Failed"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOptions:
    """Where to keep a recording, and how much of it."""

    directory: Path
    max_bytes: int = 256 * 1024 * 1024
    """Of all segments together."""

    files: int = 8
    """Segments; the oldest goes when another one begins."""

    def __post_init__(self) -> None:
        """Refuse what could hold nothing.

        Raises:
            ValueError: if a segment is too small.
        """
        if self.files < LEAST_FILES:
            raise ValueError(
                f"--recording-files {self.files} must be {LEAST_FILES} or more: one goes as another begins"
            )
        if self.segment_bytes < LEAST_SEGMENT_BYTES:
            raise ValueError(
                f"--recording-max-bytes {self.max_bytes} must be {LEAST_SEGMENT_BYTES} or more for each of "
                f"--recording-files {self.files}"
            )

    @property
    def segment_bytes(self) -> int:
        """The most bytes of one segment."""
        return self.max_bytes // self.files


@dataclass(frozen=True, slots=True)
class _Left:
    """What a service's last line has left behind."""

    memory: Memory
    spec: InferenceServiceSpec
    in_this_segment: bool = True


class Recorder:
    """Keeps looks. A context manager: its thread runs inside of it."""

    def __init__(self, options: RecordingOptions, count: Count) -> None:
        self._options = options
        self._segments = Segments(options.directory, segment_bytes=options.segment_bytes, files=options.files)
        self._count = count
        self._queue: queue.Queue[Look | None] = queue.Queue(QUEUE_LOOKS)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._tell_again_at = -math.inf
        self._left: dict[tuple[Service, str], _Left] = {}
        """By service and variant."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is in the queue, if that takes no longer than a few seconds."""
        try:
            self._queue.put(None, timeout=STOP_SECONDS)
        except queue.Full:
            return
        self._thread.join(STOP_SECONDS)

    def take(self, look: Look) -> None:
        """Keep a look. Returns at once."""
        try:
            self._queue.put_nowait(look)
        except queue.Full:
            self._count(QUEUE_FULL)

    def _run(self) -> None:
        while (look := self._queue.get()) is not None:
            self._try_to_write(look)
        self._segments.end()

    def _try_to_write(self, look: Look) -> None:
        try:
            self._write(look)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the recording
            self._left.pop((look.service, look.variant), None)
            self._count(FAILED)
            if look.time >= self._tell_again_at:
                self._tell_again_at = look.time + TELL_AGAIN_SECONDS
                log.warning(
                    "decisions are not recorded; tidegate_recorded_decisions_total counts them",
                    directory=str(self._options.directory),
                    service="/".join(look.service),
                    error=f"{type(error).__name__}: {error}",
                )
        else:
            self._left[look.service, look.variant] = _Left(look.after, look.spec)
            self._count(RECORDED)

    def _write(self, look: Look) -> None:
        text = self._line(look, is_first=False)
        if not self._segments.has_room(text):
            text = self._line(look, is_first=True)
            if len(text) > self._options.segment_bytes - HEADER_BYTES:
                raise ValueError(f"a line of {len(text)} bytes does not fit into a segment: raise the limit of bytes")
            self._begin(look.time)
        self._segments.write(text)

    def _begin(self, time: float) -> None:
        # Of services that were not looked at within a whole segment nothing has to be known: they may be gone.
        self._left = {
            key: replace(left, in_this_segment=False) for key, left in self._left.items() if left.in_this_segment
        }
        self._segments.begin(lambda number: _text(asdict(header(number, time))))

    def _line(self, look: Look, *, is_first: bool) -> bytes:
        """The line of a look, complete where the one before it is missing or in another segment."""
        left, spec = self._left.get((look.service, look.variant)), look.spec
        adopted = left is None or left.memory is not look.before
        complete = adopted or is_first or left is None or not left.in_this_segment
        changed = left is None or (left.spec.scaling, left.spec.replicas) != (spec.scaling, spec.replicas)
        return _text(line(look, with_policy=complete or changed, with_memory=complete, adopted=adopted))


@contextlib.asynccontextmanager
async def recording(options: RecordingOptions | None, count: Count) -> AsyncIterator[Callable[[Look], None] | None]:
    """Record inside of it, if somebody said where; what it gives takes the looks."""
    if options is None:
        yield None
        return
    with Recorder(options, count) as recorder:
        log.info("decisions are recorded", directory=str(options.directory), max_bytes=options.max_bytes)
        yield recorder.take


def header(segment: int, time: float) -> Header:
    """What this process would write first into a segment."""
    return Header(
        version=__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=f"{platform.system()} {platform.machine()} {' '.join(platform.libc_ver())}".strip(),
        segment=segment,
        time=time,
    )


def _text(document: Document) -> bytes:
    return (json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n").encode()
