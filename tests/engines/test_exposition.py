"""The reader of wanted series, by examples and against prometheus_client's parser."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tidegate.engines.exposition import Series, TooManyLinesError, declares_counter, find_series

NAMES = ("vllm:num_requests_waiting", "kv", "kv_usage")


def _values(page: str, name: str = "kv") -> list[float]:
    return [series.value for series in find_series(page.encode(), NAMES, 100).get(name, [])]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("kv 3", 3),
        ("kv 3.5", 3.5),
        ("kv\t3", 3),
        ("kv   3  ", 3),
        ("kv{} 3", 3),
        ("kv{} +3", 3),
        ('kv{a="b"}3', 3),
        ('kv {a="b"} 3', 3),
        ('kv{ a = "b" , } 3', 3),
        ('kv{a="}"} 3', 3),
        ('kv{a="{"} 3', 3),
        ('kv{a="\\""} 3', 3),
        ('kv{a="\\\\"} 3', 3),
        ('kv{a="x\\ny"} 3', 3),
        ('kv{a="kv 7"} 3', 3),
        ("kv 1.5e3", 1500),
        ("kv 1.23457e+06", 1_234_570),
        ("kv 1E-3", 0.001),
        ("kv 3 1700000000000", 3),
        ("kv 3 -17", 3),
        ('kv 3 # {trace="kv 9"} 1.0', 3),
        ("kv +Inf", math.inf),
        ("kv -Inf", -math.inf),
        ("kv -1", -1),
        ("kv 3\r", 3),
        ('kv{a="é✓"} 3', 3),
    ],
)
def test_values_are_read_from_every_form_of_a_line(line: str, value: float) -> None:
    """Labels, escapes, blanks, exponents, infinities, timestamps, exemplars and CRLF do not hide the value."""
    assert _values(f"# TYPE kv gauge\n{line}\nother 1\n") == [value]
    assert _values(f"{line}\n") == [value]


@pytest.mark.parametrize(
    "line",
    [
        *("kv NaN", "kv nan", "kv x", "kv 1_000", "kv 0x10z", "kv ", "kv{} ", "kv {a=b"),
        *('kv{a="b" 3', 'kv{a="b} 3', 'kv{a="b\\"} 3', "kv 3}", 'kv{a="b"}{c="d"} 3'),
    ],
)
def test_a_line_without_a_number_is_not_a_number(line: str) -> None:
    """A wanted metric whose line is broken, or says NaN, has a series whose value is not a number."""
    (value,) = _values(f"other 1\n{line}\nother 2\n")
    assert math.isnan(value)


@pytest.mark.parametrize(
    "line",
    [
        *("kvx 3", "kv_usage 3", "kv:x 3", " kv 3", "# kv 3", "# HELP kv 3", "# TYPE kv gauge", "xkv 3"),
        *('x{kv="3"} 4', 'x{a="b\\nkv 3"} 4', "kv", "kv\r"),
    ],
)
def test_other_lines_are_not_taken_for_the_metric(line: str) -> None:
    """Longer names, comments, label names and label values that look like the metric are not the metric."""
    assert _values(f"x 1\n{line}\nx 2\n") == []


def test_names_that_begin_alike_stay_apart() -> None:
    """A metric is not fed by another whose name begins with its own."""
    page = 'vllm:num_requests_waiting 5\nvllm:num_requests_waiting_by_reason{reason="capacity"} 9\nkv 1\nkv_usage 2\n'
    found = find_series(page.encode(), NAMES, 100)
    assert {name: [one.value for one in series] for name, series in found.items()} == {
        "vllm:num_requests_waiting": [5],
        "kv": [1],
        "kv_usage": [2],
    }


def test_labels_are_unescaped() -> None:
    """Label values come out as they went in."""
    page = b'kv{a="q\\"b\\\\n\\nx",b=",a=",c=""} 1\n'
    assert find_series(page, NAMES, 100) == {"kv": [Series({"a": 'q"b\\n\nx', "b": ",a=", "c": ""}, 1.0)]}


def test_of_duplicate_series_the_first_counts() -> None:
    """The same labels, in whatever order, are the same series; its first value stands."""
    page = b'kv{a="1",b="2"} 1\nkv{b="2",a="1"} 2\nkv{a="1"} 3\nkv 4\nkv{} 5\n'
    assert [one.value for one in find_series(page, NAMES, 100)["kv"]] == [1, 3, 4]


def test_scattered_series_are_all_found() -> None:
    """Series of one metric need not stand together."""
    assert _values('kv{a="1"} 1\nx 1\nkv_usage 1\nkv{a="2"} 2\n') == [1, 2]


@pytest.mark.parametrize(
    ("page", "declared"),
    [
        (b"# TYPE kv counter\nx 1\n", True),
        (b"x 1\r\n# TYPE kv counter\r\n# HELP x x\r\n", True),
        (b"# TYPE kv counter\n", False),
        (b"x 1\n# TYPE kv counter\n", False),
        (b"# TYPE kv_total counter\nx 1\n", False),
        (b"# TYPE kv gauge\nx 1\n", False),
        (b"# HELP kv kv\nx 1\n", False),
        (b"# # TYPE kv counter\nx 1\n", False),
    ],
)
def test_a_counter_can_be_declared_without_series(page: bytes, *, declared: bool) -> None:
    """A TYPE line declares a counter, of exactly its name, unless all behind it may have been cut off."""
    assert declares_counter(page, "kv") is declared


def test_a_page_with_too_many_lines_is_refused() -> None:
    """More wanted lines than expected are an error that names the metric, duplicates included."""
    page = b"kv 1\n" * 101
    with pytest.raises(TooManyLinesError, match="more than 100 lines of kv"):
        find_series(page, NAMES, 100)
    assert find_series(page, NAMES, 101)


def test_a_long_broken_line_costs_no_more_than_its_length() -> None:
    """A megabyte of unclosed quotes is given up at once; quadratic work would hit the test's timeout."""
    page = b'kv{a="' + b'\\"",b="' * 150_000 + b"\n"
    (series,) = find_series(page, NAMES, 100)["kv"]
    assert math.isnan(series.value)


