from dataclasses import replace

import pytest

from tidegate.engines.arguments import engine_arguments
from tidegate.engines.custom import custom_table
from tidegate.engines.llama_cpp import LLAMA_CPP
from tidegate.engines.table import EngineTable
from tidegate.engines.vllm import VLLM

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - what llama.cpp must be told; nothing is bound here.
VLLM_FLAGS = ["--served-model-name", "chat", "--port", "8001"]


@pytest.mark.parametrize(
    ("table", "given", "expected"),
    [
        (VLLM, [], VLLM_FLAGS),
        (VLLM, ["meta-llama/Llama-3.1-8B"], ["meta-llama/Llama-3.1-8B", *VLLM_FLAGS]),
        (VLLM, ["--port", "9"], ["--port", "9", "--served-model-name", "chat"]),
        (VLLM, ["--port=9"], ["--port=9", "--served-model-name", "chat"]),
        (VLLM, ["--served_model_name", "a", "b"], ["--served_model_name", "a", "b", "--port", "8001"]),
        (VLLM, ["--served_model_name=a"], ["--served_model_name=a", "--port", "8001"]),
        (VLLM, ["--portal", "x"], ["--portal", "x", *VLLM_FLAGS]),
        (VLLM, ["--tokenizer", "port"], ["--tokenizer", "port", *VLLM_FLAGS]),
        (VLLM, ["--x", "--", "model"], ["--x", *VLLM_FLAGS, "--", "model"]),
        (VLLM, ["--", "--port"], [*VLLM_FLAGS, "--", "--port"]),
        (
            LLAMA_CPP,
            ["-m", "/m.gguf"],
            ["-m", "/m.gguf", "--alias", "chat", "--host", ANY_ADDRESS, "--port", "8001", "--metrics"],
        ),
        (LLAMA_CPP, ["-a", "x"], ["-a", "x", "--host", ANY_ADDRESS, "--port", "8001", "--metrics"]),
        (LLAMA_CPP, ["--metrics", "--host", "::"], ["--metrics", "--host", "::", "--alias", "chat", "--port", "8001"]),
        (custom_table({"waiting": "q"}, port=1), ["serve"], ["serve"]),
    ],
    ids=lambda value: value.type.value if isinstance(value, EngineTable) else " ".join(value) or "nothing",
)
def test_missing_flags_are_added_behind_the_users(table: EngineTable, given: list[str], expected: list[str]) -> None:
    """The flags an engine needs follow the user's arguments, but for those given in whatever spelling."""
    assert engine_arguments(replace(table, port=8001), given, model_name="chat") == expected


def test_adding_twice_adds_nothing() -> None:
    """What was composed once is complete."""
    once = engine_arguments(LLAMA_CPP, ["-m", "x"], "chat")
    assert engine_arguments(replace(LLAMA_CPP, port=1), once, "other") == once


def test_braces_in_a_model_name_are_kept() -> None:
    """A model name is a value, not a template."""
    assert engine_arguments(VLLM, [], "{port}")[:2] == ["--served-model-name", "{port}"]
