import builtins
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from simulated_document import HOSTILE, RECORD, change, document, run

from tidegate.simulator import report
from tidegate.simulator.report.figure import COLOURS, SHOWN_AT_FIRST, figure_json, stroke
from tidegate.simulator.report.records import clock, hover_text
from tidegate.simulator.report.table import STROKE_DASHES, policies_table

LEAST_CONTRAST = 3.0
"""WCAG 2.2, 1.4.11: what graphics must have against what is beside them."""


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00:00"), (59.6, "0:01:00"), (3599, "0:59:59"), (90_061, "25:01:01")]
)
def test_a_time_is_shown_as_hours_minutes_and_seconds(seconds: float, shown: str) -> None:
    """A time since the start reads like a clock, and seconds never reach 60."""
    assert clock(seconds) == shown


def test_the_box_at_a_change_holds_the_whole_record() -> None:
    """The sentence, every term's proposal and every limit are in it, in lines that fit beside a pointer."""
    lines = hover_text(change(200, 4, 7, RECORD)).split("<br>")
    text = " ".join(lines)
    assert text.startswith("<b>4 → 7</b> at 0:03:20 4 → 7: 9,200 tokens/s are arriving")
    assert "throughput: 5. 9,200 tokens/s are arriving" in text
    assert "drain: 7. 41 requests wait" in text
    assert "behavior: 9 → 7. no more than 3 at once" in text
    assert max(map(len, lines)) <= 90


def test_a_change_without_a_record_says_what_the_policy_said() -> None:
    """Rivals keep no record; their sentence stands alone, without empty headings."""
    assert hover_text(change(5, 1, 2)) == "<b>1 → 2</b> at 0:00:05<br>2 are enough"


def test_strings_from_outside_are_shown_and_never_obeyed(tmp_path: Path) -> None:
    """Names of policies and files and what a rival says may hold any HTML: none of it becomes an element."""
    hostile = run(HOSTILE, [{**change(10, 1, 2), "because": HOSTILE}])
    given = document(hostile, name=HOSTILE)
    given["setUp"]["routing"] = HOSTILE
    report.write_report(given, tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text()
    assert "<script>document" not in page
    assert "<b>bold" not in page
    assert page.count("&lt;script&gt;document.title=") >= 5


def test_the_figure_shows_every_series_in_its_units() -> None:
    """Times are minutes, the time to first token seconds, a missing value stays a gap; the trace is drawn once."""
    figure = json.loads(figure_json(document()))
    traces = figure["data"]
    shared = [trace for trace in traces if trace["meta"]["policy"] == -1]
    first = [trace for trace in traces if trace["meta"]["policy"] == 0]
    assert len(shared) == 1
    assert shared[0]["x"][-1] == 10.0
    (latency,) = [trace for trace in first if "first token" in trace.get("hovertemplate", "")]
    assert latency["y"][3] is None
    assert latency["y"][24] == pytest.approx(3.0)
    (marks,) = [trace for trace in first if trace["meta"]["style"] == "marks"]
    assert (marks["x"], marks["y"], marks["marker"]["symbol"]) == ([pytest.approx(200 / 60)], [7], ["triangle-up"])
    assert figure["layout"]["shapes"][0]["y0"] == 2.0
    assert [axis["title"]["text"] for name, axis in sorted(figure["layout"].items()) if name.startswith("yaxis")] == [
        "requests/s",
        "replicas",
        "requests waiting",
        "seconds (log)",
        "GPU hours",
    ]


def test_a_long_trace_is_shown_in_hours() -> None:
    """A day in minutes would be unreadable."""
    day = run("Tidegate")
    day["series"]["seconds"] = [1440.0 * index for index in range(61)]
    figure = json.loads(figure_json(document(day)))
    assert figure["data"][0]["x"][-1] == 24.0
    assert figure["layout"]["xaxis5"]["title"]["text"].startswith("hours")


def test_few_policies_are_shown_at_first_and_no_two_look_alike() -> None:
    """Sixteen policies at once are a tangle; each still has a stroke of its own."""
    runs = [run(f"policy {index}") for index in range(2 * COLOURS)]
    traces = json.loads(figure_json(document(*runs)))["data"]
    shown = {trace["meta"]["policy"] for trace in traces if trace["visible"] is True}
    assert shown == {-1, *range(SHOWN_AT_FIRST)}
    assert len({(index % COLOURS, stroke(index)) for index in range(len(runs))}) == len(runs)
    assert {stroke(index) for index in range(100)} <= STROKE_DASHES.keys()


def test_the_table_has_a_row_for_each_policy_and_a_dash_for_no_value() -> None:
    """Shares are in percent, times in the units that the headings name."""
    table = policies_table(document()["runs"])
    cells = re.findall(r"<td class=number>(.*?)</td>", table)
    assert table.count("<tr>") == 3
    assert cells[:8] == ["98.76", "1.25", "0.15", "1.90", "&ndash;", "21", "40", "55"]
    assert cells[8:14] == ["1", "0", "0", "7", "3", "30"]


def test_a_missing_plotly_is_said_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever installed Tidegate without its extra reads the command that brings it, and no file is left."""
    really = builtins.__import__

    def without_plotly(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "plotly":
            raise ModuleNotFoundError("No module named 'plotly'")
        return really(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_plotly)
    with pytest.raises(report.PlotlyMissingError, match=r"python -m pip install 'tidegate\[simulate\]'"):
        report.write_report(document(), tmp_path / "out.html")
    assert not (tmp_path / "out.html").exists()


def test_only_all_of_them_is_100_percent() -> None:
    """One broken promise among a hundred thousand is not rounded away."""
    assert "<td class=number>99.99</td>" in policies_table([run("almost") | {"sloAttainment": 0.99999}])
    assert "<td class=number>100.00</td>" in policies_table([run("all") | {"sloAttainment": 1.0}])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_can_be_told_from_the_paper(theme: str) -> None:
    """Lines keep the contrast that graphics need, in both themes."""
    colours = _themes()[theme]
    names = [f"policy-{index}" for index in range(COLOURS)] + ["promise", "quiet", "ink"]
    weak = {name: _contrast(colours[name], colours["paper"]) for name in names}
    assert {name: ratio for name, ratio in weak.items() if ratio < LEAST_CONTRAST} == {}


def _themes() -> dict[str, dict[str, str]]:
    style = (files(report) / "page.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    return {
        theme: dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for theme, block in (("light", light), ("dark", dark))
    }


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
