"""Reads the arguments that a real engine is started with, as far as they matter to a simulated one.

In a pod that Tidegate makes, the engine's flags for port and model's name follow the user's arguments, and those for
its share of a device and its threads: the simulated engine takes them in every spelling that the engine's table knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tidegate.api.engine import EngineType
from tidegate.engines.arguments import flag_name
from tidegate.engines.catalog import TABLES
from tidegate.engines.custom import custom_table
from tidegate.engines.table import EngineTable, Flag

_MODEL, _PORT, _METRICS_PORT = "{model}", "{port}", "{metrics_port}"
_CUSTOM_PORT = 8000
_NO_EFFECT = "{no effect}"
_PORT_FLAG = Flag(spellings=("--port",), value=_PORT)
"""Taken for every engine, so that any of them can be moved to a free port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """What an engine was told."""

    port: int
    metrics_port: int | None = None
    """None: the engine's usual one."""

    model_names: tuple[str, ...] = ()


def started_as(flavour: str, arguments: Sequence[str], environment: Mapping[str, str]) -> CommandLine:
    """Read the arguments of an engine of some type, and its environment; one of type Custom knows `--port` alone.

    Raises:
        ValueError: no such type, or see `read_command_line`.
    """
    if flavour not in set(EngineType):
        raise ValueError(f"--type is {flavour!r}; give one of {', '.join(EngineType)}")
    table = TABLES.get(EngineType(flavour)) or custom_table({}, port=_CUSTOM_PORT)
    return read_command_line(_in_environment(table, environment), arguments)


def _in_environment(table: EngineTable, environment: Mapping[str, str]) -> EngineTable:
    """The table with the port that the engine's environment names, in the form that the table gives."""
    for name, template in table.environment.items():
        before, has_port, after = template.partition(_PORT)
        given = environment.get(name, "")
        text = given.removeprefix(before).removesuffix(after)
        if has_port and given == before + text + after:
            return replace(table, port=_port(name, text))
    return table


def read_command_line(table: EngineTable, arguments: Sequence[str]) -> CommandLine:
    """Read the flags of an engine's table; those that neither name the model nor a port change nothing here.

    Those for a share of a device and for threads are taken, as Tidegate gives them, and change nothing either. A flag
    for the model's name takes every word up to the next flag, as vLLM's does.

    Args:
        table: the engine's table; its port is the default.
        arguments: the words behind the command.

    Raises:
        ValueError: an argument is not one of the table's, or lacks its value, or the port is no port.
    """
    flags = {spelling: flag for flag in (*table.flags, *_given_by_tidegate(table)) for spelling in flag.spellings}
    words = list(arguments)
    port, metrics_port, model_names = table.port, None, []
    while words:
        word = words.pop(0)
        flag = flags.get(flag_name(word))
        if flag is None:
            raise ValueError(f"{word!r} means nothing to a simulated {table.type}; known are {', '.join(flags)}")
        if flag.value is None:
            continue
        values = _values(word, words, many=flag.value == _MODEL)
        if flag.value == _MODEL:
            model_names += values
        elif flag.value == _PORT:
            port = _port(word.partition("=")[0], values[0])
        elif flag.value == _METRICS_PORT:
            metrics_port = _port(word.partition("=")[0], values[0])
    return CommandLine(port=port, metrics_port=metrics_port, model_names=tuple(model_names))


def _given_by_tidegate(table: EngineTable) -> tuple[Flag, ...]:
    """Flags that are not among those of the table, each with a value."""
    memory = () if table.memory is None else table.memory.spellings
    given = (Flag(spellings=each, value=_NO_EFFECT) for each in (memory, table.thread_flags) if each)
    return (_PORT_FLAG, *given)


def _values(word: str, rest: list[str], *, many: bool) -> list[str]:
    """The value behind the `=`, or the next word, or all words up to the next flag; they are taken off the rest."""
    _, has_value, value = word.partition("=")
    if has_value:
        return [value]
    values: list[str] = []
    while rest and not rest[0].startswith("-") and (many or not values):
        values.append(rest.pop(0))
    if not values:
        raise ValueError(f"{word} has no value; give one behind it")
    return values


def _port(flag: str, text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the largest port
        raise ValueError(f"{flag} is {text!r}; give a number from 0 to 65535")
    return int(text)
