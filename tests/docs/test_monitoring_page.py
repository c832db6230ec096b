import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import Metric

from tidegate.controller.exporter import Exporter
from tidegate.controller.service_series import SEVERAL, SINGLE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "monitoring.md").read_text()
RULES = ROOT / "charts" / "tidegate" / "files" / "rules"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", re.MULTILINE)


def table(heading: str) -> dict[str, tuple[str, str]]:
    """Series to type and description, of the table below a heading."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {name: (kind, text) for name, kind, text in ROW.findall(part)}


def of_the_process() -> list[Metric]:
    """What is said of the process, without what the client says of every process."""
    return [metric for metric in Exporter().registry.collect() if metric.name.startswith("tidegate_")]


def test_every_series_of_the_operator_has_a_row_and_no_other() -> None:
    """With its type."""
    exported = {f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in of_the_process()}
    rows = table("Series of the operator")
    assert rows.keys() == exported
    kinds = {metric.name: metric.type for metric in of_the_process()}
    assert {name: kinds[name.removesuffix("_total")] for name in rows} == {
        name: kind for name, (kind, _) in rows.items()
    }


def test_every_series_of_services_has_a_row_and_no_other() -> None:
    """With its type."""
    exported = {each.name: "gauge" for each in SINGLE} | {each.name: each.kind for each in SEVERAL}
    assert {name: kind for name, (kind, _) in table("Series of services").items()} == exported


def test_labels_are_told() -> None:
    """Whoever writes a query finds them on the page."""
    rows = table("Series of services") | table("Series of the operator")
    for each in SEVERAL:
        assert [label for label in each.labels if f"`{label}`" not in rows[each.name][1]] == []
    for name in ("tidegate_scrapes_total", "tidegate_api_writes_total", "tidegate_store_objects"):
        assert "label" in rows[name][1]


def test_every_recording_has_a_row_and_no_other() -> None:
    """Recordings are series, too."""
    rules = (RULES / "services.yaml").read_text()
    part = PAGE.partition("\n## Recordings\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w:]+)` \|", part, re.MULTILINE) != []
    assert set(re.findall(r"^\| `([\w:]+)` \|", part, re.MULTILINE)) == set(re.findall(r"record: (\S+)", rules))


def test_prometheus_takes_the_configuration_that_the_page_shows(tmp_path: Path) -> None:
    """Copied and pasted it works; how pods are discovered is left out, for which Debian's Prometheus is not built."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("NOT TESTED with promtool: it is not installed; Debian's package `prometheus` has it")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    (configuration,) = [block for block in blocks if "scrape_configs" in block]
    for job in configuration["scrape_configs"]:
        assert [discovery["role"] for discovery in job.pop("kubernetes_sd_configs")] == ["pod"]
    path = tmp_path / "prometheus.yaml"
    path.write_text(yaml.safe_dump(configuration))
    shutil.copytree(RULES, tmp_path / "tidegate")
    done = subprocess.run([program, "check", "config", path], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == len(list(RULES.glob("*.yaml")))
