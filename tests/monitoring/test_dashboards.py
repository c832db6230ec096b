"""The dashboards, as far as they can be judged without a Grafana or a Prometheus."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from expressions import DASHBOARDS, ROOT, Asked, dashboard_queries, names, panels, recordings, rule_queries
from prometheus_client.parser import text_string_to_metric_families
from scraped_gateway import ScrapedGateway

from tidegate.controller.exporter import Exporter
from tidegate.engines.catalog import TABLES

BOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}
PAGES = sorted((ROOT / "tests" / "engines" / "fixtures").glob("*.txt"))
GRAFANAS = {"__rate_interval", "__range", "__interval", "__data"}
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


async def exported() -> set[str]:
    """Every name on the operator's page, and on a gateway's."""
    page = (await Exporter().page() + await ScrapedGateway().exporter.page()).decode()
    series = {sample.name for family in text_string_to_metric_families(page) for sample in family.samples}
    declared = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    counters = {f"{name}_total" for name in re.findall(r"^# TYPE (\S+) counter$", page, re.MULTILINE)}
    return series | declared | counters


def of_engines() -> set[str]:
    """Every name of the engines' tables; of a histogram whose count is read, or that is on a page, the buckets too."""
    known = {metric.name for table in TABLES.values() for metrics in table.metrics.values() for metric in metrics}
    histograms = {name.removesuffix("_count") for name in known if name.endswith("_count")}
    for page in PAGES:
        histograms |= set(re.findall(r"^# TYPE (\S+) histogram$", page.read_text(), re.MULTILINE))
    return known | {f"{name}_bucket" for name in histograms}


@pytest.mark.parametrize("asked", [*rule_queries(), *dashboard_queries()], ids=str)
async def test_each_query_asks_only_for_series_that_there_are(asked: Asked) -> None:
    """A name that is misspelt, or that an engine has dropped, shows as an empty panel or a silent alert."""
    found = names(asked.expression)
    assert found
    known = await exported() | of_engines() | (recordings() if asked in rule_queries() else set())
    assert found - known == set()


@each_board
def test_a_dashboard_can_be_imported_anywhere(board: dict[str, Any]) -> None:
    """No number of a database, no name of a data source; an address that links can rely on."""
    assert board["id"] is None
    assert board["uid"].startswith("tidegate-")
    assert board["schemaVersion"] >= 36
    sources = re.findall(r'"datasource": (\{[^}]*\}\}?|"[^"]*")', json.dumps(board))
    assert {source for source in sources if "${datasource}" not in source} == set()


@each_board
def test_each_panel_says_what_it_shows(board: dict[str, Any]) -> None:
    """Whoever looks at it at night did not make it."""
    shown = list(panels(board))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert [panel["title"] for panel in shown if not panel["description"]] == []
    for panel in shown:
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@each_board
def test_no_panel_covers_another(board: dict[str, Any]) -> None:
    """They fit into Grafana's 24 columns."""
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or apart, (one, other)


@each_board
def test_variables_are_those_that_are_defined(board: dict[str, Any]) -> None:
    """And each is used."""
    defined = {variable["name"] for variable in board["templating"]["list"]}
    used = {
        name or braced
        for asked in [target["expr"] for panel in panels(board) for target in panel["targets"]]
        for name, braced in re.findall(r"\$(?:(\w+)|\{(\w+)\})", asked)
    } - GRAFANAS
    assert used | {"datasource"} == defined


def test_links_between_the_dashboards_lead_somewhere() -> None:
    """By uid, with variables that the other one has."""
    variables = {
        board["uid"]: {variable["name"] for variable in board["templating"]["list"]} for board in BOARDS.values()
    }
    links = [link for board in BOARDS.values() for link in re.findall(r"/d/([\w-]+)\?([^\"]*)", json.dumps(board))]
    assert links
    for uid, rest in links:
        assert set(re.findall(r"var-(\w+)=", rest)) <= variables[uid]


def test_names_are_found_in_expressions() -> None:
    """What the test above relies on."""
    expression = (
        'histogram_quantile(0.95, sum by (namespace, le) (rate(a:b_bucket{c="d e", f!~"g"}[5m]) or rate(h[1m])))'
        " > on (job) group_left (pod) i and time() - j offset 5m"
    )
    assert names(expression) == {"a:b_bucket", "h", "i", "j"}


def test_there_are_dashboards() -> None:
    """An empty list would pass every other test."""
    assert {path.name for path in DASHBOARDS} == {"fleet.json", "service.json"}
    assert all(isinstance(path, Path) for path in DASHBOARDS)
