"""Reads what an operator has recorded: segments in order, each look with all that its decision needs."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.codec import decode
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.scaling.recording import FORMAT, Document, Header, RecordedLook, Service, read_line

SUFFIXES = (".jsonl", ".jsonl.gz")


class RecordingError(ValueError):
    """What was given is no recording that can be read."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a recording."""

    path: Path
    header: Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A look that can be decided again."""

    service: Service
    variant: str
    """Which way to run the service it is about."""

    time: float
    spec: InferenceServiceSpec
    observation: Observation
    decision: Document
    """What was decided then, as `decision_document` writes it."""

    memory: Memory | None
    """The memory that the line gives; None: what the step before has left behind."""

    adopted: bool
    """There is no step before, or its memory was not gone on with."""

    where: str
    """File and line."""


@dataclass(slots=True)
class Recording:
    """A recording that is read from its beginning, once."""

    segments: tuple[Segment, ...]
    notes: list[str] = field(default_factory=list)
    """What is odd about it, in words for people. Grows while it is read."""

    left_out: int = 0
    """Looks that cannot be decided again, since lines before them are missing."""

    _specs: dict[tuple[Service, str], InferenceServiceSpec] = field(default_factory=dict)
    """Policies of the services whose last line could be read, by service and variant."""

    def steps(self, only: Service | None = None) -> Iterator[Step]:
        """Read the looks at all services, or at one, in the order they were taken."""
        before: Header | None = None
        for segment in self.segments:
            if before is not None and segment.header.segment != before.segment + 1:
                self.notes.append(
                    f"{segment.path.name} is segment {segment.header.segment} and comes after {before.segment}: what "
                    "was in between is missing"
                )
                self._specs.clear()
            before = segment.header
            yield from self._in_segment(segment, only)

    def _in_segment(self, segment: Segment, only: Service | None) -> Iterator[Step]:
        for number, text in _lines(segment.path, self.notes):
            where = f"{segment.path.name}:{number}"
            try:
                document = json.loads(text)
                if only is not None and isinstance(document, dict) and document.get("service") != "/".join(only):
                    continue
                look = read_line(document)
            except ValueError as error:
                # It may have been any service's: of none is it known what its next decision begins with.
                self.notes.append(f"{where} cannot be read, and is left out: {_said(error)}")
                self._specs.clear()
                continue
            whose = (look.service, look.variant)
            known = self._specs.get(whose)
            spec = look.spec or known
            if spec is None or (known is None and look.memory is None):
                self.left_out += 1
                continue
            self._specs[whose] = spec
            yield _step(look, spec, where, adopted=look.adopted or known is None)


def open_recording(path: Path) -> Recording:
    """Find the segments of a recording.

    Args:
        path: of one segment, or of a directory with several; `.gz` is read as it is.

    Raises:
        RecordingError: if there is none, or it cannot be read; the message says what to do.
        OSError: if a file cannot be opened.
    """
    paths = sorted(each for each in path.iterdir() if each.name.endswith(SUFFIXES)) if path.is_dir() else [path]
    if not paths:
        raise RecordingError(f"{path}: no file in it ends with .jsonl; give a recording, or the directory of one")
    found, notes = [], []
    for each in paths:
        header = _header(each)
        if header is None and len(paths) > 1:
            notes.append(f"{each.name} is empty, and is left out")
        elif header is None:
            raise RecordingError(f"{each}: is empty; nothing was recorded yet, or the disk was full")
        else:
            found.append(Segment(each, header))
    if not found:
        raise RecordingError(f"{path}: all files in it are empty; nothing was recorded yet, or the disk was full")
    return Recording(tuple(sorted(found, key=lambda each: (each.header.time, each.header.segment))), notes)


def _header(path: Path) -> Header | None:
    """The first line; None of an empty file."""
    try:
        with _open(path) as file:
            text = file.readline(10_000)
        if not text:
            return None
        document = json.loads(text)
        form, version = document["format"], str(document.get("version"))[:20]
        header = decode(Header, document) if form == FORMAT else None
    except (ValueError, KeyError, TypeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RecordingError(
            f"{path}: is not a recording; its first line should say which Tidegate wrote it: {_said(error)}"
        ) from error
    if header is None:
        raise RecordingError(
            f"{path}: is in format {str(form)[:20]} and this version reads format {FORMAT}; take Tidegate {version}, "
            "which wrote it"
        )
    return header


def _lines(path: Path, notes: list[str]) -> Iterator[tuple[int, bytes]]:
    """The lines after the first, numbered as in the file. A last line that was cut is left out."""
    with _open(path) as file:
        number = 1
        try:
            for number, text in enumerate(file, 1):
                if not text.endswith(b"\n"):
                    notes.append(f"{path.name}:{number} is cut, and is left out: it is the last line")
                elif number > 1:
                    yield number, text
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            notes.append(f"{path.name} ends within its compression after line {number}: {error}")


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rb")
    return path.open("rb")


def _step(look: RecordedLook, spec: InferenceServiceSpec, where: str, *, adopted: bool) -> Step:
    return Step(
        service=look.service,
        variant=look.variant,
        time=look.time,
        spec=spec,
        observation=look.observation,
        decision=look.decision,
        memory=look.memory,
        adopted=adopted,
        where=where,
    )


def _said(error: Exception) -> str:
    """What an error says, in one short line."""
    text: Any = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
    return " ".join(str(text).split())[:200]
