import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.scenario import LEGACY, LOAD_SECONDS, PARTS
from demo.trace import Arrival, TraceError, read_trace, squeeze, timeline, tokens_per_second

TRACES = Path(__file__).resolve().parents[2] / "examples" / "traces"
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
DROWNS_TOKENS_PER_SECOND = 1500
"""What is too much of this trace for one simulated L4."""


def _write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_reads_times_from_the_first_request(tmp_path: Path) -> None:
    """Seven digits of a second are read, and seconds count from the first request."""
    rows = "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9305900,396,109\r\n"
    assert read_trace(_write(tmp_path / "trace.csv.gz", HEADER + rows)) == [
        Arrival(0.0, 374, 44),
        Arrival(pytest.approx(4.25), 396, 109),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\r\n1,2\r\n", "columns are"),
        (HEADER, "no requests"),
        (HEADER + "yesterday,374,44\r\n", "line 2: Invalid isoformat"),
        (HEADER + "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:47.0000000,x,1\r\n", "line 3: invalid"),
        (HEADER + "2023-11-16 18:15:46.6805900,374\r\n", "line 2: "),
        (HEADER + "2023-11-16 18:15:46.6805900,374,0\r\n", "line 2: a request needs at least one token"),
    ],
)
def test_names_what_is_wrong_with_a_trace(tmp_path: Path, text: str, message: str) -> None:
    """A file that is no such trace is refused with its line."""
    with pytest.raises(TraceError, match=message):
        read_trace(_write(tmp_path / "trace.csv.gz", text))


def _every_second(count: int) -> list[Arrival]:
    return [Arrival(float(second), 100 + second, 10) for second in range(count)]


def test_playing_faster_keeps_the_rate_that_is_asked_for() -> None:
    """At 4 times the speed and half the rate, one request in eight is kept and they come twice a second apart."""
    squeezed = squeeze(_every_second(80), speed=4, rate=0.5, seconds=100)
    assert [arrival.seconds for arrival in squeezed] == [7 / 4 + 2 * number for number in range(10)]


def test_cuts_the_timeline_off() -> None:
    """Nothing arrives after the end that was asked for."""
    assert [arrival.seconds for arrival in squeeze(_every_second(80), speed=1, rate=1, seconds=3)] == [0, 1, 2]


@pytest.mark.parametrize(("rate", "speed"), [(0, 1), (-1, 1), (2, 1)])
def test_refuses_a_rate_that_leaving_out_cannot_reach(rate: float, speed: float) -> None:
    """Requests are left out, never sent twice."""
    with pytest.raises(ValueError, match="rate is"):
        squeeze(_every_second(3), speed=speed, rate=rate, seconds=10)


@given(
    count=st.integers(1, 400),
    speed=st.floats(0.5, 20),
    share=st.floats(0.05, 1),
)
def test_leaves_out_evenly_and_changes_nothing(count: int, speed: float, share: float) -> None:
    """The kept share is the asked one to within a request, and what is kept is what was recorded."""
    trace = _every_second(count)
    kept = squeeze(trace, speed=speed, rate=speed * share, seconds=1e9)
    assert abs(len(kept) - count * share) <= 1
    sizes = {(arrival.prompt_tokens, arrival.answer_tokens) for arrival in trace}
    assert {(arrival.prompt_tokens, arrival.answer_tokens) for arrival in kept} <= sizes
    assert len({arrival.seconds for arrival in kept}) == len(kept)


def test_the_curve_holds_every_token() -> None:
    """Parts of the curve, times their length, add up to what arrives."""
    trace = _every_second(60)
    curve = tokens_per_second(trace, seconds=60, columns=7)
    assert sum(curve) * 60 / 7 == pytest.approx(sum(arrival.tokens for arrival in trace))


def _demand(name: str, columns: int) -> list[float]:
    part = next(part for part in PARTS if part.name == name)
    requests = timeline(part.load, TRACES, speed=1, seconds=LOAD_SECONDS)
    return tokens_per_second(requests, seconds=LOAD_SECONDS, columns=columns)


def test_the_demand_for_chat_rises_and_falls() -> None:
    """The shipped piece of the trace needs 3 replicas or more in its middle, and fewer at both ends."""
    start, *middle, end = _demand("chat", 5)
    assert max(middle) > 2 * DROWNS_TOKENS_PER_SECOND
    assert max(middle) > 1.3 * max(start, end)


def test_the_burst_is_more_than_the_legacy_deployment_has() -> None:
    """The advice has a reason: for some seconds, demand is more than twice the target of its two replicas."""
    target = LEGACY.patches["InferenceService"]["spec"]["scaling"]["tokenThroughput"]["targetPerReplica"]
    assert max(_demand("legacy", 20)) > 2 * 2 * target


def test_the_load_stays_small_enough_for_two_cores() -> None:
    """All parts together send fewer than ten requests a second."""
    requests = sum(len(timeline(part.load, TRACES, speed=1, seconds=LOAD_SECONDS)) for part in PARTS)
    assert requests / LOAD_SECONDS < 10
