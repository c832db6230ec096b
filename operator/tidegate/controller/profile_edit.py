"""What is told of a profile that was edited under services. Pure."""

from tidegate.controller.announcements import Announcement
from tidegate.controller.records import ProfileRecord, ServiceRecord
from tidegate.controller.written import written_of


def is_carried_out(service: ServiceRecord) -> bool:
    """Whether the status speaks of this very spec: then only the profile can have changed what is made of the two.

    Args:
        service: the service, or the variant of one.
    """
    written = written_of(service.status, service.variant)
    return service.status.get("observedGeneration") == service.generation and "accelerator" in written


def edited(profile: ProfileRecord) -> Announcement:
    """That it was, to the service whose turn it is."""
    message = (
        f"{_edited(profile)}; what that changes of pods is changed one at a time, in a tenth of its services at once"
    )
    return Announcement(False, "ProfileEdited", message)


def waits(profile: ProfileRecord) -> str:
    """The same, to those whose turn it is not."""
    return f"{_edited(profile)}: services that name it follow a tenth at a time, and this one does later"


def _edited(profile: ProfileRecord) -> str:
    return f"AcceleratorProfile {profile.name} was edited"
