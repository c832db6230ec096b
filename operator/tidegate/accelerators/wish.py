"""What a service asks for, in the terms that every mechanism is asked in: how many, and which share of each."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from tidegate.accelerators.fault import FRACTION, MEMORY, AcceleratorError, of_profile
from tidegate.api.accelerator import Accelerator
from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.quantity import to_number

MIB = 2**20
_FRACTION = re.compile(r"0?\.(0[1-9]|[1-9][0-9]?)|1(\.00?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for, checked and completed."""

    count: int
    """Devices of which each replica gets all, or a share."""

    fraction: Decimal | None
    """Share of each device, above 0 and below 1; None where all of it is asked for."""

    memory_mib: int | None
    """Memory of that share, where it is known; of a whole device, the least that it must have."""

    by_memory: bool
    """Whether memory was asked for: then `fraction` is what that comes to."""

    device_mib: int | None
    """Memory of a device, where the profile says it."""

    profile_name: str

    @property
    def percent(self) -> int:
        """The share in percent, rounded up."""
        return 100 if self.fraction is None else math.ceil(self.fraction * 100)

    @property
    def parts(self) -> int:
        """How many such shares a device has."""
        if self.by_memory and self.memory_mib and self.device_mib:
            return self.device_mib // self.memory_mib
        return 1 if self.fraction is None else int(1 / self.fraction)

    @property
    def field(self) -> str:
        """The field that says how much, as messages name it."""
        return MEMORY if self.by_memory else FRACTION

    @property
    def asked(self) -> str:
        """What that field says."""
        return f"{self.memory_mib}Mi" if self.by_memory else f"{self.fraction or 1}"


def wish(accelerator: Accelerator, profile: AcceleratorProfileSpec) -> Wish:
    """Complete what a service asks for by what the profile says.

    Args:
        accelerator: `spec.accelerator`.
        profile: the profile that it names.

    Raises:
        AcceleratorError: not an amount, more than a device has, or the profile does not say how much that is.
    """
    if accelerator.fraction is not None and accelerator.memory is not None:
        raise AcceleratorError(FRACTION, accelerator.fraction, "memory is given as well: keep one of them")
    device_mib = None if profile.memory is None else _mib(profile.memory, of_profile(accelerator.profile, "memory"))
    memory_mib = None if accelerator.memory is None else _mib(accelerator.memory, MEMORY)
    fraction = _fraction(accelerator.fraction)
    if memory_mib is not None:
        if device_mib is None:
            fix = f"needs to know how much a device has: set spec.memory of AcceleratorProfile {accelerator.profile}"
            raise AcceleratorError(MEMORY, accelerator.memory, f"{fix}, or ask for a fraction")
        if memory_mib > device_mib:
            fix = f"a device of profile {accelerator.profile} has {profile.memory}: ask for less, or name another"
            raise AcceleratorError(MEMORY, accelerator.memory, fix)
        fraction = None if memory_mib == device_mib else Decimal(memory_mib) / device_mib
    elif device_mib is not None and fraction is not None:
        memory_mib = int(device_mib * fraction)
    return Wish(
        count=accelerator.count,
        fraction=fraction,
        memory_mib=memory_mib,
        by_memory=accelerator.memory is not None,
        device_mib=device_mib,
        profile_name=accelerator.profile,
    )


def _fraction(text: str | None) -> Decimal | None:
    if text is None:
        return None
    if not _FRACTION.fullmatch(text):
        raise AcceleratorError(FRACTION, text, "write a share above 0 and up to 1 with at most two decimals, as '0.5'")
    value = Decimal(text)
    return None if value == 1 else value


def _mib(text: str, field: str) -> int:
    try:
        found = int(to_number(text) // MIB)
    except ValueError:
        found = 0
    if found < 1:
        raise AcceleratorError(field, text, "write an amount of memory with its unit, such as 10Gi")
    return found
