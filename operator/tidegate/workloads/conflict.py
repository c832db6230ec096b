"""What a template may not do, and the error that says so."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tidegate.api.names import ROUTING_LABEL, SERVICE_LABEL, VARIANT_LABEL

ENGINE_CONTAINER = "engine"
"""The main container: the engine runs in it, and `template` is laid over it by this name."""

PORT_NAME = "http"
"""Name of the engine's port. The Service finds it by this name."""

RESERVED_LABELS = (SERVICE_LABEL, VARIANT_LABEL, ROUTING_LABEL)
"""Labels of the pods that the selectors of the Deployment and the Service are made of."""

_LONGEST_QUOTE = 120


class TemplateConflictError(ValueError):
    """The user's template asks for something that would break the service."""

    def __init__(self, *, field: str, value: object, fix: str) -> None:
        """Name the field, quote its value (None: nothing is left there) and say how to mend it."""
        quote = "nothing is there" if value is None else repr(value)
        if len(quote) > _LONGEST_QUOTE:
            quote = f"{quote[: _LONGEST_QUOTE - 3]}..."
        super().__init__(f"{field}: {quote}: {fix}")
        self.field = field
        self.value = value
        self.fix = fix


def refuse_duplicate_engine(overlay: Mapping[str, Any]) -> None:
    """Refuse an overlay that names the engine's container twice, which a merge by name would quietly make one.

    Args:
        overlay: what the user wrote, as part of a PodTemplateSpec.

    Raises:
        TemplateConflictError: there are two of it, or it is among the init containers.
    """
    pod = overlay.get("spec") or {}
    names = Counter(container.get("name") for container in pod.get("containers") or ())
    if names[ENGINE_CONTAINER] > 1:
        raise TemplateConflictError(
            field="template.spec.containers",
            value=[container.get("name") for container in pod["containers"]],
            fix=f"names {ENGINE_CONTAINER!r} more than once; merge those entries into one",
        )
    for index, container in enumerate(pod.get("initContainers") or ()):
        if isinstance(container, Mapping) and container.get("name") == ENGINE_CONTAINER:
            raise TemplateConflictError(
                field=f"template.spec.initContainers[{index}].name",
                value=ENGINE_CONTAINER,
                fix="the main container has this name; choose another",
            )


def refuse_broken_template(merged: Mapping[str, Any], *, labels: Mapping[str, str], port: int) -> None:
    """Refuse a merged template in which the Deployment or the Service would no longer find the engine.

    Args:
        merged: the PodTemplateSpec after the user's part was laid over it.
        labels: the labels that the pods must carry.
        port: the engine's port.

    Raises:
        TemplateConflictError: a selector label, the engine's container or its port name was changed or removed.
    """
    _refuse_changed_labels(merged, labels)
    containers = (merged.get("spec") or {}).get("containers") or ()
    engine = next((container for container in containers if container.get("name") == ENGINE_CONTAINER), None)
    if engine is None:
        raise TemplateConflictError(
            field="template.spec.containers",
            value=[container.get("name") for container in containers] or None,
            fix=f"removes the container {ENGINE_CONTAINER!r}, which runs the engine; leave it in place",
        )
    named = [
        (container.get("name"), entry.get("containerPort"))
        for container in containers
        for entry in container.get("ports") or ()
        if entry.get("name") == PORT_NAME
    ]
    if named != [(ENGINE_CONTAINER, port)]:
        others = (name for name, _ in named if name != ENGINE_CONTAINER)
        raise TemplateConflictError(
            field=f"template.spec.containers[name={next(others, ENGINE_CONTAINER)}].ports",
            value=named
            or [(entry.get("name"), entry.get("containerPort")) for entry in engine.get("ports") or ()]
            or None,
            fix=f"the name {PORT_NAME!r} belongs to port {port} of container {ENGINE_CONTAINER!r} and to no other, "
            "because the Service finds the engine by it; give other ports other names, and change the engine's port "
            "in engine.port",
        )


def _refuse_changed_labels(merged: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    found = (merged.get("metadata") or {}).get("labels") or {}
    for label in RESERVED_LABELS:
        if found.get(label) != labels[label]:
            raise TemplateConflictError(
                field=f"template.metadata.labels[{label}]",
                value=found.get(label),
                fix=f"must stay {labels[label]!r}, because selectors are made of it; remove it from the template",
            )
