"""`tidegate simulate --recording`: what it says, where, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from recorded_flight import SCALING, Lines, lines_of, looks, write_segment
from tidegate.cli.simulate import simulate

ROOT = Path(__file__).parents[2]


def call(*arguments: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(simulate, [str(each) for each in arguments])


def service(path: Path, **scaling: Any) -> Path:
    """A file with an InferenceService."""
    document = {
        "apiVersion": "inference.tidegate.dev/v1alpha1",
        "kind": "InferenceService",
        "metadata": {"name": "chat"},
        "spec": {
            "model": {"name": "m"},
            "engine": {"type": "vLLM", "image": "e:1"},
            "scaling": {**SCALING, **scaling},
        },
    }
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def lines() -> Lines:
    """Forty looks at a service that grows."""
    return lines_of(looks(40))


@pytest.fixture
def flight(tmp_path: Path, lines: Lines) -> Path:
    """A recording of them."""
    return write_segment(tmp_path / "recording-000001.jsonl", 1, lines)


class TestSamePolicy:
    """Without `--service`."""

    def test_identical_decisions_are_one_line(self, flight: Path) -> None:
        """And success."""
        done = call("--recording", flight)

        assert (done.exit_code, done.output) == (0, "40 decisions, all identical\n")

    def test_several_services_are_told(self, tmp_path: Path) -> None:
        """As are large numbers."""
        given = [look for index in range(52) for look in looks(20, name=f"s{index}")]
        write_segment(tmp_path / "a.jsonl", 1, lines_of(given))

        assert call("--recording", tmp_path).stdout == "1,040 decisions about 52 services, all identical\n"

    def test_a_difference_is_shown_field_by_field_and_ends_with_1(self, tmp_path: Path, lines: Lines) -> None:
        """With the time, the service and the line of the file."""
        lines[3]["decision"].update(to_replicas=99, reason="Other")
        done = call("--recording", write_segment(tmp_path / "a.jsonl", 1, lines))

        assert done.exit_code == 1
        said = done.output.splitlines()
        assert said[0] == "40 decisions, 1 of them different; the first of them:"
        assert said[1] == "2023-11-14 22:13:35 default/chat (a.jsonl:5)"
        assert said[2].startswith("  to_replicas: 99 was recorded, now ")
        assert said[3].startswith("  reason: Other was recorded, now ")

    def test_many_differences_are_counted(self, tmp_path: Path, lines: Lines) -> None:
        """Ten decisions of eight fields are enough to see what is wrong."""
        for line in lines:
            line["decision"] = dict.fromkeys(line["decision"], "x")
        said = call("--recording", write_segment(tmp_path / "a.jsonl", 1, lines)).output.splitlines()

        assert said[-1] == "... and 30 more"
        assert sum(line.startswith("  ... and ") for line in said) == 10
        assert len(said) == 1 + 10 * (1 + 8 + 1) + 1

    def test_a_recording_of_another_version_is_decided_with_a_warning(self, tmp_path: Path) -> None:
        """Of each kind once."""
        for number in (1, 2):
            part = lines_of(looks(5), adopted=number == 1)
            write_segment(tmp_path / f"{number}.jsonl", number, part, version="9.9.9", python="PyPy 9")
        done = call("--recording", tmp_path)

        assert done.stderr.count("warning: recorded by Tidegate 9.9.9, and this is ") == 1
        assert done.stderr.count("warning: recorded on PyPy 9, and this is ") == 1
        assert "10 decisions" in done.stdout

    def test_what_is_odd_is_told_and_gone_on_with(self, tmp_path: Path, lines: Lines) -> None:
        """On standard error."""
        path = write_segment(tmp_path / "a.jsonl", 1, [*lines[:5], {"time": 1}, *lines[5:]])
        done = call("--recording", path)

        assert done.exit_code == 0
        assert done.stdout == "5 decisions, all identical\n"
        assert "warning: a.jsonl:7 cannot be read, and is left out: " in done.stderr
        assert "warning: 35 looks left out: lines before them are missing" in done.stderr

    def test_nothing_from_a_file_steers_a_terminal(self, tmp_path: Path, lines: Lines) -> None:
        """A recording comes from somebody else."""
        lines[0]["decision"]["reason"] = "\x1b[2Jgone"
        done = call("--recording", write_segment(tmp_path / "a.jsonl", 1, lines, version="\x1b[31m1"))

        assert "\x1b" not in done.output

    @pytest.mark.parametrize("seed", ["1", "2"])
    def test_another_process_decides_the_same(self, flight: Path, seed: str) -> None:
        """Python orders sets anew in each: no decision may depend on it."""
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "operator")}
        command = [sys.executable, "-m", "tidegate", "simulate", "--recording", str(flight)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603

        assert (done.returncode, done.stdout) == (0, "40 decisions, all identical\n"), done.stderr


class TestOtherPolicy:
    """With `--service`."""

    def test_it_says_what_would_have_been_decided(self, flight: Path, tmp_path: Path) -> None:
        """Only where it differs, with what it would have cost, and what that is worth."""
        changed = service(tmp_path / "changed.yaml", tokenThroughput={"targetPerReplica": 500})
        done = call("--recording", flight, "--service", changed)

        assert done.exit_code == 0
        said = done.output.splitlines()
        assert said[0] == "40 decisions, all identical"
        assert said[1].startswith("The other policy decides another size at ")
        assert said[2].split() == ["time", "(UTC)", "there", "decided", "otherwise", "because"]
        row = next(line for line in said[3:] if "→" in line)
        there, decided, otherwise = (int(part) for part in row.split()[2:5])
        assert otherwise > decided >= 1
        assert f"{there} → {otherwise} advised: " in row
        assert said[-2].startswith("replica-hours in 0.05 recorded hours: ")
        assert "does not react to another size" in said[-1]

    def test_the_same_policy_is_said_to_be(self, flight: Path, tmp_path: Path) -> None:
        """No empty table."""
        said = call("--recording", flight, "--service", service(tmp_path / "same.yaml")).output

        assert "The other policy decides the same sizes at all of 40 looks." in said
        assert "there  decided" not in said

    def test_of_several_services_one_must_be_named(self, tmp_path: Path) -> None:
        """A policy is one service's."""
        given = [*looks(5), *looks(5, name="other")]
        path = write_segment(tmp_path / "a.jsonl", 1, lines_of(given))
        changed = service(tmp_path / "changed.yaml", maxReplicas=2)
        refused = call("--recording", path, "--service", changed)

        assert refused.exit_code == 1
        assert "has several services, default/chat and default/other among them" in refused.output
        named = call("--recording", path, "--service", changed, "--name", "default/other")
        assert (named.exit_code, named.output.splitlines()[0]) == (0, "5 decisions, all identical")


