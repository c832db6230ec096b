"""Nodes as they are labelled -> profiles that describe them, and what their labels and resources do not tell. Pure.

Nothing here is certain: a profile is proposed to a person, with every doubt beside it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]
Spec = dict[str, Any]

GKE_GPU = "cloud.google.com/gke-accelerator"
GKE_STRATEGY = "cloud.google.com/gke-gpu-sharing-strategy"
GKE_CLIENTS = "cloud.google.com/gke-max-shared-clients-per-gpu"
GKE_TPU = "cloud.google.com/gke-tpu-accelerator"
GKE_TOPOLOGY = "cloud.google.com/gke-tpu-topology"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
HAMI_ANNOTATION = "hami.io/node-nvidia-register"

AMD_PARTS = {"spx": 1, "dpx": 2, "qpx": 4, "cpx": 8}
"""Parts of a device by its compute partition mode."""

_STRATEGIES = {"time-slicing": "TimeSlicing", "time-sharing": "TimeSlicing", "mps": "MPS"}
_MIG_PRODUCT = re.compile(r"(.+)-MIG-([0-9]+g\.[0-9]+gb\S*)")
_MIG_RESOURCE = re.compile(r"nvidia\.com/mig-([0-9]+g\.[0-9]+gb\S*)")
_AMD_PARTITION = re.compile(r"amd\.com/(([a-z]+)_nps[0-9]+)")
_NATIVE = re.compile(
    r"^(cpu|memory|ephemeral-storage|pods|hugepages-.+|attachable-volumes-.+|(.+\.)?kubernetes\.io/.+)$"
)
_PARTS = ("nvidia.com/gpumem", "nvidia.com/gpucores", "nvidia.com/gpumem-percentage", "volcano.sh/vgpu-memory")

UNSHARED_MEMORY = "how much memory a device has: set memory"
ALWAYS = (
    "prices: set costPerHour, or no cost is told",
    "whether KAI, Run:ai or Kueue place the pods: if so, set sharing.mechanism, schedulerName and queueName",
    "what drivers publish for claims (DRA): see `kubectl get deviceclasses`",
)
"""What no node tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A profile that would describe some nodes."""

    name: str
    spec: Spec
    nodes: tuple[str, ...]
    doubts: tuple[str, ...]
    """What could not be told, a clause each."""


@dataclass(slots=True)
class _Draft:
    spec: Spec
    name: str
    doubts: list[str] = field(default_factory=list)


def detect(nodes: Iterable[Document]) -> tuple[list[Proposal], list[str]]:
    """Propose profiles for nodes.

    Args:
        nodes: core/v1 Nodes.

    Returns:
        A proposal for each kind of node that has accelerators, and extended resources that nothing is known of.
    """
    found: dict[str, tuple[_Draft, list[str]]] = {}
    unknown: dict[str, None] = {}
    for node in nodes:
        for draft in _drafts(node, unknown):
            tolerations = _tolerations(node, draft.spec["resourceName"])
            if tolerations:
                draft.spec["tolerations"] = tolerations
            identity = json.dumps(draft.spec, sort_keys=True)
            found.setdefault(identity, (draft, []))[1].append(node["metadata"]["name"])
    names: dict[str, int] = {}
    proposals = []
    for draft, of in found.values():
        names[draft.name] = names.get(draft.name, 0) + 1
        name = draft.name if names[draft.name] == 1 else f"{draft.name}-{names[draft.name]}"
        proposals.append(Proposal(name=name, spec=draft.spec, nodes=tuple(of), doubts=tuple(draft.doubts)))
    return proposals, list(unknown)


def _drafts(node: Document, unknown: dict[str, None]) -> Iterator[_Draft]:
    offered = {name for name, amount in _allocatable(node).items() if str(amount) not in {"", "0"}}
    extended = {name for name in offered if not _NATIVE.match(name)}
    nvidia = {name for name in extended if name.startswith("nvidia.com/")}
    if "volcano.sh/vgpu-number" in extended:
        yield _volcano(node)
    elif nvidia - set(_PARTS):
        yield _nvidia(node, nvidia)
    for name, make in _OTHERS.items():
        if name in extended:
            yield make(node, name)
    for name in sorted(extended):
        if (partition := _AMD_PARTITION.fullmatch(name)) is not None:
            yield _amd_partition(node, name, partition[2])
        elif (
            name not in _OTHERS and name not in nvidia and not name.startswith(("volcano.sh/", "aws.amazon.com/neuron"))
        ):
            unknown[name] = None


def _nvidia(node: Document, offered: set[str]) -> _Draft:
    labels = _labels(node)
    product = labels.get("nvidia.com/gpu.product")
    if product is None:
        return _nvidia_unlabelled(labels)
    sizes = sorted(found[1] for name in offered if (found := _MIG_RESOURCE.fullmatch(name)))
    single = _MIG_PRODUCT.fullmatch(product)
    plain = single[1] if single else product.removesuffix("-SHARED")
    draft = _Draft({"vendor": "NVIDIA", "resourceName": "nvidia.com/gpu", "products": [plain]}, _slug(plain))
    memory, mechanism = labels.get("nvidia.com/gpu.memory"), _sharing(labels, offered, node)
    if memory is not None and single is None:
        draft.spec["memory"] = f"{memory}Mi"
    else:
        draft.doubts.append("how much memory a whole device has: set memory" if single else UNSHARED_MEMORY)
    if single is not None:
        mechanism = {"mechanism": "MIG", "migStrategy": "Single", "migSizes": [single[2]]}
    elif sizes:
        mechanism = {"mechanism": "MIG", "migSizes": sizes}
        if "nvidia.com/gpu" in offered:
            draft.doubts.append(
                "which devices are whole: a profile without sharing would describe those beside the slices"
            )
    if mechanism:
        draft.spec["sharing"] = mechanism
        draft.name += f"-{str(mechanism['mechanism']).lower()}"
    return draft


def _sharing(labels: Mapping[str, str], offered: set[str], node: Document) -> Spec | None:
    if HAMI_ANNOTATION in (node["metadata"].get("annotations") or {}):
        return {"mechanism": "HAMi"}
    name = _STRATEGIES.get(labels.get("nvidia.com/gpu.sharing-strategy", ""))
    replicas = labels.get("nvidia.com/gpu.replicas", "")
    if name is None or not replicas.isdecimal() or int(replicas) <= 1:
        return None
    renamed = {"renamed": True} if "nvidia.com/gpu.shared" in offered else {}
    return {"mechanism": name, "replicas": int(replicas), **renamed}


def _nvidia_unlabelled(labels: Mapping[str, str]) -> _Draft:
    """Without GPU feature discovery: GKE has labels of its own, others have none."""
    spec: Spec = {"resourceName": "nvidia.com/gpu"}
    kept = {name: labels[name] for name in (GKE_GPU, GKE_STRATEGY, GKE_CLIENTS) if name in labels}
    if not kept:
        doubts = ["which product it is, and whether devices are shared: there are no labels of GPU feature discovery"]
        return _Draft(spec, "nvidia", [*doubts, UNSHARED_MEMORY])
    draft = _Draft({**spec, "nodeLabels": kept}, _slug(kept.get(GKE_GPU, "nvidia")), [UNSHARED_MEMORY])
    mechanism, clients = _STRATEGIES.get(kept.get(GKE_STRATEGY, "")), kept.get(GKE_CLIENTS, "")
    if mechanism is not None and clients.isdecimal():
        draft.spec["sharing"] = {"mechanism": mechanism, "replicas": int(clients)}
        draft.name += f"-{mechanism.lower()}"
    return draft


def _volcano(node: Document) -> _Draft:
    labels = _labels(node)
    product, memory = labels.get("nvidia.com/gpu.product"), labels.get("nvidia.com/gpu.memory")
    spec: Spec = {"resourceName": "volcano.sh/vgpu-number", "sharing": {"mechanism": "Volcano"}}
    spec |= {"vendor": "NVIDIA", "products": [product]} if product else {}
    spec |= {"memory": f"{memory}Mi"} if memory else {}
    return _Draft(spec, f"{_slug(product or 'nvidia')}-volcano", [] if memory else [UNSHARED_MEMORY])


def _amd(node: Document, resource: str) -> _Draft:
    product = _labels(node).get("amd.com/gpu.product-name")
    spec: Spec = {"resourceName": resource}
    spec |= {"vendor": "AMD", "products": [product]} if product else {}
    doubts = [
        UNSHARED_MEMORY,
        "whether its devices are parts of one: with resource_naming_strategy=single they are called so",
    ]
    return _Draft(spec, _slug(product or "amd"), doubts if product else ["which product it is", *doubts])


def _amd_partition(node: Document, resource: str, mode: str) -> _Draft:
    draft = _amd(node, "amd.com/gpu")
    parts = AMD_PARTS.get(mode, 0)
    if parts > 1:
        draft.spec["sharing"] = {"mechanism": "Partitions", "replicas": parts, "names": {"share": resource}}
        draft.doubts = [UNSHARED_MEMORY]
    else:
        draft.spec["resourceName"] = resource
    draft.name += f"-{mode}"
    return draft


def _intel(node: Document, resource: str) -> _Draft:
    del node
    shared = "whether several pods may have a device at once (-shared-dev-num): if so, set sharing to SharedDevices"
    return _Draft({"resourceName": resource}, f"intel-{resource.rpartition('/')[2]}", [UNSHARED_MEMORY, shared])


def _tpu(node: Document, resource: str) -> _Draft:
    labels = _labels(node)
    product, topology = labels.get(GKE_TPU), labels.get(GKE_TOPOLOGY)
    spec: Spec = {"resourceName": resource}
    spec |= {"vendor": "Google", "products": [product]} if product else {}
    spec |= {"nodeLabels": {GKE_TOPOLOGY: topology}} if topology else {}
    name = "-".join(filter(None, (_slug(product or "tpu"), topology)))
    return _Draft(spec, name, [UNSHARED_MEMORY])


def _neuron(node: Document, resource: str) -> _Draft:
    kind, offered = _labels(node).get(INSTANCE_TYPE), _allocatable(node)
    spec: Spec = {"resourceName": resource}
    spec |= {"vendor": "AWS", "products": [kind]} if kind else {}
    draft = _Draft(spec, _slug(kind or "neuron"), [UNSHARED_MEMORY])
    cores, whole = str(offered.get("aws.amazon.com/neuroncore", "")), str(offered.get(resource, ""))
    if cores.isdecimal() and whole.isdecimal() and int(cores) >= 2 * int(whole):
        share = {"share": "aws.amazon.com/neuroncore"}
        draft.spec["sharing"] = {"mechanism": "Cores", "replicas": int(cores) // int(whole), "names": share}
    return draft


def _gaudi(node: Document, resource: str) -> _Draft:
    del node
    return _Draft({"resourceName": resource}, "gaudi", ["which generation it is", UNSHARED_MEMORY])


_OTHERS = {
    "amd.com/gpu": _amd,
    "gpu.intel.com/i915": _intel,
    "gpu.intel.com/xe": _intel,
    "google.com/tpu": _tpu,
    "aws.amazon.com/neuron": _neuron,
    "habana.ai/gaudi": _gaudi,
}


def _tolerations(node: Document, resource: str) -> list[Spec]:
    """For taints that bear the vendor's domain: those that keep others away from the devices."""
    domain = (
        resource.partition("/")[0].split(".", maxsplit=1)[-1]
        if resource.startswith("gpu.")
        else resource.partition("/")[0]
    )
    taints: Sequence[Document] = (node.get("spec") or {}).get("taints") or ()
    mine = (taint for taint in taints if taint["key"].partition("/")[0] in {domain, resource.partition("/")[0]})
    return [{"key": taint["key"], "operator": "Exists", "effect": taint["effect"]} for taint in mine]


def _allocatable(node: Document) -> Document:
    found: Document = (node.get("status") or {}).get("allocatable") or {}
    return found


def _labels(node: Document) -> Mapping[str, str]:
    found: Mapping[str, str] = node["metadata"].get("labels") or {}
    return found


def _slug(text: str) -> str:
    """A name for an object, of a product's name: NVIDIA-L4 is l4."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return plain.removeprefix("nvidia-").removeprefix("amd-instinct-") or "accelerator"
