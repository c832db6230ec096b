from collections.abc import Mapping, Sequence

import pytest

from faults.verdict import Duplicates, Evidence, Failure, Verdict, around, duplicates, tally, verdict
from gateway_rig.client import Account, Outcome

SENT, ENDED = 100.0, 110.0


def account(outcome: Outcome, *, ended: float = ENDED, first_byte: float | None = None, detail: str = "") -> Account:
    """A request of the first gateway."""
    return Account(
        identity="r-1",
        service="chat",
        gateway=0,
        sent=SENT,
        ended=ended,
        outcome=outcome,
        first_byte=first_byte,
        detail=detail,
    )


def evidence(
    *,
    failures: Sequence[Failure] = (),
    envoy_gone: Mapping[int, Sequence[tuple[float, float]]] | None = None,
    pod_broken: Mapping[str, Sequence[float]] | None = None,
) -> Evidence:
    """What was broken; the request was with pod A."""
    return Evidence(
        failures=failures,
        envoy_gone=envoy_gone or {},
        pod_broken=pod_broken or {},
        pods={"r-1": ["A"]},
        hold_seconds=60,
    )


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.ANSWERED, Verdict.ANSWERED),
        (Outcome.REFUSED, Verdict.REFUSED),
        (Outcome.UNCLEAN, Verdict.DEFECT),
        (Outcome.NOT_CONNECTED, Verdict.DEFECT),
        (Outcome.LOST, Verdict.DEFECT),
        (Outcome.CUT, Verdict.DEFECT),
        (Outcome.HUNG, Verdict.DEFECT),
    ],
)
def test_where_nothing_was_broken_only_answers_and_clean_refusals_are_right(
    outcome: Outcome, expected: Verdict
) -> None:
    """All else is a defect."""
    assert verdict(account(outcome), evidence()) is expected


@pytest.mark.parametrize(
    ("outcome", "allowed"),
    [
        (Outcome.NOT_CONNECTED, Verdict.NOBODY_THERE),
        (Outcome.LOST, Verdict.WITH_ITS_GATEWAY),
        (Outcome.CUT, Verdict.WITH_ITS_GATEWAY),
    ],
)
@pytest.mark.parametrize(
    ("gone", "is_allowed"),
    [
        ({0: [(105.0, 106.0)]}, True),
        ({0: [(90.0, 95.0)]}, True),  # It takes a moment until it listens again.
        ({0: [(50.0, 60.0)]}, False),
        ({0: [(120.0, 121.0)]}, False),
        ({1: [(105.0, 106.0)]}, False),  # The other gateway's.
    ],
)
def test_a_process_takes_its_own_connections_with_it_and_no_others(
    outcome: Outcome, allowed: Verdict, gone: Mapping[int, Sequence[tuple[float, float]]], *, is_allowed: bool
) -> None:
    """A connection may break only while its own Envoy is away."""
    assert verdict(account(outcome), evidence(envoy_gone=gone)) is (allowed if is_allowed else Verdict.DEFECT)


def test_no_death_excuses_a_request_that_hangs() -> None:
    """Its client would wait for ever."""
    assert verdict(account(Outcome.HUNG), evidence(envoy_gone={0: [(105.0, 106.0)]})) is Verdict.DEFECT


@pytest.mark.parametrize(
    ("outcome", "broken", "expected"),
    [
        (Outcome.CUT, {"A": [107.0]}, Verdict.WITH_ITS_POD),
        (Outcome.CUT, {"A": [101.0]}, Verdict.DEFECT),  # Before its first byte: there was time for a clean 503.
        (Outcome.CUT, {"B": [107.0]}, Verdict.DEFECT),
        (Outcome.LOST, {"A": [107.0]}, Verdict.DEFECT),  # Nothing had been sent: a clean 503 is due.
    ],
)
def test_an_answer_that_has_begun_may_end_with_its_pod(
    outcome: Outcome, broken: Mapping[str, Sequence[float]], expected: Verdict
) -> None:
    """Of the pod that gave it, and after its first byte."""
    assert verdict(account(outcome, first_byte=105.0), evidence(pod_broken=broken)) is expected


def test_a_refusal_long_after_the_hold_is_a_defect() -> None:
    """It is to come within its bound."""
    assert verdict(account(Outcome.REFUSED, ended=SENT + 69), evidence()) is Verdict.REFUSED
    assert verdict(account(Outcome.REFUSED, ended=SENT + 71), evidence()) is Verdict.DEFECT


def test_what_an_engine_answers_is_its_own() -> None:
    """The gateway passes its errors on."""
    assert verdict(account(Outcome.UNCLEAN, detail="500 simulated fault: error500"), evidence()) is Verdict.ENGINE_ERROR


def test_a_request_is_told_under_the_last_fault_that_it_met() -> None:
    """Of two, the one that began later."""
    early = Failure(kind="early", target="operator", began=90.0, ended=105.0)
    late = Failure(kind="late", target="gateway-0", began=103.0, ended=104.0)
    over = Failure(kind="over", target="gateway-0", began=80.0, ended=99.0)
    request = account(Outcome.ANSWERED)

    assert around(request, [early, late, over]) == "late"
    assert around(request, [over]) == "none"
    counts = tally([request, account(Outcome.HUNG)], evidence(failures=[early, over]))
    assert counts == {"early": {Verdict.ANSWERED: 1, Verdict.DEFECT: 1}}


def test_duplicates_are_told_by_whether_an_answer_had_begun() -> None:
    """A second arrival before the first byte is allowed; after it, it is not."""
    events = [
        (1.0, "in", "A", "once"),
        (2.0, "in", "A", "early"),
        (3.0, "in", "B", "early"),
        (4.0, "in", "A", "late"),
        (5.0, "byte", "A", "late"),
        (6.0, "in", "B", "late"),
        (7.0, "byte", "B", "early"),
    ]
    assert duplicates(events) == Duplicates(before_first_byte=1, after_first_byte=1)
