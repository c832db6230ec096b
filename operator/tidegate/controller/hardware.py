"""What a service's replicas are given of hardware, worked out once for each spec and profile. Pure."""

from dataclasses import dataclass

from tidegate.accelerators.fault import AcceleratorError
from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.quantity import to_number
from tidegate.api.variant_status import AcceleratorStatus
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

    cost_per_hour: float | None = None
    """Of one replica; None where no price is known."""


UNKNOWN = Hardware(is_known=False)


def hardware_of(spec: InferenceServiceSpec | None, profile: AcceleratorProfileSpec | None) -> Hardware:
    """Work it out."""
    if spec is None:
        return UNKNOWN
    given_cost = None if spec.cost_per_hour is None else to_number(spec.cost_per_hour)
    if spec.engine is None or spec.accelerator is None:
        return Hardware(cost_per_hour=given_cost)
    if profile is None:
        return UNKNOWN
    try:
        given = granted(spec, profile)
    except AcceleratorError as error:
        return Hardware(fault=str(error), is_known=False)
    except ValueError:  # Of the engine: another check tells.
        return UNKNOWN
    claim, share_of_price = given.allocation.additions.claim, given.allocation.cost_per_hour
    return Hardware(
        given.status(spec.accelerator.profile),
        None if claim is None else dict(claim),
        cost_per_hour=given_cost if given_cost is not None or share_of_price is None else float(share_of_price),
    )


@dataclass(slots=True)
class HardwareMemory:
    """The last outcome for a service, or one of its variants.

    Records keep their specs until they are others, so identity is enough.
    """

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
