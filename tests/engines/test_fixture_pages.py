"""What is read from each engine's page, of newer and older versions."""

from math import inf
from pathlib import Path
from typing import Any

import pytest

from tidegate.api.engine import EngineType
from tidegate.engines.catalog import TABLES
from tidegate.engines.page import PageError, PageFault, read_page
from tidegate.engines.table import EngineTable
from tidegate.engines.triton import TRITON, TRITON_REQUESTS
from tidegate.scaling.sample import Sample

PAGES = Path(__file__).parent / "fixtures"

LLAMA_CPP, SGLANG, TGI, TENSORRT_LLM, LMDEPLOY, TEI, INFINITY = (
    TABLES[EngineType(name)] for name in ("llamaCpp", "SGLang", "TGI", "TensorRTLLM", "LMDeploy", "TEI", "Infinity")
)

READ: tuple[tuple[str, EngineTable, str, dict[str, Any]], ...] = (
    (
        "llama-cpp-0.7.0.txt",
        LLAMA_CPP,
        "tiny",
        {"waiting": 5, "running": 2, "prompt_tokens": 810, "generated_tokens": 0, "steps": 661},
    ),
    (
        "llama-cpp-0.7.0-idle.txt",
        LLAMA_CPP,
        "tiny",
        {"waiting": 0, "running": 0, "prompt_tokens": 816, "generated_tokens": 11_500, "steps": 6571},
    ),
    (
        "sglang-2026.txt",
        SGLANG,
        "qwen3-8b",
        {
            "waiting": 4,
            "running": 5,
            "kv_usage": 0.75,
            "requests_received": 51,
            "requests_finished": 42,
            "first_tokens": 44,
            "prompt_tokens": 21_000,
            "generated_tokens": 6_300,
            "steps": 2_520,
            "first_token_seconds": ((0.1, 8), (0.4, 40), (2, 41), (inf, 42)),
            "inter_token_seconds": ((0.02, 5_600), (0.1, 6_200), (inf, 6_256)),
        },
    ),
    (
        "sglang-2025.txt",
        SGLANG,
        "qwen3-8b",
        {
            "waiting": 1,
            "running": 8,
            "kv_usage": 0.5,
            "requests_received": None,
            "requests_finished": 9,
            "first_tokens": 10,
            "prompt_tokens": 12_345,
            "generated_tokens": 678,
            "steps": None,
            "first_token_seconds": None,
            "inter_token_seconds": None,
        },
    ),
    (
        "tgi-3.3.txt",
        TGI,
        "any",
        {
            "waiting": 4,
            "running": 8,
            "requests_finished": 50,
            "requests_failed": 4,
            "prompt_tokens": 33_000,
            "generated_tokens": 5_100,
            "steps": 2_540,
        },
    ),
    ("tgi-3.3-started.txt", TGI, "any", dict.fromkeys(TGI.metrics, 0)),
    (
        "trtllm-2026.txt",
        TENSORRT_LLM,
        "nvidia/Qwen3-8B-FP8",
        {
            "waiting": 3,
            "running": 5,
            "kv_usage": 0.6,
            "requests_finished": 42,
            "prompt_tokens": 42_000,
            "generated_tokens": 8_400,
            "first_token_seconds": ((0.25, 20), (1, 41), (inf, 42)),
            "inter_token_seconds": ((0.025, 30), (0.05, 42), (inf, 42)),
        },
    ),
    (
        "triton-trtllm.txt",
        TRITON,
        "ensemble",
        {
            "waiting": 2,
            "running": 4,
            "kv_usage": 0.4875,
            "requests_ended": 22,
            "prompt_tokens": 11_000,
            "generated_tokens": 4_400,
        },
    ),
    (
        "triton-trtllm.txt",
        TRITON_REQUESTS,
        "ensemble",
        {"waiting": 6, "requests_finished": 20, "requests_failed": 2, "seconds_worked": 2.5},
    ),
    (
        "lmdeploy-0.16.txt",
        LMDEPLOY,
        "internlm3-8b",
        {
            "waiting": 7,
            "running": 12,
            "kv_usage": 0.875,
            "requests_finished": 92,
            "requests_failed": 6,
            "first_tokens": 104,
            "prompt_tokens": 51_200,
            "generated_tokens": 20_480,
            "first_token_seconds": ((0.25, 60), (1, 100), (inf, 104)),
            "inter_token_seconds": ((0.025, 20_000), (0.1, 20_370), (inf, 20_376)),
        },
    ),
    (
        "lmdeploy-0.11.txt",
        LMDEPLOY,
        "internlm3-8b",
        {
            "waiting": 7,
            "running": 12,
            "kv_usage": 0.875,
            "requests_finished": 92,
            "requests_failed": None,
            "first_tokens": 104,
            "prompt_tokens": 51_200,
            "generated_tokens": 20_480,
            "first_token_seconds": None,
            "inter_token_seconds": None,
        },
    ),
    (
        "tei-1.9.txt",
        TEI,
        "bge-m3",
        {
            "waiting": 17,
            "requests_received": 214,
            "requests_finished": 195,
            "prompt_tokens": 53_500,
            "seconds_worked": 12.5,
        },
    ),
    (
        "tei-1.9-reranker.txt",
        TEI,
        "bge-reranker",
        {
            "waiting": 17,
            "requests_received": 214,
            "requests_finished": 195,
            "prompt_tokens": 53_500,
            "seconds_worked": None,
        },
    ),
    ("infinity-0.0.77.txt", INFINITY, "any", {"requests_finished": 36, "seconds_worked": 4.0}),
    ("infinity-0.0.77-started.txt", INFINITY, "any", {"requests_finished": 0, "seconds_worked": None}),
)


