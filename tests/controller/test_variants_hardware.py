"""Variants whose accelerators cannot be had: each is told by its field, and running pods stay as they are."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cluster_objects import NAMESPACE, pod, profile
from recording_cluster import status_of
from variants_in_memory import SMALL, WithVariants, with_variants

from tidegate.cluster.resources import ACCELERATOR_PROFILES, PODS

Document = dict[str, Any]
A100 = {"vendor": "NVIDIA", "memory": "80Gi"}
HAMI = {**A100, "sharing": {"mechanism": "HAMi"}}
MIG = {**A100, "sharing": {"mechanism": "MIG"}}
CUT = {**A100, "sharing": {"mechanism": "MIG", "migSizes": ["1g.10gb", "2g.20gb", "3g.40gb"]}}
SLICED = {**A100, "sharing": {"mechanism": "TimeSlicing", "replicas": 4}}
GPU = "spec.variants[name=gpu].accelerator"

IMPOSSIBLE: dict[str, tuple[Document, Document, tuple[str, ...]]] = {
    "fraction and memory, from an older CRD": (
        HAMI,
        {"fraction": "0.5", "memory": "10Gi"},
        (".fraction: '0.5'", "keep one"),
    ),
    "0, from an older CRD": (HAMI, {"fraction": "0"}, (".fraction: '0'", "above 0")),
    "1.5, from an older CRD": (HAMI, {"fraction": "1.5"}, (".fraction: '1.5'", "up to 1")),
    "half, from an older CRD": (HAMI, {"fraction": "half"}, (".fraction: 'half'", "as '0.5'")),
    "a third, from an older CRD": (HAMI, {"fraction": "0.3333333333"}, ("at most two decimals",)),
    "more than a device in all": (
        SLICED,
        {"fraction": "0.25", "count": 8},
        (".count: 8", "one device only: set it to 1"),
    ),
    "more than the card has": (HAMI, {"memory": "81Gi"}, (".memory: '81Gi'", "has 80Gi: ask for less")),
    "memory of a card of unknown memory": (
        {**HAMI, "memory": None},
        {"memory": "10Gi"},
        (".memory: '10Gi'", "set spec.memory of AcceleratorProfile l4"),
    ),
    "two slices": (MIG, {"fraction": "0.25", "count": 2}, (".count: 2", "set it to 1")),
    "a size that nothing is cut into": (CUT, {"memory": "60Gi"}, ("the nearest are 2g.20gb and 3g.40gb",)),
    "spot nodes that nobody described": (A100, {"spot": True}, (".spot: True", "spec.spotNodeLabels")),
}


async def running(described: Document, asks: Document, turns: int = 6) -> WithVariants:
    """An operator with a service on CPU in two ways, and in a third on an accelerator."""
    operator = WithVariants()
    operator.cluster.have(ACCELERATOR_PROFILES, profile(**{k: v for k, v in described.items() if v is not None}))
    gpu = {"name": "gpu", "accelerator": {"profile": "l4", **asks}, "minReplicas": 1}
    operator.apply(with_variants({**SMALL, "minReplicas": 1}, gpu, scaling={"minReplicas": 1}))
    operator.use(in_flight=1)
    await operator.run(turns)
    return operator


@pytest.mark.parametrize(("described", "asks", "says"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
async def test_what_cannot_be_given_is_told_by_its_field(
    described: Document, asks: Document, says: tuple[str, ...]
) -> None:
    """In SpecValid and beside the variant; the others run."""
    operator = await running(described, asks)
    status, reason, message = operator.condition("SpecValid")
    assert (status, reason) == ("False", "AcceleratorImpossible")
    assert message.startswith(GPU)
    for part in says:
        assert part in message
    assert operator.variant("gpu")["message"] == message
    assert (NAMESPACE, "chat-gpu") not in operator.store.deployments
    assert operator.variant("cpu")["readyReplicas"] == 1


EDITS = {
    "deleted": (None, "UnknownProfile"),
    "edited so that it has none to give": (SLICED, "AcceleratorImpossible"),
}


@pytest.mark.parametrize(("described", "reason"), EDITS.values(), ids=EDITS)
async def test_a_profile_that_goes_leaves_the_pods_that_run(described: Document | None, reason: str) -> None:
    """Nothing of the variant's Deployment is written, and status says what they have."""
    operator = await running(HAMI, {"fraction": "0.5"})
    before = operator.variant("gpu")
    assert before["readyReplicas"] == 1
    if described is None:
        operator.cluster.lose(ACCELERATOR_PROFILES, ("", "l4"))
    else:
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**described))
    written = await operator.run(6)
    assert not {"Deployment chat-gpu", "Scale chat-gpu"} & set(written)
    assert operator.condition("SpecValid")[1] == reason
    assert operator.variant("gpu")["accelerator"] == before["accelerator"]
    assert operator.variant("gpu")["readyReplicas"] == 1


async def test_an_edited_profile_rolls_only_the_variant_that_names_it() -> None:
    """And says from what to what."""
    operator = await running(HAMI, {"fraction": "0.5"})
    operator.cluster.have(ACCELERATOR_PROFILES, profile(**{**A100, "sharing": {"mechanism": "Volcano"}}))
    written = await operator.run(6)
    assert written.count("Deployment chat-gpu") == 1
    assert not {"Deployment chat", "Deployment chat-cpu"} & set(written)


class Full(WithVariants):
    """No pod finds a node."""

    def _make_pod(self, deployment: str) -> None:
        self._number += 1
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes",
            "lastTransitionTime": datetime.fromtimestamp(self.now, UTC).isoformat(),
        }
        document = pod(deployment, self._number, ready=False)
        self.cluster.have(PODS, {**document, "status": {"phase": "Pending", "conditions": [condition]}})


class WithoutRoomForOne(Full):
    """Pods of `cpu` find no node, all others do."""

    def _make_pod(self, deployment: str) -> None:
        if deployment == "chat-cpu":
            super()._make_pod(deployment)
        else:
            super(Full, self)._make_pod(deployment)


async def test_a_variant_without_room_is_not_what_a_gateway_wakes() -> None:
    """Nobody would answer until it is given up once more: that it was is known, though its pods have left."""
    operator = WithoutRoomForOne()
    operator.apply(with_variants({**SMALL, "minReplicas": 1}, scaling={"fallbackAfterSeconds": 30}))
    assert await operator.run(1)
    operator.use(in_flight=1)
    await operator.run(20)
    assert operator.variant("cpu")["unavailableSince"]
    operator.use()
    await operator.run(40)
    assert status_of(operator.cluster)["replicas"] == 0
    assert status_of(operator.cluster)["wakePlan"]["deployment"] == "chat"


async def test_all_variants_without_room() -> None:
    """It is said of each; every one has no more than it must have, and no more is ordered however long it lasts."""
    operator = Full()
    operator.cluster.have(ACCELERATOR_PROFILES, profile())
    gpu = {"name": "gpu", "accelerator": {"profile": "l4"}, "minReplicas": 1}
    operator.apply(
        with_variants(gpu, scaling={"minReplicas": 2, "fallbackAfterSeconds": 30}, accelerator={"profile": "l4"})
    )
    operator.use(in_flight=50)
    await operator.run(20)
    status, reason, message = operator.condition("AcceleratorAvailable")
    assert (status, reason) == ("False", "NoRoom")
    assert message.count("no other variant has room either") == 2
    ordered = status_of(operator.cluster)["replicas"]
    await operator.run(60)
    assert status_of(operator.cluster)["replicas"] == ordered <= 3
