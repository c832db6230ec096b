import asyncio
import signal
import sys
from dataclasses import replace

import aiohttp
import pytest
from click.testing import CliRunner

from tidegate.cli import main
from tidegate.engines.arguments import engine_arguments
from tidegate.engines.catalog import TABLES
from tidegate.engines.table import EngineTable
from tidegate.simulator.command_line import CommandLine, started_as


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.type)
def test_what_tidegate_starts_an_engine_with_is_understood(table: EngineTable) -> None:
    """The flags that Tidegate adds for an engine are taken by its simulation, which then listens and serves so."""
    moved = replace(table, port=8123)
    environment = {name: moved.fill(value, "chat") for name, value in table.environment.items()}
    told = started_as(table.type, engine_arguments(moved, [], "chat"), environment)
    assert told.port == 8123
    names_model = any(flag.value == "{model}" for flag in table.flags)
    assert told.model_names == (("chat",) if names_model else ())


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.type)
def test_every_spelling_of_a_flag_is_understood(table: EngineTable) -> None:
    """Long, short and with `=`: whatever keeps Tidegate from adding a flag is known to the simulation."""
    for flag in table.flags:
        for spelling in flag.spellings:
            if flag.value is None:
                assert started_as(table.type, [spelling], {}).port == table.port
            elif flag.value == "{port}":
                assert (
                    started_as(table.type, [spelling, "7"], {}).port
                    == started_as(table.type, [f"{spelling}=7"], {}).port
                    == 7
                )
            elif flag.value == "{model}":
                assert started_as(table.type, [spelling, "m"], {}).model_names == ("m",)


@pytest.mark.parametrize(
    ("flavour", "arguments", "expected"),
    [
        ("vLLM", [], CommandLine(port=8000)),
        ("vLLM", ["--served_model_name", "a", "b", "--port", "1"], CommandLine(port=1, model_names=("a", "b"))),
        ("llamaCpp", ["--metrics", "-a", "x"], CommandLine(port=8080, model_names=("x",))),
        ("Triton", ["--http-port=1", "--metrics-port", "2"], CommandLine(port=1, metrics_port=2)),
        ("Custom", ["--port=9"], CommandLine(port=9)),
        ("vLLM", ["--gpu-memory-utilization", "0.23", "--port=9"], CommandLine(port=9)),
        ("SGLang", ["--mem-fraction-static=0.2"], CommandLine(port=30000)),
        ("llamaCpp", ["--threads", "2", "--alias=x"], CommandLine(port=8080, model_names=("x",))),
    ],
)
def test_arguments_are_read(flavour: str, arguments: list[str], expected: CommandLine) -> None:
    """Names of models may be several; what is not given is the engine's usual."""
    assert started_as(flavour, arguments, {}) == expected


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--type", "vLLM", "--max-num-seqs", "9"], "'--max-num-seqs' means nothing to"),
        (["--type", "vLLM", "--gpu-memory-utilization"], "--gpu-memory-utilization has no value"),
        (["--type", "vLLM", "Qwen/Qwen3-8B"], "'Qwen/Qwen3-8B' means nothing to a simulated vLLM"),
        (["--type", "vLLM", "--port"], "--port has no value"),
        (["--type", "vLLM", "--port", "--served-model-name", "x"], "--port has no value"),
        (["--type", "vLLM", "--port", "http"], "--port is 'http'; give a number"),
        (["--type", "vLLM", "--port=70000"], "--port is '70000'; give a number"),
        (["--type", "vllm"], "--type is 'vllm'; give one of vLLM, "),
        (["--type", "vLLM", "--hardware", "h900"], "replica model is 'h900'; give one of rtx4090"),
        (["--type", "vLLM", "--listen", "vLLM:1"], "--type and --listen exclude each other"),
        (["--port", "8000"], "--port needs --type"),
        (["--hardware", "l4"], "--hardware needs --type"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_understood_is_refused(arguments: list[str], named: str) -> None:
    """A word that a simulated engine does not know ends it with a message: it must not be thought to have an effect."""
    result = CliRunner().invoke(main, ["engine", *arguments])
    assert result.exit_code == 2
    assert named in " ".join(result.output.split())


async def test_one_engine_listens_where_it_is_told() -> None:
    """As a container's command, with what Tidegate appends, it serves under its name, and ends at SIGTERM."""
    argv = ["--type", "vLLM", "--hardware", "l4", "--served-model-name", "chat", "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tidegate", "engine", *argv),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        url = f"http://127.0.0.1:{line.rsplit(':', 1)[1].strip()}"
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{url}/v1/models") as response:
                assert [model["id"] for model in (await response.json())["data"]] == ["chat"]
            async with client.get(f"{url}/metrics") as response:
                assert 'model_name="chat"' in await response.text()
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
