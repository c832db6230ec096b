"""The recorder keeps out of the way: whatever the disk does, and however slow it is."""

import errno
import json
import os
import stat
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tidegate.api.inference_service import InferenceServiceSpec, Model
from tidegate.controller import recorder as module
from tidegate.controller import segments as segments_module
from tidegate.controller.recorder import Recorder, RecordingOptions, recording
from tidegate.controller.segments import Segments
from tidegate.scaling.decide import decide
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.recording import Look
from tidegate.scaling.sample import ScrapeFailure

MIB = 1024 * 1024
SPEC = InferenceServiceSpec(model=Model(name="m"))


def looks(amount: int, name: str = "chat", pods: int = 1, start: float = 1000.0) -> list[Look]:
    """Looks at a service, each from where the last one left off."""
    found, memory = [], Memory()
    for number in range(amount):
        time = start + 5.0 * number
        reading = ScrapeFailure(time=time, reason="Timeout", message="x" * 200)
        observation = Observation(
            replicas=pods,
            pods=tuple(PodObservation(uid=f"{pod}", name=f"{pod}", ready=True, reading=reading) for pod in range(pods)),
        )
        decision, after = decide(SPEC, observation, memory, time)
        found.append(
            Look(
                service=("default", name),
                time=time,
                spec=SPEC,
                observation=observation,
                before=memory,
                decision=decision,
                after=after,
            )
        )
        memory = after
    return found


def kept(directory: Path, given: list[Look], *, max_bytes: int = 8 * MIB, files: int = 2) -> Counter[str]:
    """Record looks; the outcomes."""
    outcomes: Counter[str] = Counter()
    options = RecordingOptions(directory=directory, max_bytes=max_bytes, files=files)
    with Recorder(options, lambda outcome: outcomes.update([outcome])) as recorder:
        for look in given:
            recorder.take(look)
    return outcomes


def lines(directory: Path) -> list[dict[str, object]]:
    """All lines of all segments but the first of each."""
    return [
        json.loads(line)
        for path in sorted(directory.iterdir())
        for line in path.read_text().splitlines(keepends=True)[1:]
    ]


class FailingDisk:
    """`os`, of which each write that a test names fails, after the first bytes were written."""

    def __init__(self, fails: Callable[[int], bool], *, can_take_back: bool = True) -> None:
        self._fails = fails
        self._can_take_back = can_take_back
        self._writes = 0

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def write(self, file: int, data: bytes) -> int:
        """Write, or not."""
        self._writes += 1
        if self._fails(self._writes):
            os.write(file, data[:7])
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(file, data)

    def ftruncate(self, file: int, length: int) -> None:
        """Take back, or not."""
        if not self._can_take_back:
            raise OSError(errno.EIO, "Input/output error")
        os.ftruncate(file, length)


