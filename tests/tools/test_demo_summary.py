import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from demo import kind_stage, kwok_stage, stage, summary
from demo.history import History
from demo.measures import WINDOW_SECONDS, Measures, percentile
from demo.scenario import CHAT, LEGACY, NAMESPACE, PARTS, Part, merged
from demo.view import Scene, live, plain
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.workloads.owner import Owner
from tidegate.workloads.service import service


def _status(*sizes: int, applied: bool = True) -> dict[str, Any]:
    """A status that went through these sizes; where nothing is applied, the last is advised."""
    steps = list(pairwise(sizes))
    changes = [
        {"time": f"t{number}", "from": before, "to": after, "message": f"{before} → {after}: because"}
        for number, (before, after) in enumerate(steps)
    ]
    now = sizes[-1]
    record = {"from": sizes[0], "to": now, "applied": applied, "message": f"{now}: because", "time": f"{sizes}"}
    return {
        "readyReplicas": now,
        "desiredReplicas": now,
        "changes": changes[::-1] if applied else [],
        "decision": record,
    }


def _history(name: str, *statuses: dict[str, Any]) -> History:
    history = History((name,), lambda: 65.0)
    for status in statuses:
        history.see("MODIFIED", {"metadata": {"name": name}, "status": status})
    return history


def _problems(part: Part, history: History, measures: Measures, *, complete: bool = True, after: int = 2) -> list[str]:
    return summary.problems(
        (part,), history.services, {part.name: measures}, {part.name: (2, after)}, complete=complete
    )


def test_a_good_run_has_no_problems() -> None:
    """Up to 4, down to 1, everything answered: nothing to complain of."""
    assert _problems(CHAT, _history("chat", _status(1, 3, 4, 1)), Measures(sent=2, answered=2)) == []


@pytest.mark.parametrize(
    ("sizes", "measures", "complaint"),
    [
        ((1, 2, 1), Measures(), "never went above 2 replicas, 3 were expected"),
        ((1, 4), Measures(), "went up to 4 replicas and did not come down"),
        ((1, 4, 1), Measures(sent=3, answered=2), "1 requests were never answered"),
    ],
)
def test_what_should_have_happened_is_missed(sizes: tuple[int, ...], measures: Measures, complaint: str) -> None:
    """A run that does not show what it is to show says which part of it."""
    (found,) = _problems(CHAT, _history("chat", _status(*sizes)), measures)
    assert complaint in found


def test_failed_requests_are_told_with_an_example() -> None:
    """The commonest failure is named."""
    measures = Measures(sent=3, answered=1)
    measures.failures.update(["APIError: no", "APIError: no"])
    (found,) = _problems(CHAT, _history("chat", _status(1, 4, 1)), measures)
    assert found == "chat: 2 of 3 requests failed, such as: APIError: no"


def test_a_service_without_a_record_is_a_problem() -> None:
    """Silence of the operator does not pass for a good run."""
    found = _problems(CHAT, _history("chat"), Measures())
    assert "chat: status has no decision record" in found


def test_a_shortened_run_need_not_reach_the_sizes() -> None:
    """With --duration the peak may never come."""
    assert _problems(CHAT, _history("chat", _status(1, 2, 1)), Measures(), complete=False) == []


def test_mode_advisory_must_leave_the_replicas_alone() -> None:
    """Advice is fine, a changed Deployment is not."""
    history = _history("legacy", _status(2, applied=False), _status(2, 5, applied=False))
    assert _problems(LEGACY, history, Measures()) == []
    (found,) = _problems(LEGACY, history, Measures(), after=5)
    assert "legacy-vllm: its replicas went from 2 to 5" in found


def test_changes_are_seen_once_and_in_order() -> None:
    """A status lists its changes newest first and again and again; the history has each once, oldest first."""
    history = _history("chat", _status(1, 3), _status(1, 3, 5), _status(1, 3, 5, 2))
    assert history.services["chat"].sizes == [1, 3, 5, 2]
    assert [change.to_replicas for change in history.changes] == [3, 5, 2]


