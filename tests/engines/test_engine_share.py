"""How engines are told their share, and whose flag wins."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tidegate.api.engine import EngineType
from tidegate.engines.arguments import engine_arguments, flags_given
from tidegate.engines.catalog import TABLES
from tidegate.engines.share import memory_share, processor_share

VLLM, SGLANG, LLAMA = (TABLES[kind] for kind in (EngineType.VLLM, EngineType.SGLANG, EngineType.LLAMA_CPP))
QUARTER = Decimal("0.25")


@pytest.mark.parametrize(
    ("engine", "share", "flag"),
    [
        (EngineType.VLLM, "0.5", ("--gpu-memory-utilization", "0.46")),
        (EngineType.VLLM, "0.25", ("--gpu-memory-utilization", "0.23")),
        (EngineType.VLLM, "0.142857", ("--gpu-memory-utilization", "0.13")),
        (EngineType.SGLANG, "0.5", ("--mem-fraction-static", "0.42")),
        (EngineType.VLLM, "1", None),
        (EngineType.SGLANG, "1", None),
    ],
)
def test_a_share_of_what_is_seen(engine: EngineType, share: str, flag: tuple[str, str] | None) -> None:
    """Rounded down, so that the shares of a device never add up to more than it has; nothing where all is one's own."""
    told = memory_share(TABLES[engine], (), Decimal(share))
    assert [(each.spellings[0], each.value) for each in told.flags] == ([flag] if flag else [])
    assert told.memory_utilization == (flag[1] if flag else None)


@pytest.mark.parametrize(
    ("arguments", "utilization", "note"),
    [
        (["--gpu-memory-utilization", "0.2"], "0.2", "engine.args gives --gpu-memory-utilization 0.2, which is left"),
        (["--gpu_memory_utilization=0.9"], "0.9", "more than its share of the device, 0.25"),
        (["--kv-cache-memory-bytes=1000"], None, "engine.args gives --kv-cache-memory-bytes 1000"),
        (["--gpu-memory-utilization", "much"], "much", "engine.args gives --gpu-memory-utilization much"),
    ],
)
def test_the_users_flag_wins_and_is_reported(arguments: list[str], utilization: str | None, note: str) -> None:
    """In every spelling; that it may be too much is said."""
    told = memory_share(VLLM, arguments, QUARTER)
    assert told.flags == ()
    assert told.memory_utilization == utilization
    assert note in told.note


def test_the_users_flag_on_a_whole_device_is_reported_without_a_word() -> None:
    """There is nothing to warn of."""
    told = memory_share(VLLM, ["--gpu-memory-utilization=0.8"], Decimal(1))
    assert (told.flags, told.memory_utilization, told.note) == ((), "0.8", "")


def test_an_engine_without_a_known_flag_is_named() -> None:
    """Somebody has to limit it."""
    told = memory_share(TABLES[EngineType.TGI], (), QUARTER)
    assert told.flags == ()
    assert "25 % of the device's memory, and no flag of TGI is known" in told.note


@pytest.mark.parametrize(
    ("limit", "threads"),
    [("4", "4"), (2, "2"), ("3500m", "3"), ("500m", "1"), ("0.5", "1"), (None, None), ("many", None)],
)
def test_llama_cpp_counts_the_processors_that_it_may_use(limit: str | int | None, threads: str | None) -> None:
    """Rounded down, at least one; nothing without a limit."""
    told = processor_share(LLAMA, limit)
    assert [each.value for each in told.flags] == ([threads] if threads else [])
    assert processor_share(VLLM, limit).flags == ()


def test_the_users_threads_win() -> None:
    """As any flag of theirs."""
    flags = processor_share(LLAMA, "4").flags
    table = replace(LLAMA, flags=flags)
    assert engine_arguments(table, ["-t", "2"], "m") == ["-t", "2"]
    assert engine_arguments(table, [], "m") == ["--threads", "4"]


def test_flags_and_their_values() -> None:
    """A value follows a flag or stands behind its equals sign; behind a bare -- nothing is a flag."""
    arguments = ["serve", "--a_b=1", "--c", "2", "--d", "-e", "--", "--f"]
    assert flags_given(arguments) == {"serve": "", "--a-b": "1", "--c": "2", "2": "", "--d": "", "-e": ""}
