from pathlib import Path

import pytest
import yaml

from tidegate.simulator.model_file import KEYS, replica_model
from tidegate.simulator.models import MODELS, ReplicaModel

EXAMPLE = Path(__file__).parents[2] / "examples" / "replica-model.yaml"

WHOLE = """\
alphaMs: 12.5
betaMs: 0.25
cMs: 0
kvTokens: 1_000
tokenBudget: 512
maxSequences: 8
startupSeconds: 45
"""


def model_of(directory: Path, text: str | bytes) -> ReplicaModel:
    """The model of a file with this text."""
    path = directory / "model.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return replica_model(str(path))


@pytest.mark.parametrize("name", MODELS)
def test_shipped_model_is_found_by_name(name: str) -> None:
    """A name is enough for a model that ships."""
    assert replica_model(name) is MODELS[name]


def test_file_gives_every_field(tmp_path: Path) -> None:
    """Each key sets its field; the context defaults to the whole blocks of the cache, a block to 16 tokens."""
    assert model_of(tmp_path, WHOLE) == ReplicaModel(
        alpha_milliseconds=12.5, beta_milliseconds=0.25, c_milliseconds=0, kv_tokens=1_000, token_budget=512,
        max_sequences=8, startup_seconds=45, block_tokens=16, context_tokens=992,
    )  # fmt: skip
    more = model_of(tmp_path, WHOLE + "blockTokens: 8\ncontextTokens: 100\n")
    assert (more.block_tokens, more.context_tokens) == (8, 100)


def test_startup_may_be_left_out(tmp_path: Path) -> None:
    """Without it a replica serves at once, as the shipped ones do."""
    assert model_of(tmp_path, WHOLE.replace("startupSeconds: 45\n", "")).startup_seconds == 0


def test_example_is_a_model_with_every_key() -> None:
    """The example in the repository can be used as it is, and shows all there is."""
    assert replica_model(str(EXAMPLE)).kv_tokens == 200_000
    assert set(yaml.safe_load(EXAMPLE.read_text())) == set(KEYS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "model.yaml: is not a mapping of fields to numbers"),
        ("- 1\n", "model.yaml:1: is not a mapping"),
        ("alphaMs: [\n", "model.yaml:2: is not YAML"),
        (b"\xff\xfe\xfa", "model.yaml: is not YAML"),
        ("[" * 20_000, "model.yaml: is not YAML"),
        (" " * 70_000, "is longer than 64 KiB"),
        (WHOLE + "---\n" + WHOLE, "model.yaml:8: is not YAML: but found another document"),
        (WHOLE.replace("cMs: 0\n", ""), "model.yaml: cMs is missing; a replica model needs cMs"),
        (WHOLE + "kvToken: 5\n", "model.yaml:8: 'kvToken' is no field of a replica model; did you mean kvTokens?"),
        (WHOLE + "speed: 5\n", "model.yaml:8: 'speed' is no field of a replica model; give alphaMs, betaMs"),
        (WHOLE + "alphaMs: 5\n", "model.yaml:8: alphaMs is there twice, first in line 1; remove one"),
        (WHOLE.replace("0.25", "fast"), "model.yaml:2: betaMs is 'fast'; give a number"),
        (WHOLE.replace("0.25", "true"), "model.yaml:2: betaMs is 'true'; give a number"),
        (WHOLE.replace("0.25", ""), "model.yaml:2: betaMs is ''; give a number"),
        (WHOLE.replace("0.25", "[1]"), "model.yaml:2: betaMs is .*; give a number"),
        (WHOLE.replace("0.25", ".nan"), "model.yaml:2: betaMs is nan; give a number up to 1,000,000,000"),
        (WHOLE.replace("0.25", ".inf"), "model.yaml:2: betaMs is inf; give a number"),
        (WHOLE.replace("512", "512.5"), "model.yaml:5: tokenBudget is '512.5'; give a whole number"),
        (WHOLE.replace("512", "9" * 400), "model.yaml:5: tokenBudget is 9+; give a whole number up to"),
        (WHOLE.replace("512", "9" * 5_000), "model.yaml:5: tokenBudget is '9+', which cannot be read"),
        (WHOLE.replace("12.5", "0"), "model.yaml:1: alphaMs is 0; give a number above 0"),
        (WHOLE.replace("45", "-1"), "model.yaml:7: startupSeconds is -1; give 0 or more"),
        (WHOLE.replace("512", "8"), "model.yaml:5: tokenBudget is 8; .* maxSequences=8 .* give more than 8"),
        (WHOLE + "contextTokens: 993\n", "model.yaml:8: contextTokens is 993; .* kvTokens=1000: give at most 992"),
        (WHOLE + "contextTokens: 1\n", "model.yaml:8: contextTokens is 1; .*: give at least 2"),
        (WHOLE + "blockTokens: 2_000\n", "model.yaml:4: kvTokens is 1000; give one block at least, blockTokens=2000"),
        (WHOLE + "blockTokens: 0\n", "model.yaml:8: blockTokens is 0; give a number above 0"),
    ],
)  # fmt: skip
def test_wrong_file_is_refused_with_file_line_field_and_fix(tmp_path: Path, text: str | bytes, message: str) -> None:
    """Every message says where to look, what is there, and what to write instead, in the file's own words."""
    with pytest.raises(ValueError, match=message) as refused:
        model_of(tmp_path, text)
    assert "_" not in str(refused.value).replace(str(tmp_path), "")


def test_unknown_name_lists_those_that_ship(tmp_path: Path) -> None:
    """Neither a model nor a file: the message names the models and what a file needs."""
    with pytest.raises(ValueError, match=r"'rtx5090': there is neither .* rtx4090, .* alphaMs"):
        replica_model("rtx5090")
    with pytest.raises(ValueError, match="neither a model nor a file"):
        replica_model(str(tmp_path))