def test_advice_counts_as_a_change_only_when_it_changes() -> None:
    """The same advice in a new record is no news."""
    again = _status(2, 4, applied=False)
    again["decision"] = {**again["decision"], "time": "later"}
    history = _history("legacy", _status(2, applied=False), _status(2, 4, applied=False), again)
    assert history.services["legacy"].sizes == [2, 4]
    assert len(history.services["legacy"].records) == 3


def test_what_is_deleted_or_unknown_is_not_seen() -> None:
    """Only the scenario's services are followed."""
    history = History(("chat",), lambda: 0.0)
    history.see("RESTARTED", {})
    history.see("ADDED", {"metadata": {"name": "stranger"}, "status": _status(1, 2)})
    history.see("ADDED", {"metadata": {"name": "chat"}})
    history.see("DELETED", {"metadata": {"name": "chat"}, "status": _status(1, 2)})
    assert history.services["chat"].status == {}


def test_the_summary_tells_turning_points_and_the_operators_words() -> None:
    """One headline with sizes and latencies, then the operator's own sentences about the top and the end."""
    measures = Measures(sent=1200, answered=1200, first_tokens=[(1.0, 0.4), (2.0, 2.0)])
    history = _history("chat", _status(1, 3, 4, 6, 5, 1))
    assert summary.lines((CHAT,), history.services, {"chat": measures}) == [
        "chat: 1 → 6 → 1 replicas in 5 changes; 1,200 requests, 0 failed; TTFT p50 0.4 s, p95 2.0 s",
        "    1:05  1 → 3: because",
        "    1:05  4 → 6: because",
        "    1:05  5 → 1: because",
    ]


def test_the_document_for_machines_is_json() -> None:
    """Sizes, changes, records and requests survive a trip through JSON."""
    history = _history("chat", _status(1, 4, 1))
    made = summary.document((CHAT,), history.services, {"chat": Measures(sent=1, answered=1)}, ["bad"], {"load": 1.23})
    read = json.loads(json.dumps(made))
    assert read["problems"] == ["bad"]
    assert read["services"]["chat"]["sizes"] == [1, 4, 1]
    assert read["services"]["chat"]["decisions"][0]["to"] == 1
    assert read["services"]["chat"]["requests"] == {"sent": 1, "answered": 1, "failed": 0}


def test_a_plain_line_says_what_the_table_says() -> None:
    """Without a terminal one line has replicas, demand, queue and latency."""
    status = {**_status(1, 3), "readyReplicas": 1, "signals": {"arrivingPerSecond": "2300", "waiting": 7}}
    measures = Measures(first_tokens=[(99.0, 0.5)])
    measures.send(99.0, 40_000)
    scene = Scene(_history("chat", status), {"chat": measures}, [1.0], 200.0, 75.0, 100.0)
    assert plain(scene) == "1:15  chat 1/3: 2,000 tokens/s (seen 2,300), queue 7, TTFT 0.5 s / 0.5 s"


def test_the_live_view_fits_a_small_terminal() -> None:
    """80 columns and 24 lines hold it, however long the operator's sentences are."""
    names = ("chat", "summarize", "legacy")
    history = History(names, lambda: 65.0)
    for name in names:
        status = _status(1, 2, 3, 2, 1)
        status["decision"]["message"] = "word " * 25
        for change in status["changes"]:
            change["message"] = "word " * 40
        history.see("MODIFIED", {"metadata": {"name": name}, "status": status})
    scene = Scene(history, {name: Measures() for name in names}, [1.0, 5.0] * 24, 200.0, 75.0, 100.0)
    lines = Console(width=80, height=24).render_lines(live(scene), pad=False)
    assert len(lines) <= 24
    assert all(sum(segment.cell_length for segment in line) <= 80 for line in lines)


def test_rates_forget_what_is_old() -> None:
    """Tokens count for the length of the window."""
    measures = Measures()
    measures.send(0.0, 1000)
    measures.send(10.0, 200)
    assert measures.tokens_per_second(10.0) == 1200 / WINDOW_SECONDS
    assert measures.tokens_per_second(0.0 + WINDOW_SECONDS) == 200 / WINDOW_SECONDS


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([3], 95, 3), ([1, 2, 3, 4], 50, 2), ([4, 3, 2, 1], 95, 4), (range(1, 101), 95, 95)],
)
def test_percentiles(values: Any, percent: float, expected: float | None) -> None:
    """The smallest value that so many do not exceed."""
    assert percentile(values, percent) == expected


