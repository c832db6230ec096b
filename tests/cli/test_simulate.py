import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.simulating import SERVICE, call

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "examples" / "traces" / "azure-2023-code.csv.gz"

FIGURES = {
    "policy", "sloAttainment", "gpuHours", "requests", "unfinished", "ttftMs", "itlMs", "scaleUps", "scaleDowns",
    "reversals", "peakReplicas", "recoverySeconds", "series", "changes",
}  # fmt: skip

SERIES = {
    "seconds", "arrivals", "desired", "ready", "created", "waiting", "running", "ttftP95Ms", "gpuHours",
}  # fmt: skip


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Five minutes: a request every second, and in the third minute six of them."""
    times = [second + part / 6 for second in range(300) for part in range(6 if 120 <= second < 180 else 1)]
    file = tmp_path / "trace.csv"
    file.write_text("time_seconds,prompt_tokens,output_tokens\n" + "".join(f"{time},2000,150\n" for time in times))
    return file


def document(*arguments: str | Path) -> dict[str, Any]:
    """The JSON of a run that succeeds."""
    result = call(*arguments, "--json", "-")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


class TestDocument:
    """What --json writes."""

    def test_it_has_what_it_promises(self, trace: Path) -> None:
        """The trace, the set-up, and of each policy the figures, the series and the changes."""
        found = document("--trace", trace, "--multiply", "2", "--seed", "3", "--rival", "static=2")
        assert found.keys() == {"trace", "setUp", "runs"}
        assert found["trace"] == {
            "name": "trace.csv",
            "format": "csv",
            "requests": 1200,
            "refused": 0,
            "cut": 0,
            "copies": 2,
            "jitterSeconds": 4.0,
            "durationSeconds": found["trace"]["durationSeconds"],
            "promptTokens": 2_400_000,
            "outputTokens": 180_000,
        }
        assert 299 <= found["trace"]["durationSeconds"] <= 303
        assert found["setUp"] == {
            "replicaModel": "rtx4090",
            "startupSeconds": 60.0,
            "initialReplicas": 1,
            "maxReplicas": 40,
            "scrapeIntervalSeconds": 5.0,
            "metricsDelaySeconds": 0.0,
            "routing": "least-loaded",
            "seed": 3,
            "ttftMs": 2000.0,
            "itlMs": 100.0,
            "faults": [],
        }
        assert [run["policy"] for run in found["runs"]] == ["tidegate", "static=2"]
        for run in found["runs"]:
            assert run.keys() == FIGURES
            assert run["series"].keys() == SERIES
            assert {len(values) for values in run["series"].values()} == {30}
            assert run["ttftMs"].keys() == run["itlMs"].keys() == {"p50", "p95", "p99"}
            assert run["requests"] == 1200

    def test_its_figures_agree_with_each_other(self, trace: Path) -> None:
        """Changes lead from one size to the next, costs only rise, and every change has its record."""
        (run,) = document("--trace", trace, "--multiply", "2", "--startup-seconds", "20")["runs"]
        sizes = [run["changes"][0]["from"], *(change["to"] for change in run["changes"])]
        assert sizes[0] == 1
        assert max(sizes) > 1
        assert [change["from"] for change in run["changes"]] == sizes[:-1]
        assert run["scaleUps"] + run["scaleDowns"] == len(run["changes"])
        assert all(change["because"] and change["decision"]["proposals"] for change in run["changes"])
        series = run["series"]
        assert series["gpuHours"] == sorted(series["gpuHours"])
        assert series["gpuHours"][-1] <= run["gpuHours"]
        assert max(series["created"]) == run["peakReplicas"]
        assert sum(series["arrivals"]) * 10 == pytest.approx(1200)

    def test_equal_inputs_give_equal_bytes(self, trace: Path, tmp_path: Path) -> None:
        """Whatever is random comes from the seed; another seed is another run."""
        options = (
            "--trace",
            trace,
            "--multiply",
            "2",
            "--routing",
            "random",
            "--rival",
            "ray-serve",
            "--rival",
            "keda",
        )
        faults = ("--fault", "scrape-failures:20", "--fault", "clients-give-up:5@100", "--fault", "slow-replica:2@50")
        texts = []
        for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
            assert call(*options, *faults, "--seed", seed, "--json", tmp_path / name).exit_code == 0
            texts.append((tmp_path / name).read_text())
        assert texts[0] == texts[1]
        assert texts[0] != texts[2].replace('"seed": 2', '"seed": 1')

    def test_a_real_trace_has_no_numbers_that_json_has_not(self) -> None:
        """Where nothing came there is null, not NaN: the first requests here wait for a pod for ever."""
        result = call("--trace", CODE, "--fault", "clients-give-up:1", "--max-replicas", "1", "--json", "-")
        assert result.exit_code == 0
        assert json.loads(result.stdout, parse_constant=pytest.fail)["runs"][0]["unfinished"] > 100


class TestPolicy:
    """Whose policy is replayed."""

    def test_a_service_brings_its_own(self, trace: Path, tmp_path: Path) -> None:
        """Its bounds hold for all, and it begins at its minimum."""
        file = tmp_path / "infer.yaml"
        file.write_text(SERVICE)
        found = document("--trace", trace, "--multiply", "9", "--service", file, "--rival", "static=30")
        assert (found["setUp"]["initialReplicas"], found["setUp"]["maxReplicas"]) == (3, 5)
        for run in found["runs"]:
            assert min(run["series"]["desired"]) >= 3
            assert max(run["series"]["desired"]) == 5

    def test_options_win_over_it(self, trace: Path, tmp_path: Path) -> None:
        """As for all other policies."""
        file = tmp_path / "infer.yaml"
        file.write_text(SERVICE)
        found = document(
            "--trace", trace, "--multiply", "9", "--service", file, "--max-replicas", "8", "--initial-replicas", "4"
        )
        (run,) = found["runs"]
        assert run["series"]["desired"][0] == 4
        assert max(run["series"]["desired"]) == 8

    def test_a_target_that_was_given_is_kept(self, trace: Path, tmp_path: Path) -> None:
        """Half the capacity for each replica is about twice the replicas."""
        peaks = []
        for target in (4000, 1000):
            file = tmp_path / f"{target}.yaml"
            scaling = f"scaling: {{maxReplicas: 40, tokenThroughput: {{targetPerReplica: {target}}}}}"
            file.write_text(SERVICE.replace("scaling: {minReplicas: 3, maxReplicas: 5}", scaling))
            peaks.append(document("--trace", trace, "--service", file)["runs"][0]["peakReplicas"])
        assert peaks[1] > 1.5 * peaks[0]

    def test_several_are_compared_by_their_files(self, trace: Path, tmp_path: Path) -> None:
        """Over the same requests."""
        now, changed = tmp_path / "now.yaml", tmp_path / "changed.yaml"
        now.write_text(SERVICE)
        changed.write_text(SERVICE.replace("maxReplicas: 5", "maxReplicas: 3"))
        found = document("--trace", trace, "--multiply", "9", "--service", now, "--service", changed)
        assert [run["policy"] for run in found["runs"]] == [f"tidegate {now}", f"tidegate {changed}"]
        assert [run["peakReplicas"] for run in found["runs"]] == [5, 3]

    def test_advice_is_replayed_as_if_it_was_taken(self, trace: Path, tmp_path: Path) -> None:
        """Else there was nothing to see of mode Advisory, which is for trying."""
        file = tmp_path / "infer.yaml"
        file.write_text(SERVICE.replace("minReplicas: 3", "mode: Advisory, minReplicas: 1"))
        (run,) = document("--trace", trace, "--multiply", "9", "--service", file)["runs"]
        assert run["peakReplicas"] == 5

    def test_a_schedule_holds_at_its_hour(self, tmp_path: Path) -> None:
        """By the clock of the trace: on this Monday the office opens after two minutes, and pods come a bit earlier."""
        rows = "".join(f"2024-05-13 07:{58 + second // 60}:{second % 60:02d},100,20\n" for second in range(120))
        azure = tmp_path / "azure.csv"
        azure.write_text(f"TIMESTAMP,ContextTokens,GeneratedTokens\n{rows}2024-05-13 08:01:00,100,20\n")
        file = tmp_path / "infer.yaml"
        schedule = "schedules: [{name: o, start: 0 8 * * 1-5, end: 0 18 * * *, timeZone: UTC, minReplicas: 4}]"
        file.write_text(SERVICE.replace("minReplicas: 3,", f"{schedule},"))
        (run,) = document("--trace", azure, "--service", file, "--startup-seconds", "0")["runs"]
        assert [change["to"] for change in run["changes"]][:1] == [4]
        assert 30 <= run["changes"][0]["seconds"] <= 125
        assert "schedule o" in run["changes"][0]["because"]


class TestTold:
    """What people read."""

    def test_a_table_and_a_sentence(self, trace: Path, tmp_path: Path) -> None:
        """On standard output; what was replayed is said beside it, without colours where there is no terminal."""
        result = call(
            "--trace", trace, "--rival", "static=3", "--rival", "hpa-running", "--json", tmp_path / "out.json"
        )
        assert result.exit_code == 0
        head, *rows, empty, sentence = result.stdout.splitlines()
        assert head.split()[:3] == ["POLICY", "KEPT", "%"]
        assert [row.split()[0] for row in rows] == ["tidegate", "static=3", "hpa-running=24"]
        assert not empty
        assert sentence.startswith(
            "tidegate kept the promise (first token within 2 s, then one every 100 ms on average)"
        )
        assert result.stderr == "trace.csv (csv): 600 requests in 5.0 minutes\n"
        assert json.loads((tmp_path / "out.json").read_text())["runs"]

    def test_what_no_replica_can_serve_is_said(self, tmp_path: Path) -> None:
        """How many requests were left out, and how many answers a fault has cut."""
        file = tmp_path / "long.csv"
        file.write_text("time_seconds,prompt_tokens,output_tokens\n0,100,100\n1,32000,1000\n2,32000,500\n3,100,100\n")
        result = call("--trace", file, "--fault", "output-doubles:2@2", "--json", "-")
        assert result.exit_code == 0
        found = json.loads(result.stdout)["trace"]
        assert (found["requests"], found["refused"], found["cut"]) == (3, 1, 1)
        assert "left out: 1 requests that are longer than the context of 32,768 tokens" in result.stderr
        assert "cut short: 1 answers that the fault makes longer than the context of 32,768 tokens" in result.stderr

    def test_a_service_that_sleeps_is_replayed_awake_and_that_is_said(self, trace: Path, tmp_path: Path) -> None:
        """A replay has nobody to hold requests: it would lose them, and count that against the policy."""
        file = tmp_path / "infer.yaml"
        file.write_text(SERVICE.replace("minReplicas: 3", "minReplicas: 0"))
        result = call("--trace", trace, "--service", file, "--json", "-")
        assert result.exit_code == 0
        (run,) = json.loads(result.stdout)["runs"]
        assert min(run["series"]["desired"]) == 1
        assert run["unfinished"] == 0
        assert "tidegate: minReplicas is 0, and is replayed as 1: a replay has no gateway" in result.stderr

    def test_a_page_is_written(self, trace: Path, tmp_path: Path) -> None:
        """With every policy in it."""
        page = tmp_path / "out.html"
        assert call("--trace", trace, "--rival", "static=3", "--report", page).exit_code == 0
        assert "static=3" in page.read_text()

    def test_progress_is_for_terminals(self, trace: Path) -> None:
        """Bars on standard error while it runs, none of it on standard output."""
        controlling, terminal = pty.openpty()
        ended = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "tidegate", "simulate", "--trace", trace, "--rival", "static=3"],
            stdout=subprocess.PIPE,
            stderr=terminal,
            check=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT / "operator"), "TERM": "xterm", "COLUMNS": "100"},
        )
        os.close(terminal)
        shown = os.read(controlling, 1 << 20).decode()
        os.close(controlling)
        assert "100%" in shown
        assert "static=3" in shown
        assert ended.stdout.decode().isprintable() is False  # lines
        assert "\x1b" not in ended.stdout.decode()
