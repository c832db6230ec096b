"""What each mechanism is asked for: a row each, with the numbers of a quarter of an A100 or 10 GiB of it."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from mechanism_rows import NVIDIA, PROFILES, profile_of, shared
from tidegate.accelerators.allocation import Allocation
from tidegate.accelerators.mechanisms import MECHANISMS
from tidegate.accelerators.translate import translate
from tidegate.api.accelerator import Accelerator, Placement
from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.names import SHARE_LABEL
from tidegate.api.sharing import Mechanism

QUARTER = {"fraction": "0.25"}
TEN = {"memory": "10Gi"}
PRODUCT = "nvidia.com/gpu.product In NVIDIA-A100-SXM4-80GB"
REPLICAS = "nvidia.com/gpu.replicas"
STRATEGY = "nvidia.com/gpu.sharing-strategy In"


class Row(NamedTuple):
    """What is asked for, and what comes of it."""

    profile: str
    asks: dict[str, Any]
    limits: dict[str, str]
    granted: str
    nodes: tuple[str, ...] = ()
    annotations: Mapping[str, str] = MappingProxyType({})
    visible: str = "1"
    enforced: bool = True
    cost: str | None = None


ROWS = (
    Row("whole", {}, {"nvidia.com/gpu": "1"}, "1", (PRODUCT,), cost="2.00"),
    Row("any-whole", {}, {"nvidia.com/gpu": "1"}, "1", ("nvidia.com/gpu.sharing-strategy NotIn time-slicing,mps",)),
    Row("whole", {"count": 4}, {"nvidia.com/gpu": "4"}, "1", (PRODUCT,), cost="8.00"),
    Row("whole", {"fraction": "1.0"}, {"nvidia.com/gpu": "1"}, "1", (PRODUCT,)),
    Row("whole", TEN, {"nvidia.com/gpu": "1"}, "1", (PRODUCT,)),
    Row(
        "time-slicing",
        QUARTER,
        {"nvidia.com/gpu.shared": "1"},
        "0.25",
        (f"{STRATEGY} time-slicing", f"{REPLICAS} In 4", PRODUCT),
        visible="0.25",
        enforced=False,
        cost="0.50",
    ),
    Row(
        "time-slicing",
        TEN,
        {"nvidia.com/gpu.shared": "1"},
        "0.25",
        (f"{STRATEGY} time-slicing", f"{REPLICAS} In 4", PRODUCT),
        visible="0.25",
        enforced=False,
    ),
    Row(
        "time-slicing-by-label",
        QUARTER,
        {"nvidia.com/gpu": "1"},
        "0.25",
        (f"{STRATEGY} time-slicing", f"{REPLICAS} Gt 0", f"{REPLICAS} Lt 5"),
        visible="0.25",
        enforced=False,
    ),
    Row(
        "mps",
        QUARTER,
        {"nvidia.com/gpu": "1"},
        "0.25",
        (f"{STRATEGY} mps", f"{REPLICAS} In 4", f"{PRODUCT}-SHARED"),
        visible="0.25",
    ),
    Row("mig-mixed", QUARTER, {"nvidia.com/mig-2g.20gb": "1"}, "0.2857"),
    Row("mig-mixed", TEN, {"nvidia.com/mig-1g.20gb": "1"}, "0.25", cost="0.50"),
    Row("mig-mixed", {"fraction": "0.5"}, {"nvidia.com/mig-3g.40gb": "1"}, "0.5"),
    Row("mig-mixed", {}, {"nvidia.com/mig-7g.80gb": "1"}, "1"),
    Row(
        "mig-single",
        QUARTER,
        {"nvidia.com/gpu": "1"},
        "0.2857",
        ("nvidia.com/mig.strategy In single", f"{PRODUCT}-MIG-2g.20gb"),
    ),
    Row(
        "hami",
        QUARTER,
        {"nvidia.com/gpu": "1", "nvidia.com/gpumem-percentage": "25", "nvidia.com/gpucores": "25"},
        "0.25",
        (PRODUCT,),
        {"hami.io/node-scheduler-policy": "binpack", "hami.io/gpu-scheduler-policy": "binpack"},
        cost="0.50",
    ),
    Row(
        "hami",
        {**TEN, "count": 2},
        {"nvidia.com/gpu": "2", "nvidia.com/gpumem": "10240"},
        "0.125",
        (PRODUCT,),
        {"hami.io/node-scheduler-policy": "binpack", "hami.io/gpu-scheduler-policy": "binpack"},
    ),
    Row(
        "volcano",
        QUARTER,
        {"volcano.sh/vgpu-number": "1", "volcano.sh/vgpu-memory-percentage": "25", "volcano.sh/vgpu-cores": "25"},
        "0.25",
        (PRODUCT,),
    ),
    Row("volcano", TEN, {"volcano.sh/vgpu-number": "1", "volcano.sh/vgpu-memory": "10240"}, "0.125", (PRODUCT,)),
    Row(
        "kai",
        QUARTER,
        {},
        "0.25",
        (PRODUCT,),
        {"gpu-fraction": "0.25", "gpu-fraction-container-name": "engine"},
        visible="0.25",
        enforced=False,
    ),
    Row(
        "kai",
        {**TEN, "count": 2},
        {},
        "0.125",
        (PRODUCT,),
        {"gpu-memory": "10240", "gpu-fraction-num-devices": "2", "gpu-fraction-container-name": "engine"},
        visible="0.125",
        enforced=False,
    ),
    Row("kai", {"count": 2}, {"nvidia.com/gpu": "2"}, "1", (PRODUCT,)),
    Row(
        "run-ai",
        QUARTER,
        {},
        "0.25",
        (PRODUCT,),
        {"gpu-fraction": "0.25", "gpu-fraction-container-name": "engine"},
        visible="0.25",
        enforced=False,
    ),
    Row("dra", {"count": 2}, {}, "1"),
    Row("dra-mig", QUARTER, {}, "0.2857"),
    Row("dra-mig", TEN, {}, "0.25"),
    Row("dra-shares", QUARTER, {}, "0.25", visible="0.25", enforced=False),
    Row("dra-shares", {}, {}, "1"),
    Row("amd-partitions", {"fraction": "0.1"}, {"amd.com/cpx_nps4": "1"}, "0.125", cost="0.50"),
    Row(
        "neuron-cores",
        {"fraction": "0.4"},
        {"aws.amazon.com/neuroncore": "1"},
        "0.5",
        ("node.kubernetes.io/instance-type In inf2.xlarge,inf2.8xlarge",),
    ),
    Row(
        "neuron-cores",
        {"count": 2},
        {"aws.amazon.com/neuron": "2"},
        "1",
        ("node.kubernetes.io/instance-type In inf2.xlarge,inf2.8xlarge",),
    ),
    Row("intel-shared", QUARTER, {"gpu.intel.com/xe": "1"}, "0.25", visible="0.25", enforced=False),
    Row(
        "tpu",
        {"count": 8},
        {"google.com/tpu": "8"},
        "1",
        ("cloud.google.com/gke-tpu-accelerator In tpu-v5-lite-podslice",),
        cost="9.60",
    ),
)


def given(profile: dict[str, Any], **asks: Any) -> Allocation:
    """What a service is given by a profile."""
    return translate(Accelerator(profile="gpu", **asks), AcceleratorProfileSpec.model_validate(profile))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.profile} {row.asks}" for row in ROWS])
def test_mechanisms(row: Row) -> None:
    """Each mechanism is asked for a share in its own words, and what that comes to is told."""
    found = translate(Accelerator(profile=row.profile, **row.asks), profile_of(row.profile))
    additions = found.additions
    assert additions.resources == row.limits
    nodes = tuple(f"{each.key} {each.operator} {','.join(each.values)}" for each in additions.node_requirements)
    assert nodes == row.nodes
    assert additions.annotations == row.annotations
    assert found.granted is not None
    assert found.mechanism is not None
    assert f"{found.granted:.4f}" == f"{Decimal(row.granted):.4f}"
    assert found.visible_share == Decimal(row.visible)
    assert found.enforced == row.enforced
    is_share = found.granted < 1
    assert (SHARE_LABEL in additions.labels) == is_share
    assert (additions.placement is Placement.PACK) == (is_share and MECHANISMS[found.mechanism].packs_by is None)
    if row.cost is not None:
        assert found.cost_per_hour == Decimal(row.cost)


def test_every_mechanism_has_a_row() -> None:
    """In the code, and here."""
    assert set(MECHANISMS) == set(Mechanism)
    assert {profile_of(row.profile).sharing.mechanism for row in ROWS} == set(Mechanism)
    assert {row.profile for row in ROWS} == set(PROFILES)


@pytest.mark.parametrize(
    ("profile", "asks", "expected"),
    [
        ("dra", {"count": 2, "memory": "40Gi"}, {"deviceClassName": "gpu.nvidia.com", "count": 2, "selectors": 2}),
        ("dra-mig", QUARTER, {"deviceClassName": "mig.nvidia.com", "count": 1, "selectors": 2}),
        ("dra-shares", TEN, {"deviceClassName": "gpu.nvidia.com", "count": 1, "selectors": 1}),
    ],
    ids=["dra", "dra-mig", "dra-shares"],
)
def test_claims(profile: str, asks: dict[str, Any], expected: dict[str, Any]) -> None:
    """Claims have a class, a number and selectors; golden bodies show their words."""
    found = translate(Accelerator(profile=profile, **asks), profile_of(profile)).additions.claim
    assert found is not None
    (request,) = found["requests"]
    exactly = request["exactly"]
    assert {**{name: exactly[name] for name in expected}, "selectors": len(exactly["selectors"])} == expected


def test_a_share_of_memory_is_what_a_claim_asks_for() -> None:
    """As much as is asked for, or as the fraction comes to."""

    def capacity(**asks: str) -> Any:
        found = translate(Accelerator(profile="dra-shares", **asks), profile_of("dra-shares")).additions.claim
        assert found is not None
        return found["requests"][0]["exactly"]["capacity"]["requests"]

    assert capacity(memory="10Gi") == {"memory": "10240Mi"}
    assert capacity(fraction="0.25") == {"memory": "20480Mi"}


@pytest.mark.parametrize(
    ("profile", "scheduler", "labels", "workload_labels"),
    [
        ("whole", None, {}, {}),
        ("volcano", "volcano", {}, {}),
        ("kai", "kai-scheduler", {"kai.scheduler/queue": "research"}, {}),
        ("run-ai", "runai-scheduler", {"runai/queue": "research"}, {}),
        ("hami", None, {}, {}),
    ],
)
def test_schedulers_and_queues(
    profile: str, scheduler: str | None, labels: dict[str, str], workload_labels: dict[str, str]
) -> None:
    """A mechanism's own scheduler is named where it has to be; its queue is a label of the pods."""
    additions = translate(Accelerator(profile=profile), profile_of(profile)).additions
    assert additions.scheduler_name == scheduler
    assert additions.labels == labels
    assert additions.workload_labels == workload_labels


