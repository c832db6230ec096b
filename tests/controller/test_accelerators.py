"""Accelerators: what the status says, claims before Deployments, and what edits of a profile do."""

from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE, profile
from operator_under_test import OperatorUnderTest
from recording_cluster import ABSENT, FORBIDDEN, Write, status_of
from variants_in_memory import WithVariants, with_variants

from tidegate.accelerators.mechanisms import MECHANISMS
from tidegate.api.sharing import Mechanism
from tidegate.cluster.resources import ACCELERATOR_PROFILES, CLAIM_TEMPLATES, DEPLOYMENTS, Document
from tidegate.controller.claims import AGAIN_SECONDS
from tidegate.controller.profile_rollouts import AT_ONCE

CHAT = (NAMESPACE, "chat")
SHARED = {"memory": "80Gi", "vendor": "NVIDIA", "sharing": {"mechanism": "HAMi"}}
CLAIMED = {**SHARED, "sharing": {"mechanism": "DRAMIG"}}
QUARTER = {**LEAST, "accelerator": {"profile": "l4", "fraction": "0.25"}}


async def served(spec: Document = QUARTER, **described: Any) -> OperatorUnderTest:
    """An operator with one service that runs, on a profile."""
    operator = OperatorUnderTest()
    operator.cluster.have(ACCELERATOR_PROFILES, profile(**described))
    operator.apply(spec)
    await turns(operator, 2)
    operator.start_pods(1)
    await operator.settle()
    return operator


async def turns(operator: OperatorUnderTest, count: int = 8) -> list[Write]:
    """All that is written in some turns, in order."""
    written: list[Write] = []
    for _ in range(count):
        await operator.turn(after=11.0)
        written += operator.cluster.writes
    return written


def kinds(written: list[Write]) -> list[str]:
    """What was written but for dry runs."""
    return [write.kind for write in written if not write.dry_run]


def events(written: list[Write], reason: str) -> list[str]:
    """Messages of the Events with a reason."""
    return [write.body["message"] for write in written if write.kind == "Event" and write.body["reason"] == reason]


class TestStatus:
    """What `status.accelerator` says."""

    async def test_what_was_granted(self) -> None:
        """In the mechanism's words."""
        operator = await served(**SHARED)
        assert status_of(operator.cluster)["accelerator"] == {
            "profile": "l4",
            "mechanism": "HAMi",
            "resource": "nvidia.com/gpu: 1, nvidia.com/gpumem-percentage: 25, nvidia.com/gpucores: 25",
            "count": 1,
            "fractionAsked": "0.25",
            "fractionGranted": "0.25",
            "enforced": True,
            "note": MECHANISMS[Mechanism.HAMI].note,
        }

    async def test_on_cpu_nothing(self) -> None:
        """There is nothing to say."""
        operator = await served(LEAST)
        assert "accelerator" not in status_of(operator.cluster)

    @pytest.mark.parametrize("change", [{"sharing": {"mechanism": "MPS", "replicas": 8}}, None], ids=["edited", "gone"])
    async def test_pods_keep_what_they_have_while_the_profile_cannot_give_it(self, change: Document | None) -> None:
        """The condition says what is wrong; status says what they have; no Deployment is written."""
        operator = await served(**SHARED)
        before = status_of(operator.cluster)["accelerator"]
        if change is None:
            operator.cluster.lose(ACCELERATOR_PROFILES, ("", "l4"))
        else:
            operator.cluster.have(ACCELERATOR_PROFILES, profile(**{**SHARED, **change}))
        written = await turns(operator)
        assert "Deployment" not in kinds(written)
        assert operator.condition("SpecValid")[1] in {"AcceleratorImpossible", "UnknownProfile"}
        assert status_of(operator.cluster)["accelerator"] == before


