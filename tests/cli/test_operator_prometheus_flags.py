"""`tidegate operator --metrics-source ... --prometheus-...`: what it takes, and what it cannot take."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tidegate.api.inference_service import MetricsSource
from tidegate.cli import operator as command
from tidegate.controller.operator import Options
from tidegate.metrics.prometheus_options import PrometheusOptions

URL = "--prometheus-url=http://prometheus:9090"


def call(*arguments: str, **variables: str) -> tuple[int, str]:
    """Run the command; its exit code, and what it says."""
    result = CliRunner().invoke(command.operator, arguments, env=variables)
    return result.exit_code, result.output


def test_pods_are_read_unless_told_otherwise(started: list[Options]) -> None:
    """Nobody needs a Prometheus; one that is named is there for services that ask for it."""
    call()
    call(URL)
    assert [(each.metrics_source, each.prometheus) for each in started] == [
        (MetricsSource.POD_SCRAPE, None),
        (MetricsSource.POD_SCRAPE, PrometheusOptions(url="http://prometheus:9090")),
    ]


def test_every_flag_arrives(started: list[Options], tmp_path: Path) -> None:
    """As a flag or as a variable."""
    files = {name: str(tmp_path / name) for name in ("token", "tenant", "ca", "certificate", "key")}
    for path in files.values():
        Path(path).write_text("x")
    flags = (
        "--prometheus-timeout-seconds=5",
        "--prometheus-matcher=cluster=eu-1",
        "--prometheus-matcher=tenant=a=b",
        f"--prometheus-header=X-Scope-OrgID={files['tenant']}",
        f"--prometheus-ca-file={files['ca']}",
        f"--prometheus-client-certificate-file={files['certificate']}",
        f"--prometheus-client-key-file={files['key']}",
    )
    assert call(
        URL,
        *flags,
        TIDEGATE_METRICS_SOURCE="Prometheus",
        TIDEGATE_PROMETHEUS_BEARER_TOKEN_FILE=files["token"],
    ) == (0, "")
    assert started[0].metrics_source is MetricsSource.PROMETHEUS
    assert started[0].prometheus == PrometheusOptions(
        url="http://prometheus:9090",
        timeout_seconds=5.0,
        matchers=(("cluster", "eu-1"), ("tenant", "a=b")),
        bearer_token_file=files["token"],
        headers=(("X-Scope-OrgID", files["tenant"]),),
        ca_file=files["ca"],
        client_certificate_file=files["certificate"],
        client_key_file=files["key"],
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--metrics-source=Prometheus"],
            "--metrics-source Prometheus needs --prometheus-url: which one is to be asked?",
        ),
        (["--prometheus-header=X-Scope-OrgID=tenant"], "--prometheus-url is missing"),
        (["--metrics-source=prometheus"], "'prometheus' is not one of 'PodScrape', 'Prometheus'"),
        (["--prometheus-url=http://me:secret@prometheus"], "--prometheus-url: it has a user or a password in it"),
        ([URL, "--prometheus-matcher=cluster"], "--prometheus-matcher: '' is no label's name; give LABEL=VALUE"),
        ([URL, "--prometheus-header=X"], "--prometheus-header: '' is no header's name; give NAME=FILE"),
        ([URL, "--prometheus-bearer-token-file=/nowhere"], "'/nowhere' does not exist"),
        ([URL, "--prometheus-timeout-seconds=0"], "--prometheus-timeout-seconds"),
        ([URL, "--prometheus-timeout-seconds=60"], "--prometheus-timeout-seconds"),
    ],
)
def test_what_it_cannot_take_is_named(started: list[Options], arguments: list[str], says: str) -> None:
    """The message names the flag, and nothing is started; no message repeats a password."""
    code, said = call(*arguments)
    assert code == 2
    assert says in said
    assert "secret" not in said
    assert started == []
