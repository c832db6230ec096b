"""A replica model by its name, or out of a YAML file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import yaml

from .models import MODELS, ReplicaModel

MAXIMUM_BYTES = 64 * 1024
MOST = 1_000_000_000
"""Larger numbers are slips of the keyboard."""

_INTEGER, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of the file."""

    field: str
    """The field of `ReplicaModel` that it gives."""
    whole: bool
    """Whether it counts something."""
    required: bool = True


KEYS: Mapping[str, _Key] = {
    "alphaMs": _Key("alpha_milliseconds", whole=False),
    "betaMs": _Key("beta_milliseconds", whole=False),
    "cMs": _Key("c_milliseconds", whole=False),
    "kvTokens": _Key("kv_tokens", whole=True),
    "tokenBudget": _Key("token_budget", whole=True),
    "maxSequences": _Key("max_sequences", whole=True),
    "startupSeconds": _Key("startup_seconds", whole=False, required=False),
    "blockTokens": _Key("block_tokens", whole=True, required=False),
    "contextTokens": _Key("context_tokens", whole=True, required=False),
}
"""The keys of the file; those that are not required have the defaults of `ReplicaModel`, contextTokens the whole
cache."""


def replica_model(text: str) -> ReplicaModel:
    """Find a shipped model by its name, or read one from a YAML file.

    Args:
        text: a name of `MODELS`, or else a path.

    Raises:
        ValueError: there is no such model, or the file is not one; the message names file, line, field, value and fix.
        OSError: the file cannot be read.
    """
    if text in MODELS:
        return MODELS[text]
    path = Path(text)
    if not path.is_file():
        raise ValueError(
            f"replica model {text!r}: there is neither a model nor a file of that name; give one of "
            f"{', '.join(MODELS)}, or a YAML file with {', '.join(KEYS)}"
        )
    with path.open("rb") as file:
        content = file.read(MAXIMUM_BYTES + 1)
    if len(content) > MAXIMUM_BYTES:
        raise ValueError(f"{path}: is longer than {MAXIMUM_BYTES // 1024} KiB; a replica model has {len(KEYS)} numbers")
    return _model(_numbers(content, path), path)


@dataclass(frozen=True, slots=True)
class _Number:
    value: float
    line: int


def _numbers(content: bytes, path: Path) -> dict[str, _Number]:
    """The numbers of a file by key, each of the right kind and size, none missing."""
    numbers: dict[str, _Number] = {}
    for name, line, value in _entries(content, path):
        where = f"{path}:{line}"
        if name not in KEYS:
            likely = get_close_matches(name, KEYS, n=1)
            advice = f"did you mean {likely[0]}?" if likely else f"give {', '.join(KEYS)}"
            raise ValueError(f"{where}: {name[:60]!r} is no field of a replica model; {advice}")
        if name in numbers:
            raise ValueError(f"{where}: {name} is there twice, first in line {numbers[name].line}; remove one")
        kind = "a whole number" if KEYS[name].whole else "a number"
        if isinstance(value, str) or (KEYS[name].whole and isinstance(value, float)):
            raise ValueError(f"{where}: {name} is {str(value)[:60]!r}; give {kind}")
        if not -MOST <= value <= MOST:  # nor is a NaN
            raise ValueError(f"{where}: {name} is {str(value)[:60]}; give {kind} up to {MOST:,}")
        numbers[name] = _Number(value, line)
    if missing := [name for name, key in KEYS.items() if key.required and name not in numbers]:
        raise ValueError(f"{path}: {missing[0]} is missing; a replica model needs {', '.join(missing)}")
    return numbers


def _entries(content: bytes, path: Path) -> Iterator[tuple[str, int, float | str]]:
    """Keys with their lines and values; a value that is no number is given as it is written."""

    def refuse(mark: yaml.Mark | None, what: str) -> NoReturn:
        line = f":{mark.line + 1}" if mark else ""
        raise ValueError(f"{path}{line}: {what}; see examples/replica-model.yaml")

    try:
        loader: Any = yaml.SafeLoader(content)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        refuse(error.problem_mark, f"is not YAML: {error.problem or error.context}")
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        refuse(None, f"is not YAML: {str(error).splitlines()[0]}")
    if not isinstance(node, yaml.MappingNode):
        refuse(node and node.start_mark, "is not a mapping of fields to numbers")
    for key, value in node.value:
        number = value.value
        if value.tag in {_INTEGER, _FLOAT}:
            try:
                number = loader.construct_object(value)
            except (ValueError, OverflowError):  # Python has limits that YAML has not.
                refuse(value.start_mark, f"{key.value} is {number[:60]!r}, which cannot be read")
        yield str(key.value), key.start_mark.line + 1, number if isinstance(number, int | float) else str(number)


def _model(numbers: Mapping[str, _Number], path: Path) -> ReplicaModel:
    fields: dict[str, Any] = {"block_tokens": 16} | {KEYS[name].field: number.value for name, number in numbers.items()}
    fields.setdefault("context_tokens", fields["kv_tokens"] - fields["kv_tokens"] % max(1, fields["block_tokens"]))
    try:
        return ReplicaModel(**fields)
    except ValueError as error:
        message = str(error)
        wrong = message.split(" ", 1)[0]
        for name, key in KEYS.items():
            message = message.replace(key.field, name)
        lines = [f":{number.line}" for name, number in numbers.items() if KEYS[name].field == wrong]
        raise ValueError(f"{path}{''.join(lines)}: {message}") from error
