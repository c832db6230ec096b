"""The pages of simulated engines that are written from lists."""

from dataclasses import replace
from typing import Any

import pytest
from arrival_run import Phase, page_of, physics, run
from prometheus_client.parser import text_string_to_metric_families

from tidegate.api.engine import EngineType
from tidegate.engines.catalog import TABLES
from tidegate.engines.page import read_page
from tidegate.engines.table import EngineTable
from tidegate.engines.triton import TRITON_REQUESTS
from tidegate.scaling.sample import LATENCY_NAMES, Sample
from tidegate.simulator.engine_page import EnginePage, HeldGauges, Metric, write_page
from tidegate.simulator.engine_pages import ENGINE_PAGES
from tidegate.simulator.models import MODELS
from tidegate.simulator.replica import Replica
from tidegate.simulator.request import Request

READ = [*((flavour, TABLES[flavour]) for flavour in ENGINE_PAGES), (EngineType.TRITON, TRITON_REQUESTS)]
EACH = pytest.mark.parametrize(("flavour", "table"), READ, ids=lambda value: getattr(value, "work_unit", value))


@EACH
def test_the_engines_table_finds_every_signal(flavour: EngineType, table: EngineTable) -> None:
    """What reads the real engine finds all that it looks for on the simulated page, once there was load."""
    *_, last = run(flavour, table, [Phase(60, 2.0, patience_seconds=5.0)])
    assert [name for name in (*table.metrics, *table.buckets) if getattr(last.sample, name) is None] == []
    assert last.sample.not_a_number() == ()


@EACH
def test_before_its_first_request_an_engine_has_counted_nothing(flavour: EngineType, table: EngineTable) -> None:
    """Whether its page is empty then or full of zeros, the sample has a zero for every signal, and no latency."""
    page = page_of(flavour)(Replica(physics(flavour)[0]), 0.0).encode()
    sample = read_page(page, table, time=0.0)
    zeros: dict[str, Any] = dict.fromkeys(table.metrics, 0.0)
    assert replace(sample, **dict.fromkeys(LATENCY_NAMES)) == Sample(time=0.0, **zeros)
    assert {count for name in LATENCY_NAMES for _, count in getattr(sample, name) or ()} <= {0.0}


@pytest.mark.parametrize("flavour", [flavour for flavour in ENGINE_PAGES if TABLES[flavour].buckets])
def test_latencies_are_those_that_the_replica_has_measured(flavour: EngineType) -> None:
    """What is read off the page is what its clients saw, bucket by bucket, and steps are its steps."""
    replica = Replica(MODELS["rtx4090"])
    for _ in range(40):
        replica.submit(Request(2_000, 50), 0.0)
    replica.advance(60.0)
    sample = read_page(page_of(flavour)(replica, 60.0).encode(), TABLES[flavour], time=60.0)
    assert sample.first_token_seconds == replica.measures.time_to_first_token_seconds.cumulative()
    assert sample.inter_token_seconds == replica.measures.inter_token_seconds.cumulative()
    assert replica.measures.inter_token_seconds.count == 40 * 49
    assert sample.steps in {None, replica.measures.steps}


@pytest.mark.parametrize("flavour", ENGINE_PAGES)
def test_pages_are_in_the_format(flavour: EngineType) -> None:
    """The reference parser reads every line, and no series comes twice."""
    replica = Replica(physics(flavour)[0])
    replica.submit(Request(50, 1), 0.0)
    leaving = Request(50, 100)
    replica.submit(leaving, 0.0)
    replica.abort(leaving, 0.0)
    replica.advance(10.0)
    text = page_of(flavour)(replica, 10.0)
    series = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert len(series) == len(set(series)) > 0


def test_gauges_that_are_set_seldom_are_as_old_as_that() -> None:
    """Between two settings a page shows the gauges' old values, and its counters' new ones."""
    page = EnginePage(
        gauges_every_seconds=10.0,
        metrics=(
            Metric("waiting", "gauge", lambda replica: replica.measures.received),
            Metric("received_total", "counter", lambda replica: replica.measures.received),
        ),
    )
    replica, held = Replica(MODELS["rtx4090"]), HeldGauges()
    seen = []
    for time in (0.0, 5.0, 10.0):
        lines = write_page(page, replica, model_name="m", time=time, held=held).splitlines()
        seen.append([line for line in lines if not line.startswith("#")])
        replica.submit(Request(10, 10), time)
    assert seen == [
        ["waiting 0.0", "received_total 0.0"],
        ["waiting 0.0", "received_total 1.0"],
        ["waiting 2.0", "received_total 2.0"],
    ]
