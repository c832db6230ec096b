"""What people type, and what they are told when it makes no sense."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tidegate.cli.gateway import gateway
from tidegate.gateway.members import Member
from tidegate.gateway.options import Options

LEAST = ("--directory=d", "--address=10.0.0.7")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """What would have been run."""
    runs: list[Options] = []

    async def run(options: Options) -> None:
        runs.append(options)

    monkeypatch.setattr("tidegate.gateway.process.run", run)
    monkeypatch.setattr("tidegate.controller.logs.configure_logs", lambda *_: None)
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    return runs


def test_a_pod_says_who_it_is_by_its_environment(started: list[Options]) -> None:
    """As the downward API gives it."""
    pod = {"POD_NAME": "gateway-abc", "POD_IP": "10.0.0.7", "NODE_NAME": "node-1"}
    answer = CliRunner().invoke(gateway, ["--directory=d", "--install=tidegate/gateway"], env=pod)
    assert answer.exit_code == 0, answer.output
    (options,) = started
    assert options.own == Member(name="gateway-abc", address="10.0.0.7", metrics="10.0.0.7:9090", node="node-1")
    assert (options.namespace, options.install, options.leader_lease) == ("tidegate", "gateway", "gateway-gateways")
    assert options.directory == Path("d").absolute()


@pytest.mark.parametrize(
    ("arguments", "address", "metrics"),
    [
        ((), "10.0.0.7", "10.0.0.7:9090"),
        (("--slice-address=10.9.9.9",), "10.9.9.9", "10.0.0.7:9090"),
        (("--host=10.1.1.1", "--port=1234"), "10.0.0.7", "10.1.1.1:1234"),
        (("--address=fd00::7",), "fd00::7", "[fd00::7]:9090"),
    ],
    ids=str,
)
def test_where_others_find_it(started: list[Options], arguments: tuple[str, ...], address: str, metrics: str) -> None:
    """Requests and scrapes may come to different addresses."""
    answer = CliRunner().invoke(gateway, [*LEAST, *arguments])
    assert answer.exit_code == 0, answer.output
    assert (started[0].own.address, started[0].own.metrics) == (address, metrics)


def test_without_a_name_it_makes_one_that_nobody_else_has(started: list[Options]) -> None:
    """For gateways that are mere processes."""
    for _ in range(2):
        assert CliRunner().invoke(gateway, LEAST, env={"POD_NAME": None}).exit_code == 0
    assert started[0].own.name != started[1].own.name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--directory=d", "--address=here"), "--address 'here' is no IP address"),
        ((*LEAST, "--slice-address=there"), "--slice-address 'there' is no IP address"),
        ((*LEAST, "--identity=Not_A_Name"), "--identity 'Not_A_Name' cannot be the name of a Lease"),
        (("--directory=d",), "Missing option '--address'"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(started: list[Options], arguments: tuple[str, ...], says: str) -> None:
    """With the option, its value and the way out."""
    answer = CliRunner().invoke(gateway, arguments, env={"POD_IP": None})
    assert (answer.exit_code, says in answer.output, started) == (2, True, []), answer.output
