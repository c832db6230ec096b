"""What `status.accelerator` says: what each replica is given. Pure."""

from pydantic import ValidationError

from tidegate.api.variant_status import AcceleratorStatus
from tidegate.controller.announcements import Announcement
from tidegate.controller.checks import Surroundings
from tidegate.controller.records import Document

_ESSENCE = ("mechanism", "resource", "count", "fractionGranted")


def accelerator_status(given: Surroundings, previous: Document) -> AcceleratorStatus | None:
    """Say what replicas of a service are given; as it was said last, while what is asked for now cannot be given.

    Args:
        given: the service and its profile.
        previous: the status as it was written last.
    """
    hardware = given.hardware
    if hardware.is_known:
        return hardware.status
    # The checks tell why. Pods that run keep what they have.
    try:
        return AcceleratorStatus.model_validate(previous["accelerator"])
    except (KeyError, ValidationError):
        return None


def accelerator_essence(status: Document) -> tuple[object, ...]:
    """What of it makes pods others."""
    accelerator = status.get("accelerator") or {}
    return tuple(accelerator.get(name) for name in _ESSENCE)


def accelerator_news(previous: Document, current: Document) -> list[Announcement]:
    """Tell that pods will be given something else, whoever has changed the service or its profile."""
    if not previous.get("accelerator") or accelerator_essence(previous) == accelerator_essence(current):
        return []
    before, now = previous["accelerator"], current.get("accelerator")
    after = "no accelerator" if now is None else _words(now)
    message = f"replicas had {_words(before)}, and get {after}; pods are replaced one at a time"
    return [Announcement(False, "AcceleratorChanged", message)]


def _words(accelerator: Document) -> str:
    return f"{accelerator.get('resource')} of profile {accelerator.get('profile')}"
