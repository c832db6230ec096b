"""Which engine runs in somebody's pods, which model, on which port: read from image, command and arguments."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Any

from pydantic import ValidationError

from tidegate.api.engine import EngineType
from tidegate.api.inference_service import Model
from tidegate.engines.catalog import TABLES
from tidegate.migration.documents import Document

_LONGEST_PORT = 5


@dataclass(frozen=True, slots=True)
class EngineGuess:
    """What the containers tell; None for what they do not."""

    type: EngineType | None = None
    model: str | None = None
    port: int | None = None
    """Given only where it is not the engine's usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """How an engine is known in a container."""

    type: EngineType
    pattern: re.Pattern[str]
    """Found in the image's name or in a word of the command."""

    model_flags: tuple[str, ...]
    """Flags that tell the name clients send, the one that wins first."""

    model_follows: str = ""
    """The word that the model's name follows, where it may be an argument without a flag."""

    port: int | None = None
    """Where it listens if not told, if that is not the engine's usual port."""


_PROGRAMS = (
    _Program(
        type=EngineType.VLLM,
        pattern=re.compile(r"huggingface-?server"),  # KServe's own runtime has vLLM inside.
        model_flags=("--model-name",),
        port=8080,
    ),
    _Program(
        type=EngineType.VLLM,
        pattern=re.compile(r"\bvllm\b"),
        model_flags=("--served-model-name", "--model"),
        model_follows="serve",
    ),
    _Program(
        type=EngineType.LLAMA_CPP,
        pattern=re.compile(r"llama[.-]cpp|llama-server"),
        model_flags=("--alias", "-a", "--hf-repo", "-hf", "-hfr"),
    ),
)
"""The first that is found; the more exact ones first."""


def engine_guess(containers: Sequence[Any]) -> EngineGuess:
    """Say what the containers of a pod tell of its engine.

    Args:
        containers: as in a PodSpec; what is none is passed over.
    """
    for container in containers:
        if not isinstance(container, dict):
            continue
        words = _words(container)
        image = container.get("image")
        for program in _PROGRAMS:
            if any(program.pattern.search(text) for text in (image if isinstance(image, str) else "", *words)):
                flags = _flags(words)
                return EngineGuess(program.type, _model(program, flags, words), _port(program, flags))
    return EngineGuess()


def containers_of(deployment: Document) -> Sequence[Any]:
    """The containers of a Deployment; none where it does not look like one."""
    found: Any = deployment
    for step in ("spec", "template", "spec", "containers"):
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, list) else ()


def _model(program: _Program, flags: dict[str, str], words: Sequence[str]) -> str | None:
    names = [flags[flag] for flag in program.model_flags if flag in flags]
    names += [following for word, following in pairwise(words) if word == program.model_follows]
    return next((name for name in names if _is_model(name)), None)


def _is_model(name: str) -> bool:
    try:
        Model(name=name)
    except ValidationError:
        return False
    return True


def _port(program: _Program, flags: dict[str, str]) -> int | None:
    usual = TABLES[program.type].port
    text = flags.get("--port", "")
    port = int(text) if text.isdecimal() and len(text) <= _LONGEST_PORT else program.port or usual
    return None if port == usual else port


def _flags(words: Sequence[str]) -> dict[str, str]:
    """Each flag and what follows it; `_` in a flag's name is `-`, as engines have it."""
    found: dict[str, str] = {}
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word.startswith("-"):
            name, is_joined, value = word.partition("=")
            name = name.replace("_", "-")
            found.setdefault(name, value if is_joined else following)
    return found


def _words(container: Document) -> list[str]:
    """Command and arguments, a shell's script taken apart, variables that the container sets filled in."""
    variables = {
        each["name"]: each["value"]
        for each in container.get("env") or ()
        if isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("value"), str)
    }
    given = [*_texts(container.get("command")), *_texts(container.get("args"))]
    words = [word for text in given for word in (_split(text) if any(map(str.isspace, text)) else [text])]
    return [re.sub(r"\$[({]?(\w+)[)}]?", lambda found: variables.get(found[1], found[0]), word) for word in words]


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _split(script: str) -> list[str]:
    joined = script.replace("\\\n", " ")
    try:
        return shlex.split(joined)
    except ValueError:  # A quotation mark is missing.
        return joined.split()
