import os
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from importable import Document, deployment, horizontal_pod_autoscaler, imported, prometheus, scaled_object

from tidegate.cli import main
from tidegate.migration.wording import account, as_yaml

LOSSY = scaled_object(minReplicaCount=0, triggers=[prometheus("sum(vllm:num_requests_waiting)")])
TOLD = ("--engine", "vLLM", "--model", "llama")


def run(*arguments: str, text: str | None = None) -> Result:
    """Run `tidegate import`."""
    return CliRunner().invoke(main, ["import", *arguments], input=text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with an autoscaler that comes over whole, and something else."""
    path = tmp_path / "in.yaml"
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "chat"}}
    path.write_text(yaml.safe_dump_all([horizontal_pod_autoscaler(), service]))
    return path


def test_files_and_standard_input_are_read_together(file: Path) -> None:
    """An autoscaler here, its Deployment there: one object comes out, which says nothing but YAML."""
    runs = deployment({"image": "vllm/vllm-openai", "args": ["--model=llama"]})

    told = run(str(file), "-", text=yaml.safe_dump(runs))

    assert told.exit_code == 0
    assert yaml.safe_load(told.stdout)["spec"]["model"]["name"] == "llama"
    assert told.stderr.splitlines()[-1] == "passed over: Service (1)"


def test_what_is_lost_is_said_twice() -> None:
    """Above the object, where it is kept, and on standard error, where it is seen."""
    told = run(*TOLD, "-", text=yaml.safe_dump(LOSSY))

    assert told.exit_code == 0
    assert "# Not carried over:\n# - spec.minReplicaCount: 0: " in told.stdout
    assert "ScaledObject chat: not carried over: spec.minReplicaCount: 0: " in told.stderr


def test_strict_does_not_accept_losses(file: Path) -> None:
    """For scripts: what came over whole is fine, the rest is not; the objects are printed all the same."""
    lossy = run(*TOLD, "--strict", "-", text=yaml.safe_dump(LOSSY))

    assert (lossy.exit_code, run(*TOLD, "--strict", str(file)).exit_code) == (1, 0)
    assert yaml.safe_load(lossy.stdout)["kind"] == "InferenceService"


def test_one_that_is_refused_does_not_stop_the_others(file: Path) -> None:
    """But the command has not done all it was asked for."""
    other = scaled_object(scaleTargetRef={"name": "db", "kind": "StatefulSet"})

    told = run(*TOLD, str(file), "-", text=yaml.safe_dump(other))

    assert told.exit_code == 1
    assert yaml.safe_load(told.stdout)["metadata"]["name"] == "chat"
    assert "ScaledObject chat (standard input:1): not imported: it scales StatefulSet 'db'" in told.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [\n", "Error: standard input:2: is not YAML: "),
        ("", "nothing to import: "),
        ("apiVersion: v1\nkind: Pod\n", "nothing to import: "),
    ],
)
def test_input_without_an_autoscaler_is_no_success(text: str, said: str) -> None:
    """A pipe that broke must not look like a fleet that was imported."""
    told = run("-", text=text)

    assert (told.exit_code, told.stdout) == (1, "")
    assert said in told.stderr


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """As any command does."""
    told = run(str(tmp_path / "none.yaml"))

    assert told.exit_code == 2
    assert "none.yaml" in told.stderr


def test_several_are_one_stream_of_documents() -> None:
    """`kubectl apply -f` takes it as it is."""
    two = [horizontal_pod_autoscaler(), scaled_object(scaleTargetRef={"name": "code"})]

    told = run(*TOLD, "-", text=yaml.safe_dump_all(two))

    assert [each["metadata"]["name"] for each in yaml.safe_load_all(told.stdout)] == ["chat", "code"]


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_of_others_stay_in_their_line(name: str, kind: str) -> None:
    """A name with a line break, or worse, can neither end a comment nor steer a terminal."""
    document = horizontal_pod_autoscaler(
        metrics=[{"type": kind, "pods": {"metric": {"name": name}, "target": {"type": kind}}}]
    )
    document["metadata"]["name"] = name
    outcome = imported(document)
    (only,) = outcome.imported

    text = as_yaml(only)

    body = text[text.index("\napiVersion: ") :]
    assert all(line.startswith("#") for line in text.removesuffix(body).split(os.linesep))
    assert yaml.safe_load(text) == only.document
    assert all(line.isprintable() for line in account(outcome))


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("chat", "chat"),
        ("chat.v2", "chat-v2"),
        ("7b", "model-7b"),
        ("a" * 41, f"{'a' * 35}-"),
        (f"{'a' * 34}-{'b' * 10}", f"{'a' * 34}-"),
    ],
)
def test_names_are_made_fit(target: str, name: str) -> None:
    """It is the Deployment's name wherever that will do, and a note tells where it will not."""
    document: Document = horizontal_pod_autoscaler(scaleTargetRef={"kind": "Deployment", "name": target})
    (only,) = imported(document).imported
    found = only.document["metadata"]["name"]

    assert found.startswith(name)
    assert len(found) <= 40
    assert (found == target) == (not any("metadata.name" in note for note in only.notes))