class TestRefusals:
    """What cannot be done is said in one line."""

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--rival", "all"], "--rival goes with --trace, and would do nothing with --recording"),
            (["--multiply", "2"], "--multiply goes with --trace"),
            (["--report", "a.html"], "--report goes with --trace"),
            (["--name", "chat"], "--name chat: give it as NAMESPACE/NAME"),
            (["--name", "default/nobody"], "no decision of default/nobody in it can be decided again"),
        ],
    )
    def test_options_that_do_not_go_together(self, flight: Path, arguments: list[str], says: str) -> None:
        """None is ignored silently."""
        done = call("--recording", flight, *arguments)

        assert done.exit_code != 0
        assert says in done.output

    def test_two_policies(self, flight: Path, tmp_path: Path) -> None:
        """There is one to compare with: the one of then."""
        changed = service(tmp_path / "changed.yaml")
        assert (
            "--recording takes one --service"
            in call("--recording", flight, "--service", changed, "--service", changed).output
        )

    def test_a_name_without_a_recording(self) -> None:
        """It would do nothing."""
        assert "--name is for --recording" in call("--name", "default/chat").output

    def test_what_is_no_recording(self, tmp_path: Path) -> None:
        """Named, in one line."""
        (tmp_path / "a.csv").write_text("time_seconds,prompt_tokens,output_tokens\n")
        done = call("--recording", tmp_path / "a.csv")

        assert done.exit_code == 1
        assert done.output.startswith(f"Error: {tmp_path / 'a.csv'}: is not a recording; its first line should say")

    def test_a_compression_that_is_broken(self, tmp_path: Path) -> None:
        """As bad as no recording at all."""
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 64)
        done = call("--recording", path)

        assert done.exit_code == 1
        assert "is not a recording" in done.output
