from pathlib import Path

import pytest

from cli.simulating import SERVICE, call

CODE = Path(__file__).resolve().parents[2] / "examples" / "traces" / "azure-2023-code.csv.gz"
PLAIN = "time_seconds,prompt_tokens,output_tokens\n"

BAD: dict[str, tuple[str, list[str], str]] = {
    "an empty trace": ("", [], "trace.csv: is empty; give a file with at least one request"),
    "a header alone": (PLAIN, [], "trace.csv: has no requests, only a header"),
    "a bad row": (PLAIN + "0,10,10\n1,ten,10\n", [], "trace.csv:3: prompt_tokens is 'ten'; give a whole number"),
    "a clock that runs backwards": (PLAIN + "5,10,10\n1,10,10\n", [], "trace.csv:3: time_seconds '1' is earlier than"),
    "another format": (PLAIN + "5,10,10\n", ["--format", "mooncake"], "trace.csv:1: is no JSON"),
    "nothing fits": (
        PLAIN + "0,40000,10\n",
        [],
        "trace.csv: each of its 1 requests is longer than the context of 32,768",
    ),
    "too much of it": (PLAIN + "0,10,10\n" * 3000, ["--multiply", "1000"], "1000 times 3,000 requests are more than"),
    "an unknown rival": (
        PLAIN + "0,10,10\n",
        ["--rival", "oracle"],
        "no rival is called 'oracle'; known are hpa-running",
    ),
    "a rival without target": (PLAIN + "0,10,10\n", ["--rival", "static"], "rival 'static' needs a target"),
    "an unknown fault": (PLAIN + "0,10,10\n", ["--fault", "sabotage:1"], "kind is 'sabotage'; give one of metrics-gap"),
    "a fault of nothing": (PLAIN + "0,10,10\n", ["--fault", "metrics-gap:0"], "value is 0; give seconds, more than 0"),
    "an unknown replica model": (PLAIN + "0,10,10\n", ["--replica-model", "abacus"], "abacus"),
    "more at the start than at most": (
        PLAIN + "0,10,10\n",
        ["--initial-replicas", "9", "--max-replicas", "4"],
        "--initial-replicas is 9, which is above the most there may be, 4; lower it, or raise --max-replicas",
    ),
    "a folder that is not there": (PLAIN + "0,10,10\n", ["--json", "no/such/out.json"], "there is no folder no/such"),
    "a page in a folder that is not there": (
        PLAIN + "0,10,10\n",
        ["--report", "no/out.html"],
        "there is no folder no;",
    ),
    "a format nobody knows": (PLAIN + "0,10,10\n", ["--format", "splunk"], "'splunk' is not one of 'auto', 'azure'"),
    "no copies": (PLAIN + "0,10,10\n", ["--multiply", "0"], "--multiply"),
    "a promise of nothing": (PLAIN + "0,10,10\n", ["--ttft-ms", "0"], "--ttft-ms"),
    "a jitter that is no number": (PLAIN + "0,10,10\n", ["--jitter-seconds", "nan"], "nan is not a number"),
    "a cold start that is no number": (PLAIN + "0,10,10\n", ["--startup-seconds", "nan"], "nan is not a number"),
    "no such file": (PLAIN, ["--service", "missing.yaml"], "'missing.yaml' does not exist"),
}


class TestRefused:
    """What cannot be used."""

    @pytest.mark.parametrize(("text", "options", "says"), BAD.values(), ids=BAD)
    def test_it_is_said_in_words(
        self, text: str, options: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With file and line where there is one; nothing is replayed or written, and no traceback is shown."""
        monkeypatch.chdir(tmp_path)
        Path("trace.csv").write_text(text)
        result = call("--trace", "trace.csv", *([] if "--json" in options else ["--json", "out.json"]), *options)
        assert result.exit_code in {1, 2}
        assert isinstance(result.exception, SystemExit)
        assert says in result.stderr
        assert "Traceback" not in result.output
        assert result.stdout == ""
        assert not Path("out.json").exists()

    def test_a_policy_is_refused_with_its_line(self, tmp_path: Path) -> None:
        """As the API server would."""
        file = tmp_path / "infer.yaml"
        file.write_text(SERVICE.replace("minReplicas: 3", "minReplicas: 6"))
        result = call("--trace", CODE, "--service", file)
        assert result.exit_code == 1
        assert f"{file}:1: spec.scaling.minReplicas: minReplicas is above maxReplicas" in result.stderr

    def test_a_bound_below_the_policys_minimum(self, tmp_path: Path) -> None:
        """Rather than a policy that contradicts itself."""
        file = tmp_path / "infer.yaml"
        file.write_text(SERVICE)
        result = call("--trace", CODE, "--service", file, "--max-replicas", "2")
        assert result.exit_code == 1
        assert "--max-replicas is 2, which is below minReplicas, 3; raise it" in result.stderr

    def test_without_a_trace_there_is_nothing_to_do(self) -> None:
        """It says where there are some."""
        result = call()
        assert result.exit_code == 2
        assert "give --trace" in result.stderr