class TestDisk:
    """What the disk may do."""

    def test_files_are_for_the_owner_alone_and_their_numbers_go_on(self, tmp_path: Path) -> None:
        """A new process writes a new file, whatever is there; other files are left alone."""
        directory = tmp_path / "a" / "b"
        kept(directory, looks(2))
        (directory / "notes.txt").write_text("mine")
        kept(directory, looks(2))

        assert sorted(path.name for path in directory.iterdir()) == [
            "notes.txt",
            "recording-000001.jsonl",
            "recording-000002.jsonl",
        ]
        assert stat.S_IMODE((directory / "recording-000001.jsonl").stat().st_mode) == 0o600
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    def test_a_full_disk_is_told_once_and_counted_and_what_follows_is_complete(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No half line stays; the next line carries what the missing ones would have left behind."""
        monkeypatch.setattr(segments_module, "os", FailingDisk(lambda write: 3 <= write <= 6))
        with capture_logs() as logs:
            outcomes = kept(tmp_path, looks(10))

        assert outcomes == {"Recorded": 6, "Failed": 4}
        warnings = [each for each in logs if each["log_level"] == "warning"]
        assert len(warnings) == 1
        assert "No space left" in warnings[0]["error"]
        assert len(list(tmp_path.iterdir())) == 1
        written = lines(tmp_path)
        assert [line["time"] for line in written] == [1000.0, *(1025.0 + 5 * number for number in range(5))]
        assert [(line.get("adopted"), "policy" in line) for line in written] == [
            (True, True),
            (True, True),
            *[(None, False)] * 4,
        ]

    def test_what_cannot_be_taken_back_ends_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The next line begins another one: only the last line of a file can be cut."""
        monkeypatch.setattr(segments_module, "os", FailingDisk(lambda write: write == 3, can_take_back=False))
        assert kept(tmp_path, looks(4)) == {"Recorded": 3, "Failed": 1}

        first, second = sorted(tmp_path.iterdir())
        assert [line.endswith("\n") for line in first.read_text().splitlines(keepends=True)] == [True, True, False]
        assert len(second.read_text().splitlines()) == 3

    def test_a_disk_that_stays_full_costs_no_old_recording(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One file makes room for the next that is begun; attempts that fail take no others."""
        for _ in range(4):
            kept(tmp_path, looks(1), files=4)
        monkeypatch.setattr(segments_module, "os", FailingDisk(lambda _: True))
        assert kept(tmp_path, looks(20), files=4) == {"Failed": 20}

        assert [path.name for path in sorted(tmp_path.iterdir())] == [f"recording-00000{n}.jsonl" for n in (2, 3, 4)]

    def test_a_directory_that_cannot_be_made_is_told_and_counted(self, tmp_path: Path) -> None:
        """The loop goes on."""
        (tmp_path / "file").write_text("")
        with capture_logs() as logs:
            assert kept(tmp_path / "file" / "recording", looks(3)) == {"Failed": 3}
        assert [each["log_level"] for each in logs] == ["warning"]

    def test_it_is_told_again_after_an_hour(self, tmp_path: Path) -> None:
        """Of the time of the looks; whoever reads yesterday's log has missed it."""
        (tmp_path / "file").write_text("")
        with capture_logs() as logs:
            kept(tmp_path / "file", [*looks(3), *looks(3, start=1000.0 + 3600.0)])
        assert len(logs) == 2

    def test_a_look_that_is_larger_than_a_file_is_left_out_and_costs_nothing_else(self, tmp_path: Path) -> None:
        """Neither the files that are there nor the other services."""
        before = looks(3)
        outcomes = kept(tmp_path, [*before, *looks(2, name="huge", pods=4000)], max_bytes=2 * MIB)

        assert outcomes == {"Recorded": 3, "Failed": 2}
        assert len(lines(tmp_path)) == 3


class TestQueue:
    """What has to wait for the disk."""

    def test_what_the_queue_cannot_take_is_counted_and_does_not_wait(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a recorder whose thread hangs, here: has not begun."""
        monkeypatch.setattr(module, "QUEUE_LOOKS", 3)
        outcomes, written = Counter[str](), threading.Semaphore(0)

        def count(outcome: str) -> None:
            outcomes.update([outcome])
            written.release()

        recorder = Recorder(RecordingOptions(directory=tmp_path), count)
        given = looks(6)
        for look in given[:5]:
            recorder.take(look)
        assert outcomes == {"QueueFull": 2}

        with recorder:
            assert all(written.acquire(timeout=10) for _ in range(5))
            recorder.take(given[5])
        assert outcomes == {"QueueFull": 2, "Recorded": 4}
        assert [line.get("adopted") for line in lines(tmp_path)] == [True, None, None, True]

    def test_a_fault_in_writing_ends_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not the thread, and so not the recording."""
        real = module.line

        def failing_once(look: Look, **options: bool) -> object:
            if look.time == 1005.0:
                raise RuntimeError("a fault of ours")
            return real(look, **options)

        monkeypatch.setattr(module, "line", failing_once)
        assert kept(tmp_path, looks(3)) == {"Recorded": 2, "Failed": 1}
        assert [line.get("adopted") for line in lines(tmp_path)] == [True, True]

    async def test_without_a_directory_nothing_is_kept(self) -> None:
        """It is off unless asked for."""
        async with recording(None, lambda _: None) as take:
            assert take is None

    async def test_with_one_the_looks_are_taken(self, tmp_path: Path) -> None:
        """And are on disk at the end."""
        async with recording(RecordingOptions(directory=tmp_path), lambda _: None) as take:
            assert take is not None
            take(looks(1)[0])
        assert len(lines(tmp_path)) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"files": 1}, "--recording-files 1 must be 2 or more"),
        ({"max_bytes": 8 * MIB - 1, "files": 8}, "--recording-max-bytes 8388607 must be 1048576 or more for each of"),
    ],
)
def test_sizes_that_could_hold_nothing_are_refused(options: dict[str, int], says: str) -> None:
    """By the names of the flags."""
    with pytest.raises(ValueError, match=says):
        replace(RecordingOptions(directory=Path("a")), **options)


def test_nothing_is_written_where_nothing_is_open(tmp_path: Path) -> None:
    """A segment has to be begun."""
    files = Segments(tmp_path, segment_bytes=MIB, files=2)
    assert not files.has_room(b"")
    with pytest.raises(OSError, match="no segment is open"):
        files.write(b"a")
