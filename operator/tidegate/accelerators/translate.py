"""(what a service asks for, what the profile says) -> what a replica is given. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from tidegate.accelerators.allocation import Allocation
from tidegate.accelerators.asked import Asked, share_text
from tidegate.accelerators.fault import COUNT, SPOT, AcceleratorError, of_profile
from tidegate.accelerators.mechanisms import KUEUE_QUEUE_LABEL, MECHANISMS, Row
from tidegate.accelerators.pod_additions import NodeRequirement, PodAdditions
from tidegate.accelerators.wish import Wish, wish
from tidegate.api.accelerator import Accelerator, Placement
from tidegate.api.accelerator_profile import AcceleratorProfileSpec, Vendor
from tidegate.api.names import SHARE_LABEL
from tidegate.api.quantity import to_number
from tidegate.api.sharing import Mechanism

PRODUCT_LABELS: Mapping[Vendor, str] = {
    Vendor.NVIDIA: "nvidia.com/gpu.product",
    Vendor.AMD: "amd.com/gpu.product-name",
    Vendor.GOOGLE: "cloud.google.com/gke-tpu-accelerator",
    Vendor.AWS: "node.kubernetes.io/instance-type",
}
"""Label of nodes that holds the name of their product."""

_CLAIMED = frozenset({Mechanism.DRA, Mechanism.DRA_MIG, Mechanism.DRA_SHARES})
"""Claims choose devices themselves: nodes need not carry labels for it."""

_SCHEDULER_WORDS = {Placement.PACK: "binpack", Placement.SPREAD: "spread"}


def translate(accelerator: Accelerator, profile: AcceleratorProfileSpec) -> Allocation:
    """Ask for what a service wants in the terms of how this cluster shares its devices.

    Args:
        accelerator: how many each replica gets, and how much of each.
        profile: the profile that it names.

    Returns:
        What each replica is given; quantities are integers, as extended resources must be.

    Raises:
        AcceleratorError: it cannot be given; the message names the field, its value and what would do.
    """
    mechanism = profile.sharing.mechanism
    row, wanted = MECHANISMS[mechanism], wish(accelerator, profile)
    if accelerator.spot and profile.spot_cost_per_hour is None and not profile.spot_node_labels:
        field = of_profile(accelerator.profile, "spotNodeLabels")
        fix = f"no such nodes are known: set {field}, and spotCostPerHour, or leave spot out"
        raise AcceleratorError(SPOT, accelerator.spot, fix)
    asked = _ask(row, wanted, profile)
    is_share = asked.granted < 1
    placement = accelerator.placement or (Placement.PACK if is_share else Placement.NONE)
    queue = profile.queue_name or row.default_queue
    return Allocation(
        mechanism=mechanism,
        additions=PodAdditions(
            resources=asked.limits,
            labels={**({SHARE_LABEL: share_text(asked.granted)} if is_share else {}), **_label(row.queue_label, queue)},
            annotations={**asked.annotations, **_told(row, placement)},
            workload_labels={} if row.queue_label else _label(KUEUE_QUEUE_LABEL, queue),
            node_selector={**profile.node_labels, **(profile.spot_node_labels if accelerator.spot else {})},
            node_requirements=(*asked.requirements, *_products(profile, asked)),
            preferred_nodes=asked.preferred,
            placement=placement if row.packs_by is None else Placement.NONE,
            tolerations=tuple(toleration.to_document() for toleration in profile.tolerations),
            runtime_class_name=profile.runtime_class_name,
            scheduler_name=profile.scheduler_name or row.scheduler_name,
            claim=asked.claim,
            has_devices=True,
        ),
        resource=asked.resource,
        count=wanted.count,
        asked=wanted.fraction or Decimal(1),
        granted=asked.granted,
        enforced=row.enforced or not is_share,
        sees=row.sees,
        cost_per_hour=_price(profile.spot_cost_per_hour if accelerator.spot else profile.cost_per_hour, wanted, asked),
        note=row.note if is_share or asked.claim else "",
    )


def _ask(row: Row, wanted: Wish, profile: AcceleratorProfileSpec) -> Asked:
    mechanism = profile.sharing.mechanism
    if wanted.fraction is None:
        return _ask_whole(row, wanted, profile)
    if row.share is None:
        if wanted.by_memory and row.whole is not None:
            return row.whole(wanted, profile)  # All of a device has enough.
        field = of_profile(wanted.profile_name, "sharing.mechanism")
        fix = f"devices are not shared here ({field} is {mechanism}): remove it for a whole one, or name another "
        raise AcceleratorError(wanted.field, wanted.asked, f"{fix}profile")
    if wanted.count > 1 and not row.shares_of_several:
        fix = f"{mechanism} gives a pod a share of one device only: set it to 1, or ask for all of each"
        raise AcceleratorError(COUNT, wanted.count, fix)
    return row.share(wanted, profile)


def _ask_whole(row: Row, wanted: Wish, profile: AcceleratorProfileSpec) -> Asked:
    mechanism = profile.sharing.mechanism
    if row.whole is None:
        fix = f"profile {wanted.profile_name} has shares only ({mechanism}): ask for a fraction or memory, or name a "
        raise AcceleratorError(wanted.field, wanted.asked, f"{fix}profile whose devices are not shared")
    if row.whole is row.share and wanted.count > 1:
        fix = f"{mechanism} gives a pod one slice only, because a process can use no more: set it to 1"
        raise AcceleratorError(COUNT, wanted.count, fix)
    return row.whole(wanted, profile)


def _products(profile: AcceleratorProfileSpec, asked: Asked) -> tuple[NodeRequirement, ...]:
    if not profile.products or profile.vendor is None or profile.sharing.mechanism in _CLAIMED:
        return ()
    suffix = asked.product_suffix if profile.vendor is Vendor.NVIDIA else ""
    names = tuple(f"{product}{suffix}" for product in profile.products)
    return (NodeRequirement(PRODUCT_LABELS[profile.vendor], "In", names),)


def _told(row: Row, placement: Placement) -> dict[str, str]:
    """Annotations that tell a scheduler of its own how to place the pod."""
    word = _SCHEDULER_WORDS.get(placement)
    return dict.fromkeys(row.packs_by or (), word) if word else {}


def _label(name: str | None, value: str | None) -> dict[str, str]:
    return {name: value} if name and value else {}


def _price(price: int | str | None, wanted: Wish, asked: Asked) -> Decimal | None:
    if price is None:
        return None
    return Decimal(str(to_number(price))) * wanted.count * asked.granted
