import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prometheus_server import INSTALL
from tidegate.engines.catalog import TABLES
from tidegate.engines.custom import custom_table
from tidegate.engines.llama_cpp import LLAMA_CPP
from tidegate.engines.table import EngineTable, Metric
from tidegate.engines.vllm import VLLM
from tidegate.metrics.prometheus_queries import Latest, Query, fleet_queries, scrape_outcomes


def _texts(*tables: EngineTable, namespaces: tuple[str, ...] = ("a",)) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for query in fleet_queries(tables, namespaces, ()):
        found.setdefault(query.signal, []).append(query.text)
    return found


def test_one_query_for_each_signal_whatever_the_fleet() -> None:
    """Ten thousand services of one engine are asked for by as many queries as it has signals."""
    services = [replace(VLLM, port=port) for port in range(10_000)]
    queries = fleet_queries(services, {f"team-{number}" for number in range(5)}, ())
    assert sorted(query.signal for query in queries) == sorted(VLLM.metrics)


def test_latencies_are_asked_for_where_they_are_used() -> None:
    """They cost more than all signals: two more queries, of those namespaces, no longer than told, after all others."""
    assert not [query for query in fleet_queries([VLLM], {"a", "b"}, ()) if not query.is_needed]
    queries = fleet_queries([VLLM, LLAMA_CPP], {"a", "b"}, (("cluster", "eu"),), latencies=Latest({"b"}, 30))
    assert [query.is_needed for query in queries[-3:]] == [True, False, False]
    assert [query.text for query in queries if not query.is_needed] == [
        f'{{__name__{names}, namespace="b", pod!="", cluster="eu"}}[30s]'
        for names in (
            '="vllm:time_to_first_token_seconds_bucket"',
            '=~"vllm:inter_token_latency_seconds_bucket|vllm:time_per_output_token_seconds_bucket"',
        )
    ]


def test_a_query_asks_for_every_name_of_a_signal() -> None:
    """Versions and engines that name it otherwise share its query, and only the namespaces there are are asked."""
    texts = _texts(VLLM, LLAMA_CPP, namespaces=("b", "a-1"))
    assert texts["waiting"] == [
        '{__name__=~"llamacpp:requests_deferred|vllm:num_requests_waiting", namespace=~"a\\\\-1|b", pod!=""}[150s]'
    ]
    assert '"vllm:gpu_cache_usage_perc|vllm:kv_cache_usage_perc"' in texts["kv_usage"][0]


def test_series_that_do_not_count_are_not_asked_for() -> None:
    """A metric that every web server has is asked for with the labels of the series that count."""
    (text,) = _texts(VLLM)["requests_ended"]
    assert '__name__="http_requests_total"' in text
    assert 'method="POST"' in text
    assert 'status=~"2xx|5xx"' in text
    assert "/v1/chat/completions|" in text


def test_names_that_users_give_are_asked_for_apart() -> None:
    """A Custom name that means a million series must not cost vLLM its answer; all Custom ones share a query."""
    tables = [custom_table({"waiting": name}, port=1) for name in ("node_cpu", "queue")]
    known, custom = sorted(_texts(VLLM, *tables)["waiting"], key=lambda text: "node_cpu" in text)
    assert '__name__="vllm:num_requests_waiting"' in known
    assert '__name__=~"node_cpu|queue"' in custom


def test_a_query_concerns_the_engines_it_is_for() -> None:
    """An answer that failed costs only those pods their sample whose engine it is about."""
    custom = custom_table({"waiting": "queue"}, port=1)
    for query in fleet_queries([VLLM, LLAMA_CPP, custom], {"a"}, ()):
        assert query.concerns(VLLM) == ("vllm:" in query.text or "http_requests_total" in query.text)
        assert query.concerns(LLAMA_CPP) == ("llamacpp:" in query.text)
        assert query.concerns(custom) == (
            "queue" in query.text and query.signal == "waiting" and "vllm" not in query.text
        )


def test_many_namespaces_are_not_listed() -> None:
    """A query travels in a URL, and proxies take 8 KB: beyond half of that all namespaces are asked."""
    few = fleet_queries([VLLM], {f"namespace-{number:03}" for number in range(200)}, ())
    many = fleet_queries([VLLM], {f"namespace-{number:03}" for number in range(2000)}, ())
    assert all("namespace=~" in query.text for query in few)
    assert all("namespace" not in query.text and 'pod!=""' in query.text for query in many)
    assert max(len(query.text) for query in (*few, *many)) < 8000


def _every_query() -> tuple[Query, ...]:
    strange = EngineTable(
        type=VLLM.type,
        port=1,
        metrics_port=1,
        metrics={"waiting": (Metric(name="x", only={"l": ("", 'a"b\\c', "é|(.*\n", "d")}),)},
        arrivals=VLLM.arrivals,
    )
    matchers = (("cluster", 'eu"1\\\n'), ("tenant", "é"))
    return fleet_queries([*TABLES.values(), strange], {"a", "b-c"}, matchers, latencies=Latest({"a"}, 30))


@pytest.mark.skipif(which("promtool") is None, reason=f"NOT TESTED with promtool: {INSTALL}")
def test_every_query_is_promql(tmp_path: Path) -> None:
    """What is asked parses, for every engine there is and for values with every kind of quote."""
    queries = [*(each.text for each in _every_query()), scrape_outcomes({"a"}, (("cluster", 'eu"1'),))]
    # A rule's expression must not be a range: count_over_time makes an instant vector of one.
    expressions = [f"count_over_time({query})" if query.endswith("]") else query for query in queries]
    rules = [{"record": f"r{number}", "expr": expression} for number, expression in enumerate(expressions)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    answer = subprocess.run(["promtool", "check", "rules", file], text=True, capture_output=True, check=False)  # noqa: S603, S607 - of the machine
    assert answer.returncode == 0, answer.stdout + answer.stderr


@given(st.text(max_size=30))
def test_no_value_escapes_its_quotes(value: str) -> None:
    """Whatever a matcher's value is, it stays one text: nothing of it becomes part of the query."""
    (query,) = fleet_queries([custom_table({"waiting": "queue"}, port=1)], {"a"}, (("cluster", value),))
    quoted = re.findall(r'cluster=("(?:[^"\\\n]|\\.)*")\}\[150s\]$', query.text)
    assert [json.loads(text) for text in quoted] == [value]