@given(st.lists(st.floats(0, 100), min_size=1), st.integers(1, 100))
def test_a_percentile_is_a_value_that_was_measured(values: list[float], percent: int) -> None:
    """No interpolation: at least the share lies at or below it."""
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-9


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": 1}, {"a": None}, {}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({}, {"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}),
        ({"a": "text"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_patches_are_merge_patches(document: Any, patch: Any, expected: Any) -> None:
    """Maps merge by key, null removes, lists replace; the document itself is left alone."""
    before = json.dumps(document)
    assert merged(document, patch) == expected
    assert json.dumps(document) == before


def applied(placed: stage.Placed) -> dict[tuple[str, str], Any]:
    """The objects that a stage applies, by kind and name."""
    return {(document["kind"], document["metadata"]["name"]): document for document in stage.documents(placed)}


@pytest.mark.parametrize("placed", [kwok_stage.placed, kind_stage.placed])
def test_what_is_applied_is_the_examples_made_to_fit(placed: stage.Placed) -> None:
    """What the examples say is kept, wherever the demo plays."""
    found = applied(placed)
    chat, legacy = found["InferenceService", "chat"]["spec"], found["Deployment", "legacy-vllm"]["spec"]
    assert chat["engine"]["type"] == "vLLM"
    assert chat["accelerator"] == {"profile": "l4"}
    assert legacy["template"]["metadata"]["labels"] == {"app": "legacy-vllm"}
    assert found["InferenceService", "legacy"]["spec"]["scaling"]["mode"] == "Advisory"
    assert ("AcceleratorProfile", "l4") in found


def test_without_docker_pods_start_in_seconds() -> None:
    """As their annotation says."""
    chat = applied(kwok_stage.placed)["InferenceService", "chat"]["spec"]
    assert chat["template"]["metadata"]["annotations"][kwok_stage.SIMULATED_STARTUP] == "20s"


def test_on_kind_pods_are_simulated_engines() -> None:
    """All of them, the one that somebody else owns too; it still asks for its accelerator."""
    found = applied(kind_stage.placed)
    templates = [found["Deployment", "legacy-vllm"]["spec"]["template"]["spec"]]
    templates += [found["InferenceService", name]["spec"]["template"]["spec"] for name in ("chat", "summarize")]
    for template in templates:
        (container,) = template["containers"]
        assert container["command"][:2] == ["tidegate", "engine"]
    assert templates[0]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert found["InferenceService", "legacy"]["spec"]["targetRef"]["name"] == "legacy-vllm"


@pytest.mark.parametrize("part", [part for part in PARTS if part.touched])
def test_on_kind_requests_come_in_as_through_the_service(part: Part) -> None:
    """To the same pods by the same port as through the Service that the operator makes; the node has one for it."""
    spec = InferenceServiceSpec.model_validate(applied(kind_stage.placed)["InferenceService", part.name]["spec"])
    assert spec.engine is not None
    inside = service(Owner(namespace=NAMESPACE, name=part.name, uid="1"), spec.engine)["spec"]
    outside = kind_stage.doorway(part)["spec"]
    assert outside["selector"] == inside["selector"]
    (port,) = outside["ports"]
    assert port.pop("nodePort") == kind_stage.NODE_PORTS[part.name]
    assert outside["ports"] == inside["ports"]


def test_on_kind_requests_come_in_to_what_somebody_else_owns() -> None:
    """By the labels and the name of the port that its pods have."""
    template = applied(kind_stage.placed)["Deployment", "legacy-vllm"]["spec"]["template"]
    spec = kind_stage.doorway(LEGACY)["spec"]
    assert spec["selector"] == template["metadata"]["labels"]
    assert spec["ports"][0]["targetPort"] in [port["name"] for port in template["spec"]["containers"][0]["ports"]]


def test_a_second_demo_is_refused(tmp_path: Path) -> None:
    """Two demos would fight over ports and cluster; the message says what to do, and the lock does not outlive it."""
    with (
        stage.alone(tmp_path),
        pytest.raises(stage.ToolsError, match=r"a demo is running already \(process \d+\)"),
        stage.alone(tmp_path),
    ):
        pass
    with stage.alone(tmp_path):
        pass
