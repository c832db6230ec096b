"""Which engine runs in somebody's pods, which model, on which port: read from image, command and arguments."""

import re
import shlex
from collections.abc import Mapping, Sequence
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

    missing_flags: tuple[str, ...] = ()
    """Flags without which the engine shows no metrics, and which its command lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How an engine is known in a container; what its table says of its flags is not said again."""

    type: EngineType
    pattern: re.Pattern[str]
    """Found in the image's name or in a word of the command."""

    model_flags: tuple[str, ...] = ()
    """Flags that tell the model where none tells the name that clients send."""

    model_follows: tuple[str, ...] = ()
    """Words that the model follows, where it may be an argument without a flag."""

    model_variable: str = ""
    """Variable of the environment that tells the model."""

    port: int | None = None
    """Where it listens if not told, if that is not the engine's usual port."""


PROGRAMS = (
    Program(
        type=EngineType.VLLM,
        pattern=re.compile(r"huggingface-?server"),  # KServe's own runtime has vLLM inside.
        model_flags=("--model-name",),
        port=8080,
    ),
    Program(type=EngineType.TRITON, pattern=re.compile(r"tritonserver")),
    Program(
        type=EngineType.TENSORRT_LLM,
        pattern=re.compile(r"tensorrt-llm|trtllm-serve"),
        model_follows=("trtllm-serve", "serve"),
    ),
    Program(type=EngineType.SGLANG, pattern=re.compile(r"\bsglang\b"), model_flags=("--model-path", "--model")),
    Program(
        type=EngineType.TGI,
        pattern=re.compile(r"text-generation-(?:inference|launcher)"),
        model_flags=("--model-id",),
        model_variable="MODEL_ID",
    ),
    Program(
        type=EngineType.TEI,
        pattern=re.compile(r"text-embeddings-(?:inference|router)"),
        model_flags=("--model-id",),
        model_variable="MODEL_ID",
    ),
    Program(type=EngineType.LMDEPLOY, pattern=re.compile(r"\blmdeploy\b"), model_follows=("api_server",)),
    Program(type=EngineType.INFINITY, pattern=re.compile(r"\binfinity(?:_emb)?\b"), model_flags=("--model-id",)),
    Program(type=EngineType.OLLAMA, pattern=re.compile(r"\bollama\b")),
    Program(
        type=EngineType.LLAMA_CPP,
        pattern=re.compile(r"llama[.-]cpp|llama-server"),
        model_flags=("--hf-repo", "-hf", "-hfr"),
    ),
    Program(type=EngineType.VLLM, pattern=re.compile(r"\bvllm\b"), model_flags=("--model",), model_follows=("serve",)),
)
"""The first that is found; the more exact ones first: images of Triton name the engine within, too."""


def engine_guess(containers: Sequence[Any], told: EngineType | None = None) -> EngineGuess:
    """Say what the containers of a pod tell of its engine.

    Args:
        containers: as in a PodSpec; what is none is passed over.
        told: the engine, where a person has told it: an image of one's own may be named after anything.
    """
    commands = [_Command.of(container) for container in containers if isinstance(container, dict)]
    for command in commands:
        program = next((each for text in command.names for each in PROGRAMS if each.pattern.search(text)), None)
        if program is not None and told in {None, program.type}:
            return _guess(program, command)
    programs = [program for program in PROGRAMS if program.type is told]
    # The last of an engine's: its own image, rather than one that wraps it.
    return _guess(programs[-1], commands[0]) if programs and commands else EngineGuess()


def _guess(program: Program, command: "_Command") -> EngineGuess:
    missing = [flag for flag in _needed_flags(program.type) if flag not in command.flags]
    return EngineGuess(program.type, _model(program, command), _port(program, command.flags), tuple(missing))


def containers_of(deployment: Document) -> Sequence[Any]:
    """The containers of a Deployment; none where it does not look like one."""
    found: Any = deployment
    for step in ("spec", "template", "spec", "containers"):
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, list) else ()


@dataclass(frozen=True, slots=True)
class _Command:
    """What a container runs."""

    image: str
    words: Sequence[str]
    variables: Mapping[str, str]

    @classmethod
    def of(cls, container: Document) -> "_Command":
        image = container.get("image")
        return cls(image if isinstance(image, str) else "", _words(container), _variables(container))

    @property
    def names(self) -> Sequence[str]:
        """Where a program may be named: no flags, and not what follows a long one, for that is named after anything."""
        return self.image, *(
            word
            for before, word in pairwise(["", *self.words])
            if not word.startswith("-") and not (before.startswith("--") and "=" not in before)
        )

    @property
    def flags(self) -> Mapping[str, str]:
        """Each flag and what follows it; `_` in a flag's name is `-`, as engines have it."""
        found: dict[str, str] = {}
        for word, following in zip_longest(self.words, self.words[1:], fillvalue=""):
            if word.startswith("-"):
                name, is_joined, value = word.partition("=")
                found.setdefault(name.replace("_", "-"), value if is_joined else following)
        return found


def _model(program: Program, command: _Command) -> str | None:
    spellings = (*_spellings(program.type, "{model}"), *program.model_flags)
    flags = command.flags
    names = [flags[flag] for flag in spellings if flag in flags]
    names += [following for word, following in pairwise(command.words) if word in program.model_follows]
    names.append(command.variables.get(program.model_variable, ""))
    return next((name for name in names if _is_model(name)), None)


def _spellings(engine: EngineType, value: str) -> list[str]:
    """The flags that tell a value, as the engine's table has them."""
    return [spelling for flag in TABLES[engine].flags if flag.value == value for spelling in flag.spellings]


def _needed_flags(engine: EngineType) -> list[str]:
    """The flags without which there are no metrics."""
    return [flag.spellings[0] for flag in TABLES[engine].flags if flag.value is None]


def _is_model(name: str) -> bool:
    try:
        Model(name=name)
    except ValidationError:
        return False
    return True


def _port(program: Program, flags: Mapping[str, str]) -> int | None:
    usual = TABLES[program.type].port
    text = next((flags[flag] for flag in _spellings(program.type, "{port}") if flag in flags), "")
    port = int(text) if text.isdecimal() and len(text) <= _LONGEST_PORT else program.port or usual
    return None if port == usual else port


def _words(container: Document) -> list[str]:
    """Command and arguments, a shell's script taken apart, variables that the container sets filled in."""
    given = [*_texts(container.get("command")), *_texts(container.get("args"))]
    words = [word for text in given for word in (_split(text) if any(map(str.isspace, text)) else [text])]
    variables = _variables(container)
    return [re.sub(r"\$[({]?(\w+)[)}]?", lambda found: variables.get(found[1], found[0]), word) for word in words]


def _variables(container: Document) -> dict[str, str]:
    given = container.get("env")
    return {
        each["name"]: each["value"]
        for each in (given if isinstance(given, list) else ())
        if isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("value"), str)
    }


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _split(script: str) -> list[str]:
    joined = script.replace("\\\n", " ")
    try:
        return shlex.split(joined)
    except ValueError:  # A quotation mark is missing.
        return joined.split()