class TestClaims:
    """A ResourceClaimTemplate."""

    async def test_it_is_there_before_the_deployment(self) -> None:
        """Which names it; and it is asked about before it is written."""
        operator = OperatorUnderTest()
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**CLAIMED))
        operator.apply(QUARTER)
        written = await turns(operator)
        asked = [(w.kind, w.dry_run) for w in written if w.kind in {"ResourceClaimTemplate", "Deployment"}]
        assert asked == [("ResourceClaimTemplate", True), ("ResourceClaimTemplate", False), ("Deployment", False)]
        template = next(w.name for w in written if w.kind == "ResourceClaimTemplate")
        pod = operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["template"]["spec"]
        assert pod["resourceClaims"] == [{"name": "accelerator", "resourceClaimTemplateName": template}]

    async def test_at_rest_nothing_is_written(self) -> None:
        """It is not applied again and again."""
        operator = await served(**CLAIMED)
        assert await turns(operator) == []

    @pytest.mark.parametrize("failure", [ABSENT, FORBIDDEN], ids=["an old API server", "no rights"])
    async def test_without_it_there_is_no_deployment(self, failure: Any) -> None:
        """Its pods would not start; the condition says why, and it is tried again."""
        operator = OperatorUnderTest()
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**CLAIMED))
        operator.cluster.failures["ResourceClaimTemplate"] = failure
        operator.apply(QUARTER)
        assert "Deployment" not in kinds(await turns(operator))
        _, reason, message = operator.condition("SpecValid")
        assert reason == "RejectedByAPIServer"
        assert "refuses the ResourceClaimTemplate" in message
        operator.cluster.failures.clear()
        operator.now += 300.0
        assert "Deployment" in kinds(await turns(operator))

    async def test_a_part_that_would_be_left_out_is_told_and_nothing_is_stored(self) -> None:
        """What is stored could not be mended: an amount that is dropped is a whole device, for ever."""
        operator = OperatorUnderTest()
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**{**CLAIMED, "sharing": {"mechanism": "DRAShares"}}))

        def drop(answer: Document) -> None:
            if answer["kind"] == "ResourceClaimTemplate":
                for request in answer["spec"]["spec"]["devices"]["requests"]:
                    request["exactly"].pop("capacity")

        operator.cluster.alter = drop
        operator.apply(QUARTER)
        assert not {"ResourceClaimTemplate", "Deployment"} & set(kinds(await turns(operator)))
        assert "DRAConsumableCapacity" in operator.condition("SpecValid")[2]

    async def test_where_pods_are_missing_it_is_written_again(self) -> None:
        """Somebody may have deleted it, and nobody watches."""
        operator = await served(**CLAIMED)
        operator.now += AGAIN_SECONDS
        short = operator.cluster.found(DEPLOYMENTS, CHAT)
        operator.cluster.have(DEPLOYMENTS, {**short, "status": {**short.get("status", {}), "readyReplicas": 0}})
        assert "ResourceClaimTemplate" in kinds(await turns(operator))


class TestEdits:
    """A profile is edited under services that run."""

    async def test_it_is_told_what_changes(self) -> None:
        """As Events: that it was edited, and from what to what."""
        operator = await served(**SHARED)
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**{**SHARED, "sharing": {"mechanism": "Volcano"}}))
        written = await turns(operator)
        assert kinds(written).count("Deployment") == 1
        (edited,) = events(written, "ProfileEdited")
        assert edited.startswith("AcceleratorProfile l4 was edited")
        (changed,) = events(written, "AcceleratorChanged")
        assert "gpumem-percentage: 25" in changed
        assert "volcano.sh/vgpu-memory-percentage: 25" in changed

    async def test_a_price_changes_no_pod(self) -> None:
        """It is told what pods cost, and that is all."""
        operator = await served(**SHARED)
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**{**SHARED, "costPerHour": "3"}))
        (written,) = await turns(operator)
        assert written.kind == "Status"
        assert written.body["cost"]["perHour"] == "0"  # For there are no pods here.

    async def test_services_follow_a_tenth_at_a_time(self) -> None:
        """The others say that they wait, and follow when those before them have their pods."""
        operator = OperatorUnderTest()
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**SHARED))
        names = [f"s{number}" for number in range(2 * AT_ONCE)]
        for name in names:
            operator.apply(QUARTER, name=name)
        await operator.turn()
        for name in names:
            operator.start_pods(1, name)
        await operator.settle()
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**SHARED, schedulerName="mine"))
        await operator.turn()
        first = {w.name for w in operator.cluster.writes if w.kind == "Deployment"}
        assert len(first) == 2
        waiting = next(name for name in names if name not in first)
        await operator.turn(after=11.0)
        second = {w.name for w in operator.cluster.writes if w.kind == "Deployment"}
        assert not second
        assert "this one does later" in status_of(operator.cluster, waiting)["decision"]["message"]
        followed = [w.name for w in await turns(operator, 40) if w.kind == "Deployment"]
        assert sorted([*first, *followed]) == sorted(names)

    async def test_variants_count_one_by_one(self) -> None:
        """Those of one service that name the profile are not changed together either, though its first is on CPU."""
        operator = WithVariants()
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**SHARED))
        shares = [{"name": f"v{number}", "accelerator": QUARTER["accelerator"], "minReplicas": 1} for number in (1, 2)]
        operator.apply(with_variants(*shares))
        operator.use(in_flight=1)
        await operator.run(6)
        operator.cluster.have(ACCELERATOR_PROFILES, profile(**SHARED, schedulerName="mine"))
        assert [each for each in await operator.run(1) if each.startswith("Deployment")] == ["Deployment chat-v1"]
        assert not [each for each in await operator.run(2) if each.startswith("Deployment")]
        assert "v2: AcceleratorProfile l4 was edited" in status_of(operator.cluster)["decision"]["message"]
        for _ in range(8):
            operator.use(in_flight=1)
            followed = [each for each in await operator.run(1) if each.startswith("Deployment")]
            if followed:
                break
        assert followed == ["Deployment chat-v2"]

    async def test_an_edited_spec_waits_for_nobody(self) -> None:
        """It is its owner's."""
        operator = await served(**SHARED)
        operator.apply({**QUARTER, "accelerator": {"profile": "l4", "fraction": "0.5"}}, generation=2)
        written = await turns(operator)
        assert kinds(written).count("Deployment") == 1
        assert events(written, "ProfileEdited") == []
        assert len(events(written, "AcceleratorChanged")) == 1


def test_templates_are_not_watched() -> None:
    """They cannot be changed; an answer to an apply is no news to the store."""
    assert CLAIM_TEMPLATES not in OperatorUnderTest().store.watched
