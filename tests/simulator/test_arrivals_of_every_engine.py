"""What Tidegate makes of each engine's page, against what really arrived. docs/engines.md publishes these figures."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from arrival_run import Look, Phase, run

from tidegate.api.engine import EngineType
from tidegate.engines.catalog import TABLES
from tidegate.engines.table import EngineTable
from tidegate.engines.triton import TRITON_REQUESTS

PHASES = (
    Phase(300, 0.6),
    Phase(120, 2.0),
    Phase(300, 0.4),
    Phase(240, 2.0, patience_seconds=10.0),
)
STEADY, OVERLOAD, DRAINING, GIVING_UP = range(4)
SETTLING_SECONDS = 30.0
"""At the start of each phase, looks are of the phase before as well."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far estimates of arriving work are from the truth, as a share of it: lowest and highest."""

    each: tuple[float, float] = (0.93, 1.07)
    """A single look at a steady load."""

    steady: tuple[float, float] = (0.95, 1.05)
    """The mean at a steady load."""

    overload: tuple[float, float] = (0.95, 1.05)
    """The mean at twice what the engine can serve, while its queue grows."""

    giving_up: tuple[float, float] = (0.9, 1.05)
    """The mean at that load when clients leave after ten seconds without a first token."""


EXACT = Tolerance()
UNSEEN_LEAVING = Tolerance(giving_up=(0.85, 1.05))
"""The page does not show that clients leave, so sizes become those of requests whose clients stay: the smaller ones."""

HELD = Tolerance(overload=(0.95, 1.25), giving_up=(0.85, 1.25))
"""Requests given up are not counted: the estimate is held at its highest while requests wait."""

LATE_GAUGES = Tolerance(each=(0.65, 1.35), overload=(0.9, 1.1), giving_up=(0.9, 1.1))
"""One look is a gauge's age off; the mean is not."""

SERVED_ONLY = Tolerance(overload=(0.45, 0.9), giving_up=(0.3, 1.1))
"""Only served work is seen: right while the engine keeps up, and no more than it can serve when it does not."""

SERVED_AT_ENDS = Tolerance(each=(0.0, 9.0), steady=(0.85, 1.15), overload=(0.45, 1.0), giving_up=(0.25, 1.0))
"""As above, and in lumps: answers of a slow engine are counted when they end."""

CASES = (
    pytest.param(EngineType.VLLM, TABLES[EngineType.VLLM], None, EXACT, id="vLLM"),
    pytest.param(EngineType.VLLM, TABLES[EngineType.VLLM], "http_requests", HELD, id="vLLM without HTTP requests"),
    pytest.param(EngineType.SGLANG, TABLES[EngineType.SGLANG], None, UNSEEN_LEAVING, id="SGLang"),
    pytest.param(EngineType.SGLANG, TABLES[EngineType.SGLANG], "http_requests", HELD, id="SGLang before HTTP requests"),
    pytest.param(EngineType.TGI, TABLES[EngineType.TGI], None, EXACT, id="TGI"),
    pytest.param(EngineType.TENSORRT_LLM, TABLES[EngineType.TENSORRT_LLM], None, HELD, id="TensorRTLLM"),
    pytest.param(EngineType.TRITON, TABLES[EngineType.TRITON], None, EXACT, id="Triton"),
    pytest.param(EngineType.TRITON, TRITON_REQUESTS, None, LATE_GAUGES, id="Triton counting requests"),
    pytest.param(EngineType.LMDEPLOY, TABLES[EngineType.LMDEPLOY], None, LATE_GAUGES, id="LMDeploy"),
    pytest.param(EngineType.LLAMA_CPP, TABLES[EngineType.LLAMA_CPP], None, SERVED_AT_ENDS, id="llamaCpp"),
    pytest.param(EngineType.TEI, TABLES[EngineType.TEI], None, EXACT, id="TEI"),
    pytest.param(EngineType.INFINITY, TABLES[EngineType.INFINITY], None, SERVED_ONLY, id="Infinity"),
)


def mean(looks: Iterable[Look]) -> float:
    """Estimated work over work that arrived."""
    looks = list(looks)
    return sum(look.seen.arriving_per_second or 0.0 for look in looks) / sum(look.work_per_second for look in looks)


@pytest.mark.parametrize(("flavour", "table", "without", "tolerance"), CASES)
def test_arriving_work_is_estimated_within_the_engines_tolerance(
    flavour: EngineType, table: EngineTable, without: str | None, tolerance: Tolerance
) -> None:
    """From rest through an overload to one in which clients give up, the estimate keeps to what the engine allows."""
    starts = [sum(phase.seconds for phase in PHASES[:index]) for index in range(len(PHASES))]
    looks = [
        look
        for look in run(flavour, table, PHASES, without=without)
        if look.time >= starts[look.phase] + SETTLING_SECONDS and look.requests_per_second
    ]
    of_phase = [[look for look in looks if look.phase == index] for index in range(len(PHASES))]
    for look in of_phase[STEADY]:
        least, most = tolerance.each
        assert least <= (look.seen.arriving_per_second or 0.0) / look.work_per_second <= most, look
    shares = [mean(of_phase[index]) for index in (STEADY, OVERLOAD, GIVING_UP)]
    bounds = (tolerance.steady, tolerance.overload, tolerance.giving_up)
    assert [
        round(share, 2) for share, (least, most) in zip(shares, bounds, strict=True) if not least <= share <= most
    ] == []


def test_every_engine_that_has_metrics_is_tried() -> None:
    """A new engine needs its line above."""
    tried = {case.values[0] for case in CASES}
    assert tried == {flavour for flavour, table in TABLES.items() if table.metrics}


@pytest.mark.parametrize(("flavour", "table", "without", "tolerance"), CASES)
def test_a_queue_shows_where_the_engine_shows_one(
    flavour: EngineType, table: EngineTable, without: str | None, tolerance: Tolerance
) -> None:
    """An overload is a growing queue to every engine's page but that of one which has no queue on it."""
    del tolerance
    last = list(run(flavour, table, PHASES[:2], without=without))[-1]
    if "waiting" in table.metrics:
        assert (last.seen.waiting or 0) > 10
    else:
        assert last.seen.waiting is None


@pytest.mark.parametrize(("flavour", "table", "without", "tolerance"), CASES)
def test_every_engine_is_given_the_size_that_its_load_needs(
    flavour: EngineType, table: EngineTable, without: str | None, tolerance: Tolerance
) -> None:
    """A steady load that one replica carries asks for one; twice what it can serve asks for more, within half a minute.

    The engine that counts in lumps may ask for more at times, and lets go again.
    """
    looks = list(run(flavour, table, PHASES[:2], without=without, target_load=0.85))
    steady = [look for look in looks if look.phase == STEADY and look.time > SETTLING_SECONDS]
    overload = [look for look in looks if look.phase == OVERLOAD]
    if tolerance is not SERVED_AT_ENDS:
        assert {look.decision.to_replicas for look in steady} == {1}
    assert {look.decision.reason for look in steady if "Held" in look.decision.reason} == set()
    assert all(look.decision.to_replicas >= 2 for look in overload[6:])
