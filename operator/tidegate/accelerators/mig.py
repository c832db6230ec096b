"""MIG: the sizes that a device can be cut into, and the least of them that will do.

Sizes: mig-parted's `config-default.yaml`. A size is named by its compute slices and its memory in GB: 2g.20gb. Memory
comes in eighths of a device; compute in sevenths, of A30 and RTX PRO 6000 in quarters.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tidegate.accelerators.fault import AcceleratorError, of_profile
from tidegate.accelerators.wish import Wish
from tidegate.api.accelerator_profile import AcceleratorProfileSpec

SIZES: Mapping[int, tuple[str, ...]] = {
    24: ("1g.6gb", "2g.12gb", "4g.24gb"),  # A30
    40: ("1g.5gb", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"),  # A100
    80: ("1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"),  # A100, H100
    94: ("1g.12gb", "1g.24gb", "2g.24gb", "3g.47gb", "4g.47gb", "7g.94gb"),  # H100 NVL
    96: ("1g.12gb", "1g.24gb", "2g.24gb", "3g.48gb", "4g.48gb", "7g.96gb"),  # H100, GH200
    141: ("1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb"),  # H200
    144: ("1g.18gb", "1g.36gb", "2g.36gb", "3g.72gb", "4g.72gb", "7g.144gb"),  # GH200
    180: ("1g.23gb", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb"),  # B200
    186: ("1g.23gb", "1g.47gb", "2g.47gb", "3g.93gb", "4g.93gb", "7g.186gb"),  # GB200
    269: ("1g.34gb", "1g.67gb", "2g.67gb", "3g.135gb", "4g.135gb", "7g.269gb"),  # B300
    278: ("1g.35gb", "1g.70gb", "2g.70gb", "3g.139gb", "4g.139gb", "7g.278gb"),  # GB300
}
"""Memory of a device in GB, as in the name of its largest size, to all sizes."""

RTX_PRO = ("1g.24gb", "2g.48gb", "4g.96gb")
"""RTX PRO 6000 has as much memory as H100 96GB, and other sizes: it is told by its product."""

QUARTERS = frozenset({SIZES[24], RTX_PRO})
NAMED_MARGIN = Decimal("1.05")
"""A slice has a little less memory than its name says."""

SAME_MEMORY = 0.05
"""How far a device's memory may be from that of a row, as a share."""

_SIZE = re.compile(r"([1-9])g\.([0-9]+)gb(?:[+-][a-z.]+)?")


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """A size."""

    share: Decimal
    """Share of the device that nobody else can have: of its memory or its compute, whichever is more."""

    gigabytes: int
    compute: int
    """Compute slices."""

    slices: int
    """Compute slices of a device."""

    eighths: int
    """Eighths of the device's memory."""

    name: str


def smallest(wish: Wish, profile: AcceleratorProfileSpec) -> Slice:
    """Find the least size that holds what is asked for.

    Memory must fit with a margin. A fraction must be met in memory, and in compute as far as a device that is cut into
    equal parts has it: of seven slices, two halves have three each, and nobody has the seventh.

    Raises:
        AcceleratorError: none does; the two nearest are named.
    """
    sizes = _offered(wish, profile)
    fitting = [size for size in sizes if _fits(size, wish)]
    if fitting:
        return min(fitting)
    near = " and ".join(size.name for size in _nearest(wish, sizes))
    fix = f"no MIG size of profile {wish.profile_name} holds it; the nearest are {near}: ask for as much as one of them"
    raise AcceleratorError(wish.field, wish.asked, f"{fix} has, or name another profile")


def _fits(size: Slice, wish: Wish) -> bool:
    if wish.fraction is None:
        return size.compute == size.slices
    if wish.by_memory:
        return size.gigabytes * 1024 >= (wish.memory_mib or 0) * NAMED_MARGIN
    usable = size.slices if size.slices % 2 == 0 else size.slices - 1
    return Decimal(size.eighths) / 8 >= wish.fraction and size.compute >= wish.fraction * usable


def _nearest(wish: Wish, sizes: Iterable[Slice]) -> list[Slice]:
    wanted = (wish.memory_mib or wish.device_mib or 0) / 1024
    return sorted(sorted(sizes, key=lambda size: (abs(size.gigabytes - wanted), size))[:2])


def _offered(wish: Wish, profile: AcceleratorProfileSpec) -> list[Slice]:
    """The sizes that the profile says, or all that its device can be cut into."""
    if wish.device_mib is None:
        field = of_profile(wish.profile_name, "memory")
        raise AcceleratorError(field, None, "is required with MIG: say how much memory a device has, for example 80Gi")
    known = _known(wish.device_mib, profile.products)
    slices = 4 if known in QUARTERS else 7
    if not profile.sharing.mig_sizes:
        if not known:
            field = of_profile(wish.profile_name, "sharing.migSizes")
            fix = f"no MIG sizes are known of a device with {profile.memory}: list those that the nodes are cut into"
            raise AcceleratorError(field, [], fix)
        return [_slice(name, wish.device_mib, slices) for name in known]
    offered = [_slice(name, wish.device_mib, slices) for name in profile.sharing.mig_sizes]
    for size in offered:
        if known and size.name.partition("+")[0].partition("-")[0] not in known:
            everything = [_slice(name, wish.device_mib, slices) for name in known]
            order = sorted(everything, key=lambda other: (abs(other.gigabytes - size.gigabytes), other))
            near = " and ".join(other.name for other in sorted(order[:2]))
            field = of_profile(wish.profile_name, "sharing.migSizes")
            fix = f"a device with {profile.memory} has no such MIG size; the nearest are {near}"
            raise AcceleratorError(field, size.name, fix)
    return offered


def _known(device_mib: int, products: Sequence[str]) -> tuple[str, ...]:
    if any("RTX-PRO-6000" in product for product in products):
        return RTX_PRO
    gigabytes = device_mib / 1024
    nearest = min(SIZES, key=lambda total: abs(total - gigabytes))
    return SIZES[nearest] if abs(nearest - gigabytes) <= SAME_MEMORY * nearest else ()


def _slice(name: str, device_mib: int, slices: int) -> Slice:
    found = _SIZE.fullmatch(name)
    if found is None:
        raise AcceleratorError("sharing.migSizes", name, "write a size as 1g.10gb")
    compute, gigabytes = int(found[1]), int(found[2])
    eighths = min(8, max(1, round(8 * gigabytes * 1024 / device_mib)))
    share = max(Decimal(compute) / slices, Decimal(eighths) / 8)
    return Slice(min(share, Decimal(1)), gigabytes, compute, slices, eighths, name)
