"""The arguments an engine is started with: the user's, and those it needs to be found and read."""

from collections.abc import Sequence
from itertools import pairwise

from tidegate.engines.table import EngineTable

_END_OF_FLAGS = "--"


def engine_arguments(table: EngineTable, user_arguments: Sequence[str], model_name: str) -> list[str]:
    """Add to the user's arguments the flags that the engine needs and the user did not give.

    A flag the user gave in any spelling stays as it is: `--flag value`, `--flag=value`, a short form, or `_` for `-`
    as vLLM and llama.cpp allow. The added flags follow the user's arguments, because a subcommand must come first
    and because vLLM's `--served-model-name` would swallow a positional argument behind it; a bare `--`, after which
    nothing is a flag, stays behind them.

    Args:
        table: the engine's table, with the ports to listen on.
        user_arguments: `engine.args` of the spec.
        model_name: the name that clients send as `model`.

    Returns:
        The arguments of the container, in order.
    """
    arguments = list(user_arguments)
    end = arguments.index(_END_OF_FLAGS) if _END_OF_FLAGS in arguments else len(arguments)
    given = flags_given(user_arguments)
    added: list[str] = []
    for flag in table.flags:
        if given.keys().isdisjoint(flag.spellings):
            added.append(flag.spellings[0])
            if flag.value is not None:
                added.append(table.fill(flag.value, model_name))
    return [*arguments[:end], *added, *arguments[end:]]


def flags_given(user_arguments: Sequence[str]) -> dict[str, str]:
    """The flags among the arguments, and what each of them is set to: "" where nothing follows."""
    arguments = list(user_arguments)
    end = arguments.index(_END_OF_FLAGS) if _END_OF_FLAGS in arguments else len(arguments)
    found: dict[str, str] = {}
    for argument, following in pairwise([*arguments[:end], ""]):
        _, is_set, value = argument.partition("=")
        found[flag_name(argument)] = value if is_set else "" if following.startswith("-") else following
    return found


def flag_name(argument: str) -> str:
    """The name of the flag that an argument gives, without its value: `_` in long ones is read as `-`."""
    name, _, _ = argument.partition("=")
    return name.replace("_", "-") if name.startswith("--") else name
