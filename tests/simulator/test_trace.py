import gzip
import os
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.simulator import trace as module
from tidegate.simulator.trace import Trace, TraceRequest, multiply, read_trace
from tidegate.simulator.trace_formats import TraceFormat
from tidegate.simulator.trace_lines import MAXIMUM_LINE_BYTES, TraceError

TRACES = Path(__file__).resolve().parents[2] / "examples" / "traces"
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
PLAIN = "time_seconds,prompt_tokens,output_tokens\n"
TWO = (TraceRequest(0.0, 374, 44), TraceRequest(1.5, 396, 109))

GOOD = {
    "Azure's of 2023, with its line ends": (
        "azure",
        AZURE + "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:48.1805900,396,109\r\n",
    ),
    "Azure's of 2024, with a time zone": (
        "azure",
        AZURE + "2024-05-10 00:00:00.009930+00:00,374,44\n2024-05-10 00:00:01.509930+00:00,396,109\n",
    ),
    "Azure's of 2024, a row without a fraction": (
        "azure",
        AZURE + "2024-05-10 00:00:00+00:00,374,44\n2024-05-10 00:00:01.500000+00:00,396,109\n",
    ),
    "over midnight": ("azure", AZURE + "2023-12-31 23:59:59.5,374,44\n2024-01-01 00:00:01,396,109\n"),
    "Mooncake's": (
        "mooncake",
        (
            '{"timestamp": 3000, "input_length": 374, "output_length": 44, "hash_ids": [0, 1]}\n'
            '{"timestamp": 4500, "input_length": 396, "output_length": 109, "hash_ids": [0]}\n'
        ),
    ),
    "plain": ("csv", PLAIN + "0,374,44\n1.5,396,109\n"),
    "plain, counted from 1970": ("csv", PLAIN + "1700158546.25,374,44\n1700158547.75,396,109\n"),
    "other columns beside, in another order": (
        "csv",
        "status,output_tokens, time_seconds ,prompt_tokens\n200,44,7,374\n200,109,8.5,396\n",
    ),
    "quoted": ("csv", '"time_seconds","prompt_tokens","output_tokens"\n"7","374","44"\n"8.5","396","109"\n'),
    "blank lines, no line end at the end": ("csv", PLAIN + "\n0,374,44\n\n1.5,396,109"),
    "a byte order mark, as spreadsheets write": ("csv", "\ufeff" + PLAIN + "0,374,44\n1.5,396,109\n"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("known", "text"), GOOD.values(), ids=GOOD)
def test_all_spellings_are_the_same_trace(known: str, text: str, packed: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest passes it by name
    """Whatever the format and the clock's zero, recognised or told, gzip or not."""
    file = tmp_path / "trace.txt"
    file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    trace = read_trace(file)
    assert (trace.name, trace.format, trace.requests, trace.refused) == ("trace.txt", known, TWO, 0)
    assert read_trace(file, known) == read_trace(file)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_pipe_is_read_too(packed: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest passes it by name
    """Which cannot be rewound: /dev/stdin, or a named one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = (PLAIN + "0,374,44\n1.5,396,109\n").encode()
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(text) if packed else text,))
    writer.start()
    assert read_trace(pipe).requests == TWO
    writer.join()


JSON_LINE = '{"timestamp": 0, "input_length": 5, "output_length": 5}\n'

BAD = {
    "nothing at all": ("", "", "is empty"),
    "only a header": (PLAIN, "", "has no requests, only a header"),
    "no header": ("0,10,10\n1,10,10\n", ":1", "begins with '0,10,10', which is no trace"),
    "a column missing": (
        "time_seconds,prompt_tokens\n0,10\n",
        ":1",
        "has 0 columns named output_tokens; the first line must name time_seconds,prompt_tokens,output_tokens once",
    ),
    "a column twice": ("time_seconds,prompt_tokens,output_tokens,prompt_tokens\n", ":1", "2 columns named prompt_tok"),
    "a cell missing": (PLAIN + "0,10,10\n1,10\n", ":3", "has 2 columns and the first line 3"),
    "a cell too many": (PLAIN + "0,10,10,4\n", ":2", "has 4 columns and the first line 3"),
    "an open quotation": (PLAIN + '0,10,"10\n1,10,10\n', ":2", "is no CSV: unexpected end of data"),
    "no time": (PLAIN + "soon,10,10\n", ":2", "time_seconds is 'soon'; give a time such as 12.5, in seconds"),
    "an empty time": (PLAIN + ",10,10\n", ":2", "time_seconds is ''"),
    "a time that is not a number": (PLAIN + "nan,10,10\n", ":2", "time_seconds is 'nan'"),
    "an infinite time": (PLAIN + "1e999,10,10\n", ":2", "time_seconds is '1e999'"),
    "no date": (AZURE + "2023-13-45 18:17:03,10,10\n", ":2", "TIMESTAMP is '2023-13-45 18:17:03'; give a time such as"),
    "no prompt": (PLAIN + "0,0,10\n", ":2", "prompt_tokens is '0'; give a whole number from 1 to 10,000,000"),
    "a negative answer": (PLAIN + "0,10,-1\n", ":2", "output_tokens is '-1'"),
    "a broken number": (PLAIN + "0,10.5,10\n", ":2", "prompt_tokens is '10.5'"),
    "an absurd prompt": (PLAIN + "0,10000001,10\n", ":2", "prompt_tokens is '10000001'"),
    "digits without end": (PLAIN + "0," + "9" * 5000 + ",10\n", ":2", "prompt_tokens is '9999"),
    "an earlier time": (
        PLAIN + "0,10,10\n5,10,10\n4.5,10,10\n",
        ":4",
        "time_seconds '4.5' is earlier than time_seconds '5' in line 3; sort the lines by time",
    ),
    "milliseconds for seconds": (
        PLAIN + "0,10,10\n2678400001,10,10\n",
        ":3",
        "time_seconds '2678400001' is 31,000 days after the first request, and at most 31 are simulated; check",
    ),
    "no JSON": (JSON_LINE + "{timestamp: 3}\n", ":2", "is no JSON: Expecting property name"),
    "JSON without end": (JSON_LINE + '{"a":' * 9000 + "\n", ":2", "is no JSON"),
    "JSON of another kind": (JSON_LINE + "[3, 10, 10]\n", ":2", "is '[3, 10, 10]'; give one JSON object on each line"),
    "a field missing": ('{"timestamp": 0, "input_length": 5}\n', ":1", "has no output_length; each line needs"),
    "a length of another type": (
        '{"timestamp": 0, "input_length": "5", "output_length": null}\n',
        ":1",
        "output_length is None",
    ),
    "a truth for a length": (
        '{"timestamp": 0, "input_length": true, "output_length": 5}\n',
        ":1",
        "input_length is Tr",
    ),
    "a text for milliseconds": (JSON_LINE.replace(" 0", ' "0"', 1), ":1", "timestamp is '0'; give a time such as 3000"),
    "a list of milliseconds": (JSON_LINE.replace(" 0", " [0]", 1), ":1", "timestamp is [0]"),
    "milliseconds that are not finite": (JSON_LINE.replace(" 0", " NaN", 1), ":1", "timestamp is nan"),
    "more milliseconds than a float holds": (JSON_LINE.replace(" 0", " 1" + "0" * 400, 1), ":1", "timestamp is 1000"),
    "a line without end": (PLAIN + "0," + "1" * MAXIMUM_LINE_BYTES, ":2", "is longer than 65,536 bytes"),
}


@pytest.mark.parametrize(("text", "line", "says"), BAD.values(), ids=BAD)
def test_what_cannot_be_meant_is_refused(text: str, line: str, says: str, tmp_path: Path) -> None:
    """The message names file, line, field and value, on one line that is not too long."""
    file = tmp_path / "trace.csv"
    file.write_text(text)
    with pytest.raises(TraceError) as caught:
        read_trace(file)
    assert str(caught.value).startswith(f"{file}{line}: ")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(file))
    assert "\n" not in str(caught.value)


ROWS = "".join((PLAIN, *(f"{second},10,10\n" for second in range(5000)))).encode()
BYTES = {
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", ":1", "is not text: invalid start byte; save the file as UTF-8"),
    "UTF-16": (PLAIN.encode("utf-16-le"), ":1", "is not text: it has a zero byte"),
    "an odd byte later on": (PLAIN.encode() + b"0,10,10\n1,10,\xff10\n", ":3", "is not text"),
    "gzip, cut off": (gzip.compress(ROWS)[:-20], ":", "the gzip is broken or cut off"),
    "gzip, altered": (gzip.compress(ROWS)[:-6] + b"abcdef", ":", "the gzip is broken or cut off"),
    "gzip, only its beginning": (b"\x1f\x8b", ":1", "the gzip is broken or cut off"),
}


@pytest.mark.parametrize(("content", "line", "says"), BYTES.values(), ids=BYTES)
def test_what_is_no_text_is_refused(content: bytes, line: str, says: str, tmp_path: Path) -> None:
    """With the line, where there is one."""
    file = tmp_path / "trace.csv.gz"
    file.write_bytes(content)
    with pytest.raises(TraceError) as caught:
        tuple(read_trace(file).requests)
    assert str(caught.value).startswith(f"{file}{line}")
    assert says in str(caught.value)


def test_a_format_that_was_told_is_held_to(tmp_path: Path) -> None:
    """A plain trace is no trace of Azure's."""
    file = tmp_path / "trace.csv"
    file.write_text(PLAIN + "0,10,10\n")
    with pytest.raises(TraceError, match="has 0 columns named TIMESTAMP"):
        read_trace(file, "azure")


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path: Path) -> None:
    """Sixty-four megabytes without a line end in a file of sixty kilobytes: the first line is refused, no more read."""
    file = tmp_path / "bomb.csv.gz"
    file.write_bytes(gzip.compress(b" " * (64 << 20)))
    with pytest.raises(TraceError, match=r"bomb\.csv\.gz:1: is longer than 65,536 bytes"):
        read_trace(file)


def test_more_requests_than_fit_into_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the file at the line that is too many, and when copies are made."""
    monkeypatch.setattr(module, "MAXIMUM_REQUESTS", 3)
    file = tmp_path / "trace.csv"
    file.write_text(PLAIN + "0,10,10\n" * 3)
    with pytest.raises(TraceError, match=r"2 times 3 requests are more than 3"):
        read_trace(file).multiplied(2)
    file.write_text(PLAIN + "0,10,10\n" * 4)
    with pytest.raises(TraceError, match=r"trace\.csv:5: has more than 3 requests; cut the file: head -n 3"):
        read_trace(file)


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        (AZURE + "2024-05-10 02:00:00+02:00,9,9\n", 1715299200),
        (AZURE + "2024-05-10 00:00:00,9,9\n", 1715299200),
        (PLAIN + "1715299200,9,9\n", 1715299200),
        (JSON_LINE.replace(" 0", " 3000", 1), 3),
    ],
    ids=["with a zone", "without one it is UTC", "since 1970", "milliseconds"],
)
def test_what_the_clock_showed_is_kept(text: str, clock: float, tmp_path: Path) -> None:
    """Schedules ask for it: the day and the hour of a trace."""
    file = tmp_path / "trace.csv"
    file.write_text(text)
    assert read_trace(file).clock_seconds == clock


@pytest.mark.parametrize(("name", "requests"), [("conversation", 10_190), ("code", 998)])
def test_the_shipped_traces_are_read(name: str, requests: int) -> None:
    """All of their rows, in order, from 0 on."""
    trace = read_trace(TRACES / f"azure-2023-{name}.csv.gz")
    assert trace.format is TraceFormat.AZURE
    assert len(trace.requests) == requests
    assert trace.requests[0].time_seconds == 0
    assert all(first.time_seconds <= second.time_seconds for first, second in pairwise(trace.requests))


def test_what_is_longer_than_the_context_is_left_out_and_counted() -> None:
    """An engine refuses those requests; what is multiplied before or after is counted alike."""
    trace = Trace("t", TraceFormat.CSV, (*TWO, TraceRequest(2.0, 900, 100)))
    assert trace.within(999) == Trace("t", TraceFormat.CSV, TWO, refused=1)
    assert trace.within(1000) == trace
    assert trace.within(999).multiplied(3).refused == trace.multiplied(3).within(999).refused == 3


def test_a_trace_of_which_nothing_fits_is_refused() -> None:
    """Rather than called a success without requests."""
    with pytest.raises(TraceError, match="each of its 2 requests is longer than the context of 400 tokens"):
        Trace("t", TraceFormat.CSV, TWO).within(400)


requests_lists = st.lists(
    st.builds(TraceRequest, st.floats(0, 100), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=20
).map(lambda found: sorted(found, key=lambda each: each.time_seconds))


@given(requests_lists, st.integers(1, 4), st.floats(0, 10), st.integers(0, 5))
def test_copies_are_the_same_requests_a_little_later(
    requests: list[TraceRequest], copies: int, jitter_seconds: float, seed: int
) -> None:
    """As many of each as asked for, none before its first, none later than the jitter, all in order, all repeatable."""
    made = multiply(requests, copies, jitter_seconds, seed)
    assert multiply(requests, copies, jitter_seconds, seed) == made
    assert sorted(each[1:] for each in made) == sorted(each[1:] for each in requests * copies)
    assert list(made) == sorted(made, key=lambda each: each.time_seconds)
    assert made[0].time_seconds == requests[0].time_seconds
    assert made[-1].time_seconds <= requests[-1].time_seconds + jitter_seconds
    if copies == 1:
        assert made == tuple(requests)


def test_another_seed_gives_other_copies() -> None:
    """Or three seeds would be one."""
    assert multiply(TWO, 2, 4.0, seed=1) != multiply(TWO, 2, 4.0, seed=2)
