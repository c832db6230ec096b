"""The page about monitoring, and what a gateway says of itself."""

from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_monitoring_page import table

from tidegate.gateway.exporter import Exporter
from tidegate.gateway.picker.admin import EnvoyFigures
from tidegate.gateway.policy.counts import Report


async def _figures() -> EnvoyFigures:
    return EnvoyFigures(
        connections=1,
        requests=1,
        heap_bytes=1,
        listeners=1,
        listener_failures=1,
    )


@pytest.fixture
async def exported() -> dict[str, str]:
    """Each series of a gateway without services, and its type; what is said of every process is left out."""
    report = Report(services={}, held=0, held_bytes=0, held_bytes_limit=1, unrouted=Counter(), mended=0, leaving=False)
    page = (await Exporter(lambda: report, dict, _figures, lambda: 0.0).page()).decode()
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in text_string_to_metric_families(page)
        if family.name.startswith("tidegate_")
    }


async def test_every_series_of_gateways_has_a_row_and_no_other(exported: dict[str, str]) -> None:
    """With its type."""
    assert {name: kind for name, (kind, _) in table("Series of gateways").items()} == exported
