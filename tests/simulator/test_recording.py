"""Reading recordings: whole, cut, broken, incomplete, of another version, or not recordings at all."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from recorded_flight import START, lines_of, looks, write_segment
from tidegate.simulator.recording import Recording, RecordingError, open_recording


def read(path: Path) -> tuple[Recording, list[str]]:
    """Read all of it; where its steps stand."""
    recording = open_recording(path)
    return recording, [step.where for step in recording.steps()]


def three_segments(directory: Path) -> None:
    """Thirty looks in three files."""
    given = looks(30)
    for number in range(3):
        lines = lines_of(given[10 * number : 10 * number + 10], adopted=number == 0)
        write_segment(directory / f"recording-00000{number + 1}.jsonl", number + 1, lines)


def test_a_directory_is_read_in_the_order_of_writing(tmp_path: Path) -> None:
    """Memory is told at the start of each segment, and is known before all but the first."""
    three_segments(tmp_path)
    recording = open_recording(tmp_path)
    steps = list(recording.steps())

    assert [step.time for step in steps] == [START + 5.0 * number for number in range(30)]
    assert [number for number, step in enumerate(steps) if step.memory is not None] == [0, 10, 20]
    assert [number for number, step in enumerate(steps) if step.adopted] == [0]
    assert steps[0].where == "recording-000001.jsonl:2"
    assert steps[25].spec == steps[0].spec
    assert (recording.notes, recording.left_out) == ([], 0)


def test_names_of_files_do_not_matter(tmp_path: Path) -> None:
    """Whoever renames them takes no order away; gzip is read as it is."""
    three_segments(tmp_path)
    (tmp_path / "recording-000001.jsonl").rename(tmp_path / "z.jsonl")
    middle = tmp_path / "recording-000002.jsonl"
    (tmp_path / "m.jsonl.gz").write_bytes(gzip.compress(middle.read_bytes()))
    middle.unlink()
    recording, where = read(tmp_path)

    assert [text.partition(":")[0] for text in where[::10]] == ["z.jsonl", "m.jsonl.gz", "recording-000003.jsonl"]
    assert recording.notes == []


def test_a_missing_segment_is_told_and_gone_on_after(tmp_path: Path) -> None:
    """The next one has all that its decisions need, but they do not follow from those before."""
    three_segments(tmp_path)
    (tmp_path / "recording-000002.jsonl").unlink()
    recording = open_recording(tmp_path)
    steps = list(recording.steps())

    assert recording.notes == [
        "recording-000003.jsonl is segment 3 and comes after 1: what was in between is missing",
    ]
    assert (len(steps), steps[10].adopted) == (20, True)


def test_a_last_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    """As a process leaves it that was killed."""
    path = write_segment(tmp_path / "a.jsonl", 1, lines_of(looks(5)))
    path.write_bytes(path.read_bytes()[:-30])
    recording, where = read(path)

    assert len(where) == 4
    assert recording.notes == ["a.jsonl:6 is cut, and is left out: it is the last line"]


def test_compression_that_was_cut_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """As a download leaves it that was broken off."""
    path = tmp_path / "a.jsonl.gz"
    whole = write_segment(tmp_path / "b.jsonl", 1, lines_of(looks(200))).read_bytes()
    path.write_bytes(gzip.compress(whole)[:-3000])
    recording, where = read(path)

    assert 50 < len(where) < 200
    assert "a.jsonl.gz" in recording.notes[0]


WITHOUT_POLICY = '"time": 1, "service": "default/chat", "decision": {}, "observation": {"replicas": 2}'
BROKEN = {
    "no JSON": ("{,", "Expecting property name"),
    "no object": ("[1]", "the line is no object"),
    "a part": ('{"time": 1, "service": "default/chat"}', "decision is missing"),
    "a wrong field": (
        '{"time": 1, "service": "default/chat", "decision": {}, "observation": {"replicas": "two"}}',
        "Observation.replicas: 'two' is no int",
    ),
    "a wrong policy": (
        f'{{{WITHOUT_POLICY}, "policy": {{"scaling": {{"minReplicas": "x"}}, "replicas": null}}}}',
        "validation error",
    ),
    "a policy of nothing": (f'{{{WITHOUT_POLICY}, "policy": []}}', "policy: [] is no object"),
    "a decision of nothing": (
        '{"time": 1, "service": "default/chat", "decision": 7, "observation": {"replicas": 2}}',
        "decision: 7 is no object",
    ),
}


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_left_out_with_all_that_needs_it(tmp_path: Path, text: str, says: str) -> None:
    """Whose it was is not known: every service waits until a line tells its memory again."""
    given = looks(10)
    lines = lines_of(given)
    first = write_segment(tmp_path / "a.jsonl", 1, lines[:5])
    first.write_text(first.read_text() + text + "\n" + "".join(json.dumps(line) + "\n" for line in lines[5:]))
    write_segment(tmp_path / "b.jsonl", 2, lines_of(looks(3), adopted=False))
    recording = open_recording(tmp_path)
    steps = list(recording.steps())

    assert (len(steps), recording.left_out) == (8, 5)
    assert steps[5].adopted
    assert len(recording.notes) == 1
    assert recording.notes[0].startswith("a.jsonl:7 cannot be read, and is left out: ")
    assert says in recording.notes[0]


def test_one_service_can_be_picked(tmp_path: Path) -> None:
    """The others are passed over."""
    given = [look for pair in zip(looks(4), looks(4, name="other"), strict=True) for look in pair]
    recording = open_recording(write_segment(tmp_path / "a.jsonl", 1, lines_of(given)))

    assert {step.service for step in recording.steps(("default", "other"))} == {("default", "other")}


def test_an_empty_file_beside_others_is_left_out(tmp_path: Path) -> None:
    """A disk that was full leaves it."""
    three_segments(tmp_path)
    (tmp_path / "recording-000004.jsonl").write_text("")
    recording, where = read(tmp_path)

    assert (len(where), recording.notes) == (30, ["recording-000004.jsonl is empty, and is left out"])


NOT_RECORDINGS: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"a.jsonl": ""}, "is empty; nothing was recorded yet"),
    "two empty ones": ({"a.jsonl": "", "b.jsonl": ""}, "all files in it are empty"),
    "an empty directory": ({}, "no file in it ends with .jsonl"),
    "a text": ({"a.jsonl": "hello\n"}, "is not a recording"),
    "a trace": ({"a.jsonl": '{"timestamp": 0, "input_length": 1, "output_length": 2}\n'}, "'format' is missing"),
    "bytes": ({"a.jsonl": b"\xff\x00\xfe"}, "is not a recording"),
    "no gzip": ({"a.jsonl.gz": b"plain"}, "is not a recording"),
    "a list": ({"a.jsonl": "[]\n"}, "is not a recording"),
    "a later format": (
        {"a.jsonl": '{"format": 9, "version": "8.0"}\n'},
        "is in format 9 and this version reads format 1",
    ),
    "half a header": ({"a.jsonl": '{"format": 1, "version": "8.0"}\n'}, "Header.python is missing"),
}


@pytest.mark.parametrize(("files", "says"), NOT_RECORDINGS.values(), ids=NOT_RECORDINGS)
def test_what_is_no_recording_is_refused_by_name(tmp_path: Path, files: dict[str, str | bytes], says: str) -> None:
    """With what is wrong about it."""
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    path = tmp_path / next(iter(files)) if len(files) == 1 else tmp_path

    with pytest.raises(RecordingError) as raised:
        open_recording(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)
