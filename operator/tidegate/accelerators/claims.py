"""The shapes of requests that are ResourceClaims (dynamic resource allocation, resource.k8s.io/v1).

A ResourceClaimTemplate gives each pod a claim of its own. Attributes and capacities are those of NVIDIA's driver,
dra-driver-nvidia-gpu.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tidegate.accelerators.asked import Asked
from tidegate.accelerators.fault import AcceleratorError, of_profile
from tidegate.accelerators.mig import smallest
from tidegate.accelerators.wish import Wish
from tidegate.api.accelerator_profile import AcceleratorProfileSpec

REQUEST = "accelerator"
"""Name of the request in a claim, and of the claim in a pod."""

DRIVER = "gpu.nvidia.com"
DEVICE_CLASS = "gpu.nvidia.com"
MIG_DEVICE_CLASS = "mig.nvidia.com"


def whole_devices(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
    """Whole devices, of one of the products where the profile names some."""
    expressions = _products(profile)
    if wish.memory_mib is not None:
        capacity = f"device.capacity['{_driver(profile)}'].memory"
        expressions.append(f"{capacity}.compareTo(quantity('{wish.memory_mib}Mi')) >= 0")
    device_class = profile.sharing.names.device_class or DEVICE_CLASS
    return _asked(device_class, expressions, count=wish.count)


def mig_slices(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
    """One MIG slice of the least size that will do."""
    size = smallest(wish, profile)
    expressions = [f"device.attributes['{_driver(profile)}'].profile == '{size.name}'", *_products(profile)]
    device_class = profile.sharing.names.device_class or MIG_DEVICE_CLASS
    return _asked(device_class, expressions, what=size.name, granted=size.share)


def shares_of_memory(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
    """A share of a device's memory, which others have the rest of (consumable capacity)."""
    if wish.memory_mib is None:
        fix = "is required where shares are shares of it: say how much memory a device has, for example 80Gi"
        raise AcceleratorError(of_profile(wish.profile_name, "memory"), None, fix)
    memory = f"{wish.memory_mib}Mi"
    return _asked(
        profile.sharing.names.device_class or DEVICE_CLASS,
        _products(profile),
        what=memory,
        granted=wish.fraction or Decimal(1),
        count=wish.count,
        capacity={"requests": {"memory": memory}},
    )


def _asked(
    device_class: str,
    expressions: Sequence[str],
    *,
    what: str = "",
    granted: Decimal = Decimal(1),
    count: int = 1,
    **more: Any,
) -> Asked:
    # Written out as the API server would default it: what it adds by itself is another's field in a server-side apply.
    exactly: dict[str, Any] = {"deviceClassName": device_class, "allocationMode": "ExactCount", "count": count, **more}
    if expressions:
        exactly["selectors"] = [{"cel": {"expression": expression}} for expression in expressions]
    text = f"claim of {device_class}" + (f" {what}" if what else "") + (f" x {count}" if count > 1 else "")
    return Asked(resource=text, granted=granted, claim={"requests": [{"name": REQUEST, "exactly": exactly}]})


def _products(profile: AcceleratorProfileSpec) -> list[str]:
    """Drivers write a product's name with blanks, and labels, which profiles are written after, with dashes."""
    if not profile.products:
        return []
    names = ", ".join(f"'{product}'" for product in profile.products)
    return [f"device.attributes['{_driver(profile)}'].productName.replace(' ', '-') in [{names}]"]


def _driver(profile: AcceleratorProfileSpec) -> str:
    return profile.sharing.names.driver or DRIVER
