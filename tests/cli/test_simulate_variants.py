"""`tidegate simulate` of a service with several variants, and of prices."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.simulating import SERVICE, call

ROOT = Path(__file__).resolve().parents[2]

VARIANTS = SERVICE.replace(
    "  scaling: {minReplicas: 3, maxReplicas: 5}\n",
    "  costPerHour: '2'\n"
    "  variants: [{name: small, accelerator: {profile: l4}}]\n"
    "  scaling: {minReplicas: 1, maxReplicas: 9}\n",
)

PROFILE = """\
apiVersion: inference.tidegate.dev/v1alpha1
kind: AcceleratorProfile
metadata: {name: l4}
spec: {vendor: NVIDIA, resourceName: nvidia.com/gpu, products: [NVIDIA-L4], memory: 24Gi, costPerHour: "0.5"}
"""

REFUSED = {
    "no replica model": (["--service", "infer.yaml"], "variant small has no replica model"),
    "a model nobody knows": (["--variant", "small=abacus"], "replica model 'abacus'"),
    "a price in words": (["--variant", "small=l4,cheap"], "the cost is 'cheap'"),
    "twice the same": (["--variant", "small=l4", "--variant", "small=a100"], "small is there twice"),
    "a fault of a variant that is not there": (
        ["--variant", "small=l4", "--fault", "no-room:large@60"],
        "--fault no-room:large@60: there is no variant large; give default or small",
    ),
    "profiles without a profile": (["--variant", "small=l4", "--profiles", "infer.yaml"], "has no inference.tidegate"),
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace of five minutes that gets busier, a service with two variants, and the profile that one of them names."""
    monkeypatch.chdir(tmp_path)
    times = [second + part / 9 for second in range(300) for part in range(9 if second >= 120 else 2)]
    rows = "".join(f"{time},1000,100\n" for time in times)
    Path("trace.csv").write_text(f"time_seconds,prompt_tokens,output_tokens\n{rows}")
    Path("infer.yaml").write_text(VARIANTS)
    Path("profiles.yaml").write_text(PROFILE)


def document(*arguments: str) -> dict[str, Any]:
    """The JSON of a run that succeeds."""
    result = call("--trace", "trace.csv", *arguments, "--json", "-")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize(("options", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_said_in_words(options: list[str], says: str) -> None:
    """Nothing is replayed, and no traceback is shown."""
    result = call("--trace", "trace.csv", *options)
    assert result.exit_code == 1
    assert says in result.stderr
    assert not result.stdout


def test_a_service_with_variants_is_replayed_mixed_and_on_each_alone() -> None:
    """Prices are its own, or those of the profiles; each variant alone begins with as many replicas as the service."""
    found = document("--service", "infer.yaml", "--variant", "small=l4", "--profiles", "profiles.yaml")
    assert found["setUp"]["variants"] == {
        "default": {"replicaModel": "rtx4090", "startupSeconds": 60.0, "costPerHour": 2.0, "maxReplicas": 9},
        "small": {"replicaModel": "l4", "startupSeconds": 60.0, "costPerHour": 0.5, "maxReplicas": 9},
    }
    mixed, default, small = found["runs"]
    assert [run["policy"] for run in found["runs"]] == ["tidegate", "only default", "only small"]
    assert default["replicaHours"]["small"] == small["replicaHours"]["default"] == 0
    assert small["series"]["readyByVariant"]["small"][0] == 1
    for run in (mixed, default, small):
        hours = run["replicaHours"]
        assert run["cost"] == pytest.approx(2.0 * hours["default"] + 0.5 * hours["small"], abs=1e-3)


def test_a_variant_can_be_tried_that_the_service_has_not() -> None:
    """So that it is known what it would be worth before it is bought."""
    found = document("--variant", "default=l4,2", "--variant", "small=l4,0.5,3")
    assert found["setUp"]["replicaModel"] == "l4"
    assert list(found["setUp"]["variants"]) == ["default", "small"]
    assert max(found["runs"][2]["series"]["readyByVariant"]["small"]) <= 3


def test_money_is_in_the_table_where_prices_are_known() -> None:
    """And only there: without a price nothing looks as if it was free."""
    priced = call("--trace", "trace.csv", "--variant", "default=rtx4090,2", "--rival", "static=3")
    head, *rows, _, sentence = priced.stdout.splitlines()
    headings = [each.strip() for each in head.split("  ") if each]
    assert headings[2:6] == ["GPU-H", "COST", "PER 1M TOKENS", "PER 1000 KEPT"]
    hours, cost = rows[0].split()[2:4]
    assert float(cost) == pytest.approx(2 * float(hours), abs=0.02)
    assert f"GPU-hours for {cost}" in sentence
    plain = call("--trace", "trace.csv")
    assert "COST" not in plain.stdout
    assert "cost" not in json.loads(call("--trace", "trace.csv", "--json", "-").stdout)["runs"][0]


def test_rivals_run_on_the_services_own_engine_and_llm_ds_on_all() -> None:
    """What knows of one size only has one variant."""
    options = ("--variant", "default=rtx4090,2", "--variant", "small=l4,0.5")
    *_, static, wva = document(*options, "--rival", "static=2", "--rival", "wva-tokens")["runs"]
    assert static["replicaHours"]["small"] == 0
    assert wva["replicaHours"]["small"] > 0


def test_schedules_hold_with_variants_too(tmp_path: Path) -> None:
    """At the hour that the trace's own clock shows, of all variants together."""
    schedule = "schedules: [{name: o, start: 0 0 * * *, end: 0 12 * * *, timeZone: UTC, minReplicas: 4}]"
    file = tmp_path / "office.yaml"
    file.write_text(VARIANTS.replace("minReplicas: 1,", f"minReplicas: 1, {schedule},"))
    found = document("--service", str(file), "--variant", "small=l4", "--profiles", "profiles.yaml")
    assert all(run["series"]["desired"][-1] >= 4 for run in found["runs"])


def test_the_report_shows_variants_and_money(tmp_path: Path) -> None:
    """A stack of replicas for what is mixed, and cost instead of hours."""
    page = tmp_path / "out.html"
    options = ("--variant", "default=rtx4090,2", "--variant", "small=l4,0.1", "--rival", "wva-tokens")
    assert call("--trace", "trace.csv", *options, "--report", page).exit_code == 0
    text = page.read_text()
    assert "Ready by variant, wva-tokens (from below: default, small)" in text
    assert "in the currency of the prices" in text
    assert "small: l4, 0.1 an hour" in text


def test_equal_inputs_give_equal_bytes_in_another_process(tmp_path: Path) -> None:
    """Whatever the order in which that one hashes."""
    command = ["simulate", "--trace", "trace.csv", "--service", "infer.yaml", "--variant", "small=l4,0.5", "--json"]
    texts = []
    for seed in ("1", "2"):
        file = tmp_path / seed
        variables = {**os.environ, "PYTHONPATH": str(ROOT / "operator"), "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-m", "tidegate", *command, str(file)], check=True, env=variables)  # noqa: S603 - ours
        texts.append(file.read_bytes())
    assert texts[0] == texts[1]
