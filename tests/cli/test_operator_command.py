"""`tidegate operator`: what it takes, from where, and what it says of what it cannot take."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tidegate.cli import operator as command
from tidegate.cluster import connection
from tidegate.controller.operator import Options
from tidegate.controller.recorder import RecordingOptions

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {}}]
"""


def call(*arguments: str, **variables: str) -> tuple[int, str]:
    """Run the command; its exit code, and what it says."""
    result = CliRunner().invoke(command.operator, arguments, env=variables)
    return result.exit_code, result.output


class TestLeaderElection:
    """Flags of the Lease."""

    def test_it_is_off_unless_asked_for(self, started: list[Options]) -> None:
        """On a laptop there is one operator, and maybe no right to Leases."""
        assert call() == (0, "")
        assert started[0].leader_election is None

    def test_the_defaults_are_those_of_client_go(self, started: list[Options]) -> None:
        """Fifteen, ten and two seconds."""
        call("--leader-elect")
        election = started[0].leader_election
        assert election is not None
        assert (election.lease_name, election.lease_namespace) == ("tidegate-operator", "default")
        times = election.times
        assert (times.lease_duration_seconds, times.renew_deadline_seconds, times.retry_period_seconds) == (15, 10, 2)

    def test_the_lease_is_in_the_pods_own_namespace(
        self, started: list[Options], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Unless told otherwise; the service account says which that is, if no variable does."""
        file = tmp_path / "namespace"
        file.write_text("mounted\n")
        monkeypatch.setattr(connection, "POD_NAMESPACE", file)
        call("--leader-elect")
        call("--leader-elect", POD_NAMESPACE="told")
        call("--leader-elect", "--lease-namespace=given", POD_NAMESPACE="told")
        namespaces = [options.leader_election and options.leader_election.lease_namespace for options in started]
        assert namespaces == ["mounted", "told", "given"]

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--lease-duration-seconds=10"], "--lease-duration-seconds 10 must be more than --renew-deadline-seconds"),
            (["--retry-period-seconds=9"], "--renew-deadline-seconds 10 must be more than 1.2 times --retry-period"),
            (["--retry-period-seconds=0"], "--retry-period-seconds"),
        ],
    )
    def test_times_that_cannot_be_safe_are_refused(
        self, started: list[Options], arguments: list[str], says: str
    ) -> None:
        """The message names the flags; nothing is started."""
        code, said = call("--leader-elect", *arguments)
        assert code == 2
        assert says in said
        assert started == []


class TestVariables:
    """Each option in the environment."""

    def test_they_are_named_after_the_options(self, started: list[Options]) -> None:
        """And an option wins over its variable."""
        call(
            "--lease-name=given",
            TIDEGATE_LEADER_ELECT="true",
            TIDEGATE_LEASE_NAME="hidden",
            TIDEGATE_TICK_SECONDS="7",
            TIDEGATE_NAMESPACE="a b",
            TIDEGATE_LEASE_DURATION_SECONDS="30",
        )
        (options,) = started
        assert options.leader_election is not None
        assert options.leader_election.lease_name == "given"
        assert options.leader_election.times.lease_duration_seconds == 30
        assert (options.tick_seconds, options.namespaces) == (7.0, ("a", "b"))

    def test_what_kubernetes_says_of_a_service_named_tidegate_is_no_port(self, started: list[Options]) -> None:
        """It puts the addresses of Services into the environment of pods, under names of this very form."""
        assert call(TIDEGATE_PORT="tcp://10.0.0.1:8080", TIDEGATE_SERVICE_HOST="10.0.0.1") == (0, "")
        assert started[0].port == 8080


def test_a_port_that_is_taken_is_named_with_its_flag(tmp_path: Path) -> None:
    """In one line, by the real command."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(NOWHERE)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(  # noqa: S603 - our own command
            [
                *(sys.executable, "-m", "tidegate", "operator"),
                *(f"--kubeconfig={kubeconfig}", "--host=127.0.0.1", f"--port={port}"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        )
    assert ended.returncode == 1
    said = ended.stderr.splitlines()[-1]
    assert said.startswith(f"tidegate operator: cannot listen on --host 127.0.0.1 --port {port}: ")
    assert said.endswith("address already in use")


class TestRecording:
    """Flags of the flight recorder."""

    def test_it_is_off_unless_asked_for(self, started: list[Options]) -> None:
        """It takes a disk."""
        call("--recording-max-bytes=1")
        assert started[0].recording is None

    def test_a_directory_turns_it_on(self, started: list[Options], tmp_path: Path) -> None:
        """With a quarter of a gigabyte in eight files, unless told otherwise; the directory need not be there."""
        call(f"--recording-directory={tmp_path / 'new'}")
        call("--recording-max-bytes=4194304", "--recording-files=2", TIDEGATE_RECORDING_DIRECTORY=str(tmp_path))
        assert [options.recording for options in started] == [
            RecordingOptions(directory=tmp_path / "new", max_bytes=256 * 1024 * 1024, files=8),
            RecordingOptions(directory=tmp_path, max_bytes=4 * 1024 * 1024, files=2),
        ]

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--recording-files=1"], "--recording-files 1 must be 2 or more"),
            (["--recording-max-bytes=1000"], "--recording-max-bytes 1000 must be 1048576 or more for each of"),
        ],
    )
    def test_what_could_hold_nothing_is_refused(
        self, started: list[Options], tmp_path: Path, arguments: list[str], says: str
    ) -> None:
        """The message names the flags; nothing is started."""
        code, said = call(f"--recording-directory={tmp_path}", *arguments)
        assert (code, started) == (2, [])
        assert says in " ".join(said.split())


class TestCeiling:
    """What the services of a namespace may cost."""

    def test_it_is_off_unless_asked_for(self, started: list[Options]) -> None:
        """Nobody else knows what is much."""
        call()
        call("--max-cost-per-hour-per-namespace=12.5")
        assert [options.max_cost_per_hour_per_namespace for options in started] == [None, 12.5]

    @pytest.mark.parametrize("value", ["nan", "inf", "-1", "much"])
    def test_what_is_no_ceiling_is_refused(self, started: list[Options], value: str) -> None:
        """The message names the flag; nothing is started."""
        code, said = call(f"--max-cost-per-hour-per-namespace={value}")
        assert (code, started) == (2, [])
        assert "--max-cost-per-hour-per-namespace" in said
