"""Files of a recording: so many, of so many bytes together; the oldest goes when another one begins."""

import os
import re
from collections.abc import Callable
from pathlib import Path

_NAME = re.compile(r"recording-(\d{6,})\.jsonl")


class Segments:
    """Writes lines into numbered files. Not for several threads at once."""

    def __init__(self, directory: Path, *, segment_bytes: int, files: int) -> None:
        self._directory = directory
        self._files = files
        self._limit = segment_bytes
        self._file: int | None = None
        self._written = 0

    def has_room(self, line: bytes) -> bool:
        """Whether a segment is open, and a line fits into it."""
        return self._file is not None and self._written + len(line) <= self._limit

    def begin(self, first_line: Callable[[int], bytes]) -> None:
        """End the segment that is open, remove the oldest that are too many, and begin the next.

        Args:
            first_line: makes the first line, given the number of the segment.

        Raises:
            OSError: if it cannot be begun.
        """
        self.end()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = self._numbered()
        for number in sorted(there)[: max(0, len(there) - self._files + 1)]:
            there[number].unlink(missing_ok=True)
        number = max(there, default=0) + 1
        path = self._directory / f"recording-{number:06d}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._written = 0
        try:
            self.write(first_line(number))
        except OSError:
            self.end()
            path.unlink(missing_ok=True)
            raise

    def write(self, line: bytes) -> None:
        """Write a line into the segment that is open, or nothing of it.

        Raises:
            OSError: if it cannot be written. If not even the part of it that was can be taken back, the segment ends.
        """
        if self._file is None:
            raise OSError("no segment is open")
        try:
            left = line
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            self._take_back()
            raise
        self._written += len(line)

    def end(self) -> None:
        """Close the segment that is open."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _take_back(self) -> None:
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._written)
            os.lseek(self._file, self._written, os.SEEK_SET)
        except OSError:
            self.end()

    def _numbered(self) -> dict[int, Path]:
        return {int(found[1]): path for path in self._directory.iterdir() if (found := _NAME.fullmatch(path.name))}
