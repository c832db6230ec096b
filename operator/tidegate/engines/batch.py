"""How many requests one replica works on at once, where the arguments of its engine say so.

What an engine does without such an argument depends on its version and its hardware: vLLM's `--max-num-seqs` has been
256, 1024 and a matter of the accelerator (`vllm/engine/arg_utils.py`). That is no number to decide with.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from sys import intern
from typing import Any

from tidegate.engines.arguments import flag_name
from tidegate.engines.catalog import TABLES
from tidegate.engines.table import EngineTable

_ASKED_FOR = frozenset(flag for table in TABLES.values() for flag in (*table.batch_flags, *table.rank_flags))


def batch_arguments(containers: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Keep those arguments of a pod's containers that any engine's batch depends on.

    Args:
        containers: as in a pod template. A command line that is given to a shell as one text is read, too.

    Returns:
        Each as `--flag=value`, in order; without a value where none follows.
    """
    return tuple(intern(argument) for each in containers for argument in _asked_for(list(_words(each))))


def max_sequences(table: EngineTable, arguments: Iterable[str]) -> int | None:
    """Read how many requests one replica works on at once.

    Args:
        table: the engine's table.
        arguments: what `batch_arguments` kept.

    Returns:
        The number, at least 1; None where the arguments leave it to the engine, or run several ranks side by side: what
        the number is a bound of then differs.
    """
    given = dict(argument.partition("=")[::2] for argument in arguments)  # Of several, the last counts, as for engines.
    if not given.keys().isdisjoint(table.rank_flags):
        return None
    value = next((given[flag] for flag in reversed(list(given)) if flag in table.batch_flags), "")
    return int(value) if value.isdecimal() and int(value) > 0 else None


def _words(container: Mapping[str, Any]) -> Iterator[str]:
    for argument in (*(container.get("command") or ()), *(container.get("args") or ())):
        yield from argument.split()


def _asked_for(words: list[str]) -> Iterator[str]:
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        flag, name = flag_name(word), word.partition("=")[0]
        if flag in _ASKED_FOR:
            yield f"{flag}={following}" if name == word else f"{flag}={word.removeprefix(name)[1:]}"
