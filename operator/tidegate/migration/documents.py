"""Kubernetes objects out of YAML that a person hands in: many documents, lists of objects, and where each began."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

MAXIMUM_BYTES = 8 * 1024 * 1024
"""Of one input: `kubectl get` for a thousand objects is less."""

MAXIMUM_VALUES = 1_000_000
"""Of one object, its aliases unfolded: a few lines of YAML can mean more values than there is memory."""

MAXIMUM_DEPTH = 100
"""Of what is nested: Kubernetes' own objects have some twenty levels, and the fast loader dies of too many."""

Document = dict[str, Any]
Parsed = TypeVar("Parsed", bound=BaseModel)

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class InputError(Exception):
    """The input cannot be read; the message names file and line."""


class RefusedError(Exception):
    """An object cannot be turned into an InferenceService; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an object was written."""

    name: str
    """A file's name, or `standard input`."""

    line: int
    """Counted from 1."""

    def __str__(self) -> str:
        return f"{self.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class KubernetesObject:
    """One object of the input."""

    api_version: str
    kind: str
    name: str
    namespace: str
    """Empty where the object names none."""

    document: Document
    source: Source

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations; none where they cannot be read."""
        found = self._metadata.get("annotations")
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    @property
    def owners(self) -> tuple[tuple[str, str], ...]:
        """Kind and name of each object that it belongs to."""
        found = self._metadata.get("ownerReferences")
        owners = (owner for owner in found if isinstance(owner, dict)) if isinstance(found, list) else ()
        return tuple((_text(owner.get("kind")), _text(owner.get("name"))) for owner in owners)

    @property
    def _metadata(self) -> Document:
        found = self.document.get("metadata")
        return found if isinstance(found, dict) else {}

    def __str__(self) -> str:
        return f"{self.kind} {self.name or '(without a name)'}"


def read_objects(text: bytes, name: str) -> Iterator[KubernetesObject]:
    """Read every object of a YAML or JSON text; the items of a List are objects of their own.

    Args:
        text: the text, at most `MAXIMUM_BYTES`.
        name: what the messages call it.

    Raises:
        InputError: if the text is too long, is not YAML, or has a document that is no object.
    """
    if len(text) > MAXIMUM_BYTES:
        raise InputError(f"{name}: is longer than {MAXIMUM_BYTES // 1024**2} MiB; hand in fewer objects at once")
    try:
        _refuse_depth(text, name)
        loader = _LOADER(text)
        while loader.check_node():
            yield from _objects(loader, loader.get_node(), name)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{name}{line}: is not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise InputError(f"{name}: is not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise InputError(f"{name}: a list of objects contains itself") from error
    except ValueError as error:  # A date or a number that YAML allows and Python has not.
        raise InputError(f"{name}: has a value that cannot be read: {error}") from error


def parsed(model: type[Parsed], document: Any, path: str) -> Parsed:
    """Read a part of an object.

    Args:
        model: what it should look like.
        document: the part.
        path: where it is in the object, for the message.

    Raises:
        RefusedError: if it does not look like that; the message names the field.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join((path, *(str(step) for step in first["loc"])))
        raise RefusedError(f"{where}: {first['msg']}") from error


def _refuse_depth(text: bytes, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAXIMUM_DEPTH:
            line = f":{event.start_mark.line + 1}" if event.start_mark else ""
            raise InputError(f"{name}{line}: is nested more than {MAXIMUM_DEPTH} levels deep")


def _objects(loader: Any, node: Any, name: str) -> Iterator[KubernetesObject]:
    source = Source(name, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
        return  # Nothing between two `---`, as templates leave it.
    if not isinstance(node, yaml.MappingNode) or node.tag == "tag:yaml.org,2002:set":  # `!!set {a, b}`
        raise InputError(f"{source}: is not a Kubernetes object: a mapping with apiVersion and kind is expected")
    parts = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    kind, items = parts.get("kind"), parts.get("items")
    if isinstance(kind, yaml.ScalarNode) and kind.value.endswith("List") and isinstance(items, yaml.SequenceNode):
        for item in items.value:
            yield from _objects(loader, item, name)
        return
    if _has_more_values(node, MAXIMUM_VALUES):
        raise InputError(f"{source}: unfolds to more than {MAXIMUM_VALUES:,} values; its aliases multiply")
    document = loader.construct_document(node)
    metadata = document.get("metadata")
    names = metadata if isinstance(metadata, dict) else {}
    if not isinstance(document.get("kind"), str) or not isinstance(document.get("apiVersion"), str):
        raise InputError(f"{source}: is not a Kubernetes object: apiVersion and kind are expected")
    yield KubernetesObject(
        api_version=document["apiVersion"],
        kind=document["kind"],
        name=_text(names.get("name")),
        namespace=_text(names.get("namespace")),
        document=document,
        source=source,
    )


def _has_more_values(node: Any, most: int) -> bool:
    waiting, seen = [node], 0
    while waiting and seen <= most:
        current = waiting.pop()
        seen += 1
        if isinstance(current, yaml.MappingNode):
            waiting.extend(part for pair in current.value for part in pair)
        elif isinstance(current, yaml.SequenceNode):
            waiting.extend(current.value)
        if len(waiting) > most:
            return True
    return seen > most


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
