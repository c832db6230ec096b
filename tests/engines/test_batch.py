"""How many requests one replica works on at once."""

from typing import Any

import pytest

from tidegate.api.engine import EngineType
from tidegate.engines.batch import batch_arguments, max_sequences
from tidegate.engines.catalog import TABLES


def _container(*args: str, command: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": "engine", "command": list(command), "args": list(args)}


@pytest.mark.parametrize(
    ("engine", "container", "expected"),
    [
        ("vLLM", _container(), None),
        ("vLLM", {"name": "engine", "args": None}, None),
        ("vLLM", _container("--max-num-seqs", "64"), 64),
        ("vLLM", _container("--max-num-seqs=64"), 64),
        ("vLLM", _container("--max_num_seqs", "64", "--port", "1"), 64),
        ("vLLM", _container("--max_num_seqs=64"), 64),
        ("vLLM", _container("--max-num-seqs", "64", "--max-num-seqs=32"), 32),
        ("vLLM", _container("--max-num-seqs"), None),
        ("vLLM", _container("--max-num-seqs", "many"), None),
        ("vLLM", _container("--max-num-seqs", "0"), None),
        ("vLLM", _container("--max-num-seqs=-1"), None),
        ("vLLM", _container("--max-num-seqs-of-something", "64"), None),
        ("vLLM", _container("--max-num-seqs", "64", "--data-parallel-size", "2"), None),
        ("vLLM", _container("--max-num-seqs", "64", "-dp=2"), None),
        ("vLLM", _container(command=("vllm", "serve", "m", "--max-num-seqs", "64")), 64),
        ("vLLM", _container("exec vllm serve m \\\n  --max-num-seqs 64 --port 1", command=("sh", "-c")), 64),
        ("SGLang", _container("--max-running-requests", "48"), 48),
        ("SGLang", _container("--max-running-requests", "48", "--dp", "2"), None),
        ("TGI", _container("--max-batch-size", "32", "--max-concurrent-requests", "512"), 32),
        ("TGI", _container("--max-concurrent-requests", "512"), None),
        ("TensorRTLLM", _container("trtllm-serve", "m", "--max_batch_size", "128"), 128),
        ("LMDeploy", _container("--max-batch-size", "16"), 16),
        ("llamaCpp", _container("--parallel", "4"), 4),
        ("llamaCpp", _container("-np", "4"), 4),
        ("llamaCpp", _container("--parallel", "2", "-np", "8"), 8),
        ("llamaCpp", _container("--parallel", "-1"), None),
        ("TEI", _container("--max-batch-requests", "8"), 8),
        ("TEI", _container("--max-batch-size", "8"), None),
        ("Ollama", _container("serve"), None),
    ],
)
def test_what_arguments_say_of_the_batch(engine: str, container: dict[str, Any], expected: int | None) -> None:
    """Their own flag is read in every spelling; another engine's is not, nor one that bounds what waits as well."""
    assert max_sequences(TABLES[EngineType(engine)], batch_arguments([container])) == expected


def test_little_is_kept_of_long_command_lines() -> None:
    """The store holds every Deployment's, and most have nothing to say."""
    long = _container("--model", "m", *(f"--flag-{number}" for number in range(100)))
    assert batch_arguments([long]) == ()
    assert batch_arguments([_container("--max-num-seqs", "4"), long]) == ("--max-num-seqs=4",)
