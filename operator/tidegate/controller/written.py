"""What a status says of one variant. Pure."""

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.controller.records import Document


def size_decided_last(status: Document, variant: str) -> int | None:
    """The size that an operator before this one has decided last, where it was to be written.

    Args:
        status: the service's status.
        variant: of which variant.
    """
    decision = status.get("decision") or {}
    if status.get("variants"):
        size = written_of(status, variant).get("desiredReplicas")
    else:
        size = decision.get("to") if variant == DEFAULT_VARIANT else None
    return size if decision.get("applied") and isinstance(size, int) else None


def written_of(status: Document, variant: str) -> Document:
    """What a status says of one variant: of a service without others, the status itself.

    Args:
        status: the service's status.
        variant: its name.
    """
    variants = status.get("variants")
    if not variants:
        return status if variant == DEFAULT_VARIANT else {}
    return next((each for each in variants if each.get("name") == variant), {})
