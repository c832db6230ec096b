"""An InferenceService out of a file: refused for the same reasons as by the API server, as far as its policy goes."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tidegate.api.crds import INFERENCE_SERVICES
from tidegate.api.inference_service import InferenceService, InferenceServiceSpec
from tidegate.api.model import ApiModel
from tidegate.api.names import API_VERSION
from tidegate.api.routing import RoutingMode
from tidegate.migration.documents import MAXIMUM_BYTES, InputError, KubernetesObject, read_objects
from tidegate.scaling import schedules

RULES: Mapping[str, Callable[[Any], bool]] = {
    "has(self.engine) != has(self.targetRef)": lambda spec: (spec.engine is None) != (spec.target_ref is None),
    "self.minReplicas <= self.maxReplicas": lambda scaling: scaling.min_replicas <= scaling.max_replicas,
    "!has(self.schedules) || self.schedules.all(s, s.minReplicas <= self.maxReplicas)": lambda scaling: all(
        each.min_replicas <= scaling.max_replicas for each in scaling.schedules
    ),
    "!has(self.scaling) || self.scaling.minReplicas != 0 || (!has(self.targetRef) && (!has(self.routing) ||"
    " !has(self.routing.mode) || self.routing.mode != 'None'))": lambda spec: (
        bool(spec.scaling.min_replicas) or (spec.target_ref is None and spec.routing.mode is not RoutingMode.NONE)
    ),
    "self.start != self.end": lambda schedule: schedule.start != schedule.end,
}
"""CEL rules that matter to the policy, in Python. Those of quantities are in their types; the others are about pods,
which a simulation has none of: the API server says when it is asked."""


def read_service(path: str | Path) -> InferenceServiceSpec:
    """Read the one InferenceService of a YAML or JSON file; other kinds of objects are passed over.

    Args:
        path: of the file, at most 8 MiB.

    Returns:
        What is wanted, with the defaults of the schema filled in.

    Raises:
        InputError: if there is none or several, or if the API server would refuse it; the message names file, line,
            field and value.
        OSError: if the file cannot be read.
    """
    with Path(path).open("rb") as file:
        text = file.read(MAXIMUM_BYTES + 1)
    kind = INFERENCE_SERVICES.model.__name__
    found = [each for each in read_objects(text, str(path)) if each.kind == kind and each.api_version == API_VERSION]
    if len(found) != 1:
        raise InputError(f"{path}: has {len(found) or 'no'} {API_VERSION} {kind}; give a file with exactly one")
    (service,) = found
    _refuse_unknown(service)
    try:
        wanted = {name: part for name, part in service.document.items() if name != "status"}
        # As JSON: of Python's values the model takes more than the API server, such as true for 1.
        spec = InferenceService.model_validate_json(json.dumps(wanted, default=str), strict=True).spec
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        value = f" is {str(first['input'])[:60]!r}" if first["type"] != "missing" else ""
        raise InputError(f"{service.source}: {where}{value}: {first['msg']}") from error
    for path_to, message in _broken_rules(spec, "spec"):
        raise InputError(f"{service.source}: {path_to}: {message}")
    names = [schedule.name for schedule in spec.scaling.schedules]
    for index, schedule in enumerate(spec.scaling.schedules):
        where = f"spec.scaling.schedules.{index}"
        if schedule.name in names[:index]:
            raise InputError(f"{service.source}: {where}.name: {schedule.name!r} is there twice; give it another name")
        if wrong := schedules.fault(schedule):
            raise InputError(f"{service.source}: {where}.{wrong}")
    return spec


def _refuse_unknown(service: KubernetesObject) -> None:
    """Refuse a field that the schema does not know, as `kubectl apply` does: it would change nothing."""
    (version,) = INFERENCE_SERVICES.to_document()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    for path in _unknown(service.document.get("spec"), schema["properties"]["spec"], "spec"):
        raise InputError(f"{service.source}: {path}: there is no such field; see docs/reference/inferenceservice.md")


def _unknown(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _unknown(item, schema["items"], f"{path}.{index}")
    elif isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from _unknown(inner, schema["properties"][name], f"{path}.{name}")
            elif not schema.get("x-kubernetes-preserve-unknown-fields"):
                yield f"{path}.{str(name)[:60]}"


def _broken_rules(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _broken_rules(item, f"{path}.{index}")
    elif isinstance(value, ApiModel):
        for rule in value.rules:
            if rule.rule in RULES and not RULES[rule.rule](value):
                yield f"{path}{rule.field_path or ''}", rule.message
        for name, field in type(value).model_fields.items():
            yield from _broken_rules(getattr(value, name), f"{path}.{field.alias or name}")
