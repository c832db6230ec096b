"""The shapes of requests for shares of devices that are extended resources or annotations.

Each shape turns a wish and a profile into what its mechanism is asked for. `claims` has those of claims. What the
names and units are is in each project's documentation; fractions of extended resources do not exist in Kubernetes.
"""

import math
from collections.abc import Callable
from decimal import Decimal

from tidegate.accelerators.asked import Asked, of_resource
from tidegate.accelerators.fault import AcceleratorError, of_profile
from tidegate.accelerators.mig import smallest
from tidegate.accelerators.pod_additions import NodeRequirement
from tidegate.accelerators.wish import Wish
from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.sharing import MigStrategy

Shape = Callable[[Wish, AcceleratorProfileSpec], Asked]

MIG_MARGIN_PERCENT = 10
"""Slices of one size differ by less from the memory in their name, and sizes of one compute by more."""


def whole(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
    """Whole devices, under the name that the profile gives.

    Where the product's name does not tell them apart, shares may be called so as well: nodes that have those are left.
    """
    requirements = []
    if profile.vendor == "NVIDIA" and not profile.products:
        requirements.append(NodeRequirement("nvidia.com/gpu.sharing-strategy", "NotIn", ("time-slicing", "mps")))
    return of_resource(profile.resource_name, wish.count, requirements=requirements)


def one_of_replicas(strategy: str) -> Shape:
    """One of the shares that NVIDIA's device plugin has cut each device into.

    Never more than one: a second one buys no more of the device, and the plugin may refuse it.

    Args:
        strategy: as the label nvidia.com/gpu.sharing-strategy has it.
    """

    def ask(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
        sharing, fraction, most = profile.sharing, wish.fraction or Decimal(1), wish.parts
        name = sharing.names.share or profile.resource_name + (".shared" if sharing.renamed else "")
        granted = fraction if sharing.replicas is None else _share_of_replicas(wish, sharing.replicas)
        requirements: list[NodeRequirement] = []
        preferred: list[NodeRequirement] = []
        if profile.vendor == "NVIDIA":
            requirements.append(NodeRequirement("nvidia.com/gpu.sharing-strategy", "In", (strategy,)))
            replicas = "nvidia.com/gpu.replicas"
            if sharing.replicas is None:
                # Not 0 either: GPU feature discovery says so of devices that are cut by MIG.
                requirements.append(NodeRequirement(replicas, "Gt", ("0",)))
                requirements.append(NodeRequirement(replicas, "Lt", (str(most + 1),)))
                # Shares that are larger than need be are left to those who need them.
                preferred.append(NodeRequirement(replicas, "In", (str(most),)))
            else:
                requirements.append(NodeRequirement(replicas, "In", (str(sharing.replicas),)))
        return of_resource(
            name,
            1,
            granted=granted,
            requirements=requirements,
            preferred=preferred,
            product_suffix="" if sharing.renamed else "-SHARED",
        )

    return ask


def one_part(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
    """One of the equal parts of a device, each of which is one of a resource."""
    replicas = profile.sharing.replicas or 1
    return of_resource(_share_name(profile), 1, granted=_share_of_replicas(wish, replicas))


def as_many_parts(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
    """As many of the equal parts of a device as the fraction takes."""
    replicas = profile.sharing.replicas or 1
    parts = math.ceil((wish.fraction or Decimal(1)) * replicas)
    return of_resource(_share_name(profile), parts, granted=Decimal(parts) / replicas)


def mig_slice(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
    """The least MIG slice that will do. With strategy Mixed its resource is its placement; with Single a label is."""
    size = smallest(wish, profile)
    name = size.name.replace("+", ".")
    if profile.sharing.mig_strategy is MigStrategy.MIXED:
        domain = profile.resource_name.partition("/")[0]
        return of_resource(f"{domain}/mig-{name}", 1, granted=size.share)
    requirements = []
    if profile.vendor == "NVIDIA":
        requirements.append(NodeRequirement("nvidia.com/mig.strategy", "In", ("single",)))
    if profile.vendor == "NVIDIA" and not profile.products:
        least = size.gigabytes * 1024 * (100 - MIG_MARGIN_PERCENT) // 100
        most = size.gigabytes * 1024 * (100 + MIG_MARGIN_PERCENT) // 100
        requirements.append(NodeRequirement("nvidia.com/gpu.memory", "Gt", (str(least),)))
        requirements.append(NodeRequirement("nvidia.com/gpu.memory", "Lt", (str(most),)))
    return of_resource(
        profile.resource_name,
        1,
        granted=size.share,
        requirements=requirements,
        product_suffix=f"-MIG-{size.name}",
    )


def memory_and_cores(memory: str, percentage: str, cores: str) -> Shape:
    """A number of devices, and of each of them so much memory and compute, each a resource (HAMi, Volcano).

    Args:
        memory: resource of memory in MiB, unless the profile has another name.
        percentage: that of memory in percent.
        cores: that of compute in percent.
    """

    def ask(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
        names = profile.sharing.names
        limits = {profile.resource_name: str(wish.count)}
        if wish.by_memory:
            limits[names.memory or memory] = str(wish.memory_mib)
        else:
            limits[names.memory_percentage or percentage] = str(wish.percent)
            limits[names.cores or cores] = str(wish.percent)
        text = ", ".join(f"{name}: {quantity}" for name, quantity in limits.items())
        return Asked(resource=text, limits=limits, granted=wish.fraction or Decimal(1))

    return ask


def annotations(wish: Wish, profile: AcceleratorProfileSpec) -> Asked:
    """Annotations of the pod and no resource at all, which would be refused beside them (KAI, Run:ai)."""
    del profile
    asked = {"gpu-memory": str(wish.memory_mib)} if wish.by_memory else {"gpu-fraction": f"{wish.fraction}"}
    if wish.count > 1:
        asked["gpu-fraction-num-devices"] = str(wish.count)
    text = ", ".join(f"{name}: {value}" for name, value in asked.items())
    return Asked(
        resource=text,
        annotations={**asked, "gpu-fraction-container-name": "engine"},
        granted=wish.fraction or Decimal(1),
    )


def _share_name(profile: AcceleratorProfileSpec) -> str:
    return profile.sharing.names.share or profile.resource_name


def _share_of_replicas(wish: Wish, replicas: int) -> Decimal:
    """The share of one of so many, if it is enough."""
    granted, wanted = Decimal(1) / replicas, wish.fraction or Decimal(1)
    if wanted <= granted:
        return granted
    field = of_profile(wish.profile_name, "sharing.replicas")
    fix = f"a share is 1/{replicas} of a device ({field}), and a second one would buy no more: ask for less, or name "
    raise AcceleratorError(wish.field, wish.asked, f"{fix}a profile with larger shares")
