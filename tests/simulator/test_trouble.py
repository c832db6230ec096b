from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.simulator.trace import TraceRequest
from tidegate.simulator.trouble import Fault, FaultKind, Trouble, parse_fault

GOOD = [
    ("metrics-gap:60@600", Fault(FaultKind.METRICS_GAP, 60, 600, 660)),
    ("scrape-failures:5", Fault(FaultKind.SCRAPE_FAILURES, 5)),
    ("slow-replica:3@600", Fault(FaultKind.SLOW_REPLICA, 3, 600)),
    ("slow-replica:3@600..900", Fault(FaultKind.SLOW_REPLICA, 3, 600, 900)),
    ("output-doubles:2@1800", Fault(FaultKind.OUTPUT_DOUBLES, 2, 1800)),
    ("prefix-cache:0.5@1800", Fault(FaultKind.PREFIX_CACHE, 0.5, 1800)),
    ("clients-give-up:10", Fault(FaultKind.CLIENTS_GIVE_UP, 10)),
    ("unschedulable:3@10..", Fault(FaultKind.UNSCHEDULABLE, 3, 10)),
]


@pytest.mark.parametrize(("text", "fault"), GOOD)
def test_faults_are_read(text: str, fault: Fault) -> None:
    """And written as they can be read again."""
    assert parse_fault(text) == fault
    assert parse_fault(str(fault)) == fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' is no fault; give KIND:VALUE"),
        ("metrics-gap", "is no fault"),
        ("metrics-gap:-60@600", "is no fault"),
        ("metrics-gap:60@600:3", "is no fault"),
        ("slow-replica:1e3", "is no fault"),
        ("slow-replica:nan", "is no fault"),
        ("sabotage:1", "kind is 'sabotage'; give one of metrics-gap, scrape-failures, slow-replica, output-doubles"),
        ("metrics-gap:0@600", "value is 0; give seconds, more than 0"),
        ("metrics-gap:60@600..700", "metrics-gap lasts as long as its value says; give metrics-gap:60@600"),
        ("scrape-failures:101", "value is 101; give percent, 0 to 100"),
        ("slow-replica:0.5", "value is 0.5; give times as slow, 1 to 1000"),
        ("prefix-cache:50", "value is 50; give share, 0 to 1"),
        ("unschedulable:2.5", "value is 2.5; give replicas, a whole number from 0 to 1000"),
        ("slow-replica:3@600..600", "ends at 600, which is not after 600; give a later end"),
    ],
)
def test_what_is_no_fault_is_refused(text: str, says: str) -> None:
    """With what would be one."""
    with pytest.raises(ValueError, match="give") as caught:
        parse_fault(text)
    assert says in str(caught.value)


def seeded() -> Random:
    """The same numbers each time."""
    return Random(1)  # noqa: S311 - no secret


def trouble(*texts: str) -> Trouble:
    """All of these at once."""
    return Trouble(tuple(parse_fault(text) for text in texts))


def test_without_faults_nothing_is_wrong() -> None:
    """And no random number is drawn: a run without faults is the same as ever."""
    nothing, random = Trouble(), seeded()
    request = TraceRequest(5.0, 100, 20)
    assert not nothing.scrape_fails(5, random)
    assert random.random() == seeded().random()
    assert nothing.as_sent(request, 4096) == request
    assert (nothing.cached_share(5), nothing.patience_seconds(5), nothing.nodes(5)) == (0, inf, inf)
    assert nothing.slow_replicas() == ()


def test_a_gap_is_as_long_as_it_says() -> None:
    """Every scrape in it fails, and no other."""
    gap = trouble("metrics-gap:60@600")
    times = (599.9, 600, 659.9, 660)
    assert [gap.scrape_fails(time, seeded()) for time in times] == [False, True, True, False]


def test_so_many_percent_of_the_scrapes_fail() -> None:
    """From its begin to its end."""
    fault, random = trouble("scrape-failures:5@100..200"), seeded()
    failures = sum(fault.scrape_fails(150, random) for _ in range(10_000))
    assert 400 < failures < 600
    assert not any(fault.scrape_fails(time, random) for time in (99, 200) for _ in range(1000))


def test_answers_grow_up_to_the_context() -> None:
    """Of requests that are sent while it is so; what the context cuts short can be told."""
    fault = trouble("output-doubles:2@100")
    before, after = TraceRequest(99, 1000, 300), TraceRequest(100, 1000, 300)
    assert fault.as_sent(before, 2000) == before
    assert fault.as_sent(after, 2000).output_tokens == 600
    assert fault.as_sent(after, 1500).output_tokens == 500
    assert (fault.is_cut(after, 2000), fault.is_cut(after, 1500)) == (False, True)


@given(st.integers(1, 1000), st.integers(1, 1000), st.floats(0.01, 100))
def test_what_is_sent_can_be_served(prompt: int, output: int, factor: float) -> None:
    """If it could be before: at least one token, and no more than the context has."""
    fault = Trouble((Fault(FaultKind.OUTPUT_DOUBLES, factor),))
    sent = fault.as_sent(TraceRequest(0, prompt, output), prompt + output)
    assert sent.output_tokens >= 1
    assert sent.prompt_tokens + sent.output_tokens <= prompt + output


def test_each_question_has_the_answer_of_its_time() -> None:
    """The worst of those that hold, where several do."""
    fault = trouble(
        "prefix-cache:0.5@100",
        "prefix-cache:0.2",
        "clients-give-up:10@100..200",
        "unschedulable:3@50",
        "slow-replica:3",
    )
    assert [fault.cached_share(time) for time in (0, 100)] == [0.2, 0.5]
    assert [fault.patience_seconds(time) for time in (0, 100, 200)] == [inf, 10, inf]
    assert [fault.nodes(time) for time in (0, 50)] == [inf, 3]
    assert fault.slow_replicas() == (Fault(FaultKind.SLOW_REPLICA, 3),)
