"""What a service's replicas are given of hardware, worked out once for each spec and profile. Pure."""

from dataclasses import dataclass

from tidegate.accelerators.fault import AcceleratorError
from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.inference_service_status import AcceleratorStatus
from tidegate.controller.records import Document, ProfileRecord, ServiceRecord
from tidegate.workloads.granted import granted


@dataclass(frozen=True, slots=True)
class Hardware:
    """What it comes to."""

    status: AcceleratorStatus | None = None
    """As it is told; None on CPU, and where it cannot be given or is not known."""

    claim: Document | None = None
    """`devices` of the claims of its pods, if they have any."""

    fault: str = ""
    """Why it cannot be given; empty where it can."""

    is_known: bool = True
    """Whether spec and profile are there, and can be read and carried out."""


NONE = Hardware()
UNKNOWN = Hardware(is_known=False)


def hardware_of(spec: InferenceServiceSpec | None, profile: AcceleratorProfileSpec | None) -> Hardware:
    """Work it out."""
    if spec is None:
        return UNKNOWN
    if spec.engine is None or spec.accelerator is None:
        return NONE
    if profile is None:
        return UNKNOWN
    try:
        given = granted(spec, profile)
    except AcceleratorError as error:
        return Hardware(fault=str(error), is_known=False)
    except ValueError:  # Of the engine: another check tells.
        return UNKNOWN
    claim = given.allocation.additions.claim
    return Hardware(given.status(spec.accelerator.profile), None if claim is None else dict(claim))


@dataclass(slots=True)
class HardwareMemory:
    """The last outcome for a service. Records keep their specs until they are others, so identity is enough."""

    spec: InferenceServiceSpec | None = None
    profile: AcceleratorProfileSpec | None = None
    found: Hardware | None = None

    def of(self, service: ServiceRecord, profile: ProfileRecord | None) -> Hardware:
        """What the service's replicas are given."""
        described = None if profile is None else profile.spec
        if self.found is None or service.spec is not self.spec or described is not self.profile:
            self.spec, self.profile = service.spec, described
            self.found = hardware_of(service.spec, described)
        return self.found