@pytest.mark.parametrize(
    ("page", "table", "model_name", "expected"),
    READ,
    ids=lambda value: value.removesuffix(".txt") if str(value).endswith(".txt") else "",
)
def test_every_signal_is_read(page: str, table: EngineTable, model_name: str, expected: dict[str, Any]) -> None:
    """All that the table looks for and nothing beside it; what may be missing is missing, and only that."""
    sample = read_page((PAGES / page).read_bytes(), table, time=1.0, model_name=model_name)
    assert sample == Sample(time=1.0, **expected)
    assert set(expected) == {*table.metrics, *table.buckets}
    assert [signal for signal in table.expected_signals if getattr(sample, signal) is None] == []


def test_every_page_is_read_and_says_where_it_is_from() -> None:
    """No page lies here unused, and none without its source."""
    assert {page.name for page in PAGES.glob("*.txt")} == {page for page, *_ in READ}
    for page in PAGES.glob("*.txt"):
        assert page.read_text().startswith(("# Captured from ", "# Constructed "))


@pytest.mark.parametrize(("page", "table", "model_name", "expected"), READ, ids=lambda _: "")
def test_no_engine_is_taken_for_another(
    page: str, table: EngineTable, model_name: str, expected: dict[str, Any]
) -> None:
    """A page read as another engine's is a fault that says so."""
    del model_name, expected
    content = (PAGES / page).read_bytes()
    for other in TABLES.values():
        if not other.metrics or other.type is table.type:
            continue
        with pytest.raises(PageError) as caught:
            read_page(content, other, time=1.0)
        assert caught.value.fault is PageFault.NO_KNOWN_METRICS


@pytest.mark.parametrize("table", [table for table in TABLES.values() if table.metrics], ids=lambda table: table.type)
def test_an_empty_page_is_zero_only_where_engines_start_with_one(table: EngineTable) -> None:
    """What one engine shows before its first request is a fault of another."""
    if table.starts_empty:
        zeros: dict[str, Any] = dict.fromkeys(table.metrics, 0.0)
        assert read_page(b"", table, time=1.0) == Sample(time=1.0, **zeros)
    else:
        with pytest.raises(PageError):
            read_page(b"", table, time=1.0)


def test_a_page_that_lost_one_of_its_gauges_is_not_one_before_the_first_request() -> None:
    """A renamed metric must be missed, not pass for zero."""
    page = (PAGES / "tgi-3.3.txt").read_text().replace("tgi_queue_size", "tgi_queue_length").encode()
    assert read_page(page, TGI, time=1.0).waiting is None
    page = (PAGES / "trtllm-2026.txt").read_text().replace("trtllm_request_success", "trtllm_requests").encode()
    assert read_page(page, TENSORRT_LLM, time=1.0).requests_finished is None


def test_ollama_says_that_it_has_no_metrics() -> None:
    """Whatever answers at its address."""
    with pytest.raises(PageError, match="engines of type Ollama have no metrics"):
        read_page(b"# TYPE up gauge\nup 1\n", TABLES[EngineType.OLLAMA], time=1.0)
