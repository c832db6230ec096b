import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import cluster as clusters
import processes
from building import ToolsError


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that was started as <tmp_path>/bin/etcd and waits for its standard input."""
    # Its program is a shell, its name is not: what it was started as is what counts.
    arguments = [str(tmp_path / "bin" / "etcd"), "-c", "echo started; read line"]
    with subprocess.Popen(  # noqa: S603
        arguments, executable="/bin/sh", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        # Linux closes the pipe that Popen waits on before it has written the new command line: until the program
        # has said something, /proc may still show it without one.
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


class TestProcesses:
    """Processes of a cluster are told by what they were started as."""

    def test_a_program_of_the_directory_is_found(self, tmp_path: Path, program: subprocess.Popen[str]) -> None:
        """By name, with its process id."""
        assert processes.running(tmp_path / "bin", ["etcd", "kube-apiserver"]) == {"etcd": program.pid}

    def test_a_program_of_another_directory_or_name_is_not(
        self, tmp_path: Path, program: subprocess.Popen[str]
    ) -> None:
        """Neither another cluster's etcd nor a kubectl that somebody runs from this one."""
        assert program.poll() is None
        assert processes.running(tmp_path, ["etcd"]) == {}
        assert processes.running(tmp_path / "bin", ["kubectl"]) == {}

    def test_killing_ends_it(self, tmp_path: Path, program: subprocess.Popen[str]) -> None:
        """And leaves a second call nothing to do."""
        processes.kill(tmp_path / "bin", ["etcd"])
        assert program.wait(timeout=10) != 0
        processes.kill(tmp_path / "bin", ["etcd"])


@pytest.mark.parametrize("name", ["", "UPPER", "a/b", "..", "-a", "a-", "a" * 41])
def test_a_name_that_fits_no_directory_is_refused(name: str) -> None:
    """The message has the value and the rule."""
    with pytest.raises(ToolsError, match=r"--name is .*lower-case letters"):
        clusters.cluster_named(name)


def test_a_cache_with_a_space_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """kwokctl would cut its path and start a cluster that nobody finds again."""  # noqa: D403
    monkeypatch.setenv("TIDEGATE_CACHE", "/tmp/a b")  # noqa: S108 - never made
    with pytest.raises(ToolsError, match="TIDEGATE_CACHE to a path without spaces"):
        clusters.cluster_named("tidegate")


class TestNothingThere:
    """Commands about a cluster that does not exist."""

    @pytest.fixture(autouse=True)
    def _empty_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))

    def test_down_is_fine(self) -> None:
        """There is nothing to do, and no tool is needed for it."""
        assert clusters.main(["down"]) == 0

    def test_status_says_down(self, capsys: pytest.CaptureFixture[str]) -> None:
        """And ends with 1, for scripts."""
        assert clusters.main(["status"]) == 1
        assert capsys.readouterr().out == "cluster tidegate: down\n"

    def test_env_prints_nothing_to_evaluate(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A shell must not be led to a cluster that is not there."""
        assert clusters.main(["env", "--name", "other"]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert "up --name other" in said.err

    def test_down_removes_what_an_interrupted_start_left(self, tmp_path: Path) -> None:
        """A directory without a record, with or without processes."""
        cluster = clusters.cluster_named("half-made")
        cluster.programs.mkdir(parents=True)
        clusters.down("half-made")
        assert not cluster.directory.exists()
        assert not any(tmp_path.glob("kwok/clusters/*"))