def test_queues_by_default_and_of_kueue() -> None:
    """KAI refuses pods without a queue; Kueue reads its label on the Deployment."""
    assert given(shared("KAI")).additions.labels == {"kai.scheduler/queue": "default-queue"}
    kueue = given({**NVIDIA, "queueName": "team-a", "schedulerName": "mine"}).additions
    assert kueue.workload_labels == {"kueue.x-k8s.io/queue-name": "team-a"}
    assert (kueue.labels, kueue.scheduler_name) == ({}, "mine")


def test_names_that_administrators_change() -> None:
    """HAMi's resources are values of its chart."""
    names = {"memory": "acme.io/mem", "memoryPercentage": "acme.io/percent", "cores": "acme.io/cores"}
    profile = shared("HAMi", {"resourceName": "acme.io/gpu"}, names=names)
    assert given(profile, **TEN).additions.resources == {"acme.io/gpu": "1", "acme.io/mem": "10240"}
    assert given(profile, **QUARTER).additions.resources == {
        "acme.io/gpu": "1",
        "acme.io/percent": "25",
        "acme.io/cores": "25",
    }


@pytest.mark.parametrize(("spot", "price"), [(False, Decimal("4.8")), (True, Decimal("2.0"))])
def test_a_replica_costs_what_its_kind_of_node_costs(price: Decimal, *, spot: bool) -> None:
    """The price of nodes that can be taken away is that of services which ask for such nodes."""
    assert translate(Accelerator(profile="tpu", count=4, spot=spot), profile_of("tpu")).cost_per_hour == price
    assert given(shared("HAMi", {"costPerHour": None})).cost_per_hour is None


def test_nodes_that_can_be_taken_away_are_chosen_by_their_labels() -> None:
    """Beside the labels of all nodes of the profile; services that do not ask for them have those alone."""
    labels = {"nodeLabels": {"pool": "gpu"}, "spotNodeLabels": {"karpenter.sh/capacity-type": "spot"}}
    profile = AcceleratorProfileSpec.model_validate({**NVIDIA, **labels})
    spot, ordinary = (translate(Accelerator(profile="l4", spot=spot), profile) for spot in (True, False))
    assert spot.additions.node_selector == {"pool": "gpu", "karpenter.sh/capacity-type": "spot"}
    assert spot.cost_per_hour is None, "the price of other nodes is not theirs"
    assert ordinary.additions.node_selector == {"pool": "gpu"}