label_values = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
) | st.sampled_from(["", '"', "\\", "\n", "}", "{", ",", "=", "\nkv 3\n", '",kv="', " # ", "kv"])
labels = st.dictionaries(st.sampled_from(["a", "b", "engine", "model_name", "le"]), label_values, max_size=3)
numbers = st.floats() | st.integers(min_value=-(10**18), max_value=10**18)
metric_names = st.sampled_from([*NAMES, "kvx", "xkv", "k", "vllm:num_requests_waiting_by_reason", "other"])
flags: st.SearchStrategy[bool] = st.booleans()
blanks = st.sampled_from([" ", "  ", "\t"])


@st.composite
def _sample_lines(draw: st.DrawFn) -> str:
    name: str = draw(metric_names)
    pairs: dict[str, str] = draw(labels)
    number: float = draw(numbers)
    blank: str = draw(blanks)
    escaped = [
        '{}="{}"'.format(key, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for key, value in pairs.items()
    ]
    comma = "," if escaped and draw(flags) else ""
    block = "{" + ",".join(escaped) + comma + "}" if escaped or draw(flags) else ""
    time: int | None = draw(st.none() | st.integers(0, 2**41))
    return f"{name}{block}{blank}{number!r}" + ("" if time is None else f"{blank}{time}")


comments = st.sampled_from(["# HELP kv kv 5", "# TYPE kv gauge", "#kv 7", "# kv 8", "", "# TYPE other counter"])


@given(st.lists(_sample_lines() | comments, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_agrees_with_prometheus_clients_parser(lines: list[str], line_end: str) -> None:
    """On any page, the wanted series and their values are those that a full parser finds."""
    page = "".join(line + line_end for line in lines)
    expected: dict[str, dict[frozenset[tuple[str, str]], str]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name in NAMES:
                series = expected.setdefault(sample.name, {})
                series.setdefault(frozenset(sample.labels.items()), repr(float(sample.value)))
    found = find_series(page.encode(), NAMES, 1000)
    assert {
        name: {frozenset(one.labels.items()): repr(one.value) for one in series} for name, series in found.items()
    } == expected


@given(st.binary(max_size=300), st.sampled_from([b"kv", b"kv{", b'kv{a="', b"kv 1 "]))
def test_no_page_breaks_the_reader(noise: bytes, start: bytes) -> None:
    """Whatever the bytes, the reader returns series of the wanted metrics and raises nothing."""
    found = find_series(noise + b"\n" + start + noise, NAMES, 10_000)
    assert set(found) <= set(NAMES)
