"""Bodies: when they are applied, again, not yet, and no more."""

from typing import Any

import pytest
from cluster_objects import (
    LEAST,
    NAMESPACE,
    inference_service,
    own_deployment,
    own_service,
    profile,
)
from operator_under_test import OperatorUnderTest
from recording_cluster import CONFLICT, INVALID

from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import ACCELERATOR_PROFILES, DEPLOYMENTS, INFERENCE_SERVICES, SERVICES
from tidegate.workloads import deployment as rendering

CHAT = (NAMESPACE, "chat")
OTHER_IMAGE = {**LEAST, "engine": {"type": "vLLM", "image": "e:2"}}
WITH_GPU = {**LEAST, "accelerator": {"profile": "l4"}}


async def settled(spec: dict[str, Any] = LEAST) -> OperatorUnderTest:
    """An operator with one service that is as it should be."""
    operator = OperatorUnderTest()
    operator.cluster.have(ACCELERATOR_PROFILES, profile())
    operator.apply(spec)
    await operator.turn()
    operator.start_pods(1)
    await operator.settle()
    return operator


def disturb(operator: OperatorUnderTest, field: str = "f:template", by: str = "kubectl-edit") -> None:
    """Somebody changes a field of the Deployment, and owns it from then on."""
    document = operator.cluster.found(DEPLOYMENTS, CHAT)
    metadata = document["metadata"]
    kept = []
    for entry in metadata["managedFields"]:
        fields = {name: part for name, part in entry["fieldsV1"].get("f:spec", {}).items() if name != field}
        kept.append({**entry, "fieldsV1": {**entry["fieldsV1"], "f:spec": fields}})
    theirs = {"manager": by, "operation": "Update", "fieldsV1": {"f:spec": {field: {}}}}
    version = f"{metadata['resourceVersion']}-{by}"
    changed = {**metadata, "resourceVersion": version, "managedFields": [*kept, theirs]}
    operator.cluster.have(DEPLOYMENTS, {**document, "metadata": changed})


def applied_deployment(operator: OperatorUnderTest) -> dict[str, Any]:
    """The last body of a Deployment that was sent."""
    sent = [write for write in operator.cluster.writes if write.kind == "Deployment" and not write.dry_run]
    found: dict[str, Any] = sent[-1].body
    return found


class TestCreation:
    """A body, and at once the claim of its size."""

    async def test_it_refuses_to_meet_anything(self) -> None:
        """With a version that no object has, so that what the watch has not shown yet is not taken over."""
        operator = OperatorUnderTest()
        operator.apply(LEAST)
        await operator.turn()
        bodies = [write.body for write in operator.cluster.writes if write.kind in {"Deployment", "Service"}]
        assert [body["metadata"]["resourceVersion"] for body in bodies] == ["1"] * 2

    async def test_the_size_is_claimed_at_the_version_that_was_created(self) -> None:
        """Whoever comes in between is not overwritten unseen."""
        operator = OperatorUnderTest()
        operator.apply(LEAST)
        await operator.turn()
        (claim,) = (write for write in operator.cluster.writes if write.kind == "Scale")
        assert claim.body["resourceVersion"] != "1"
        assert applied_deployment(operator)["spec"]["replicas"] == claim.body["replicas"] == 1

    async def test_a_claim_that_came_too_late_is_made_at_the_next_look(self) -> None:
        """Controllers write the new Deployment's status at once, so this is common."""
        operator = OperatorUnderTest()
        operator.apply(LEAST)
        operator.cluster.failures["Scale"] = CONFLICT
        assert await operator.turn() == ["Deployment", "Scale"]
        operator.cluster.failures.clear()
        assert await operator.turn(after=0.5) == ["Scale", "Service", "Status"]


class TestEdit:
    """What the user changes."""

    async def test_a_new_template_is_applied_without_a_size_at_the_version_and_uid_that_were_seen(self) -> None:
        """The size is the scaler's; and what is deleted in this moment must not come back."""
        operator = await settled()
        seen = operator.cluster.found(DEPLOYMENTS, CHAT)["metadata"]
        operator.apply(OTHER_IMAGE, generation=2)
        assert await operator.turn() == ["Deployment", "Status"]
        body = applied_deployment(operator)
        assert "replicas" not in body["spec"]
        assert (body["metadata"]["resourceVersion"], body["metadata"]["uid"]) == (seen["resourceVersion"], seen["uid"])

    @pytest.mark.parametrize(
        "change", [{"scaling": {"maxReplicas": 5}}, {"replicas": 1}, {"scaling": {"queueDepth": {"drainSeconds": 9}}}]
    )
    async def test_scaling_alone_applies_no_body(self, change: dict[str, Any]) -> None:
        """No pod is another one for it."""
        operator = await settled()
        operator.apply({**LEAST, **change}, generation=2)
        assert set(await operator.turn()) <= {"Status", "Event"}

    async def test_a_changed_profile_is_applied(self) -> None:
        """It is half of the inputs."""
        operator = await settled(WITH_GPU)
        operator.cluster.have(ACCELERATOR_PROFILES, profile(nodeLabels={"gpu": "l4"}))
        assert "Deployment" in await operator.turn()

    async def test_without_its_profile_a_service_keeps_running_and_scaling(self) -> None:
        """Only the body waits; the profile's return mends it."""
        operator = await settled(WITH_GPU)
        operator.cluster.lose(ACCELERATOR_PROFILES, ("", "l4"))
        operator.apply({**WITH_GPU, "replicas": 3, "engine": OTHER_IMAGE["engine"]}, generation=2)
        assert set(await operator.turn()) == {"Scale", "Status", "Event"}
        assert operator.condition("SpecValid")[:2] == ("False", "UnknownProfile")
        assert operator.condition("Ready")[0] == "True"
        operator.cluster.have(ACCELERATOR_PROFILES, profile())
        assert "Deployment" in await operator.turn()
        await operator.turn()
        assert operator.condition("SpecValid")[:2] == ("True", "Accepted")

    async def test_a_template_that_cannot_be_laid_over_is_told_and_nothing_is_applied(self) -> None:
        """The message names the field, as it is written in the user's object."""
        operator = await settled()
        twice = {"spec": {"initContainers": [{"name": "engine"}]}}
        operator.apply({**LEAST, "template": twice}, generation=2)
        assert "Deployment" not in await operator.turn()
        status, reason, message = operator.condition("SpecValid")
        assert (status, reason) == ("False", "TemplateConflict")
        assert "spec.template.spec.initContainers[0].name" in message

    async def test_a_new_version_of_the_operator_restarts_no_pod(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The body it would make is another one; it comes with the user's next change."""
        operator = await settled()
        monkeypatch.setattr(rendering, "RENDER_VERSION", "next")
        monkeypatch.setattr(rendering, "REVISION_HISTORY_LIMIT", 7)
        operator.restart()
        assert [kind for _ in range(3) for kind in await operator.turn() if kind != "Status"] == []
        operator.apply(OTHER_IMAGE, generation=2)
        assert "Deployment" in await operator.turn()
        assert applied_deployment(operator)["spec"]["revisionHistoryLimit"] == 7


class TestHealing:
    """What others change."""

    async def test_a_changed_field_is_applied_again(self) -> None:
        """Once, and that is all."""
        operator = await settled()
        disturb(operator)
        assert await operator.turn() == ["Deployment"]
        assert await operator.turn() == []

    async def test_a_changed_service_is_applied_again(self) -> None:
        """As the Deployment is."""
        operator = await settled()
        document = own_service(inference_service())
        document["metadata"]["managedFields"] = []
        operator.cluster.have(SERVICES, document)
        assert await operator.turn() == ["Service"]

    async def test_after_three_applies_that_do_not_last_it_stops_and_names_the_other_writer(self) -> None:
        """Two tools that revert each other would restart pods for ever."""
        operator = await settled()
        applies = 0
        for _ in range(6):
            disturb(operator, by="argocd-controller")
            applies += (await operator.turn(after=60.0)).count("Deployment")
        assert applies == 3
        status, reason, message = operator.condition("SpecValid")
        assert (status, reason) == ("False", "NotConverging")
        assert "argocd-controller" in message
        assert "spec.template" in message
        assert operator.condition("Ready")[0] == "True"

    async def test_another_spec_is_tried_though_the_last_was_given_up(self) -> None:
        """The other writer may have been told off meanwhile."""
        operator = await settled()
        for _ in range(4):
            disturb(operator)
            await operator.turn(after=60.0)
        operator.apply(OTHER_IMAGE, generation=2)
        assert "Deployment" in await operator.turn()


class TestRefusal:
    """What the API server does not take."""

    async def test_it_is_told_in_its_own_words_and_tried_again_ever_more_seldom(self) -> None:
        """After 15 s, 60 s and then every 5 minutes: quotas, rights and webhooks change."""
        operator = await settled()
        operator.cluster.failures["Deployment"] = INVALID
        operator.apply(OTHER_IMAGE, generation=2)
        tried, since = [], 0.0
        for _ in range(170):
            await operator.turn()
            since += operator.tick_seconds
            if any(write.kind == "Deployment" for write in operator.cluster.writes):
                tried.append(since)
                since = 0.0
        assert tried == [5.0, 15.0, 60.0, 300.0, 300.0]
        status, reason, message = operator.condition("SpecValid")
        assert (status, reason) == ("False", "RejectedByAPIServer")
        assert INVALID.message in message
        assert operator.condition("Ready")[0] == "True"

    async def test_an_api_server_that_cannot_read_a_body_says_so_with_500(self) -> None:
        """Unknown fields, wrong types and bad quantities in a server-side apply: the user must read of them."""
        operator = await settled()
        unreadable = ClusterError(500, "", "failed to create typed patch object: .imagee: field not declared in schema")
        operator.cluster.failures["Deployment"] = unreadable
        operator.apply(OTHER_IMAGE, generation=2)
        await operator.turn()
        await operator.turn()
        status, reason, message = operator.condition("SpecValid")
        assert (status, reason) == ("False", "RejectedByAPIServer")
        assert ".imagee: field not declared" in message
        assert "spec.template" in message

    async def test_another_body_is_tried_at_once(self) -> None:
        """The user has mended it."""
        operator = await settled()
        operator.cluster.failures["Deployment"] = INVALID
        operator.apply(OTHER_IMAGE, generation=2)
        await operator.turn()
        operator.cluster.failures.clear()
        operator.apply({**LEAST, "engine": {"type": "vLLM", "image": "e:3"}}, generation=3)
        assert "Deployment" in await operator.turn()
        await operator.turn()
        assert operator.condition("SpecValid")[:2] == ("True", "Accepted")

    async def test_a_refused_deployment_does_not_keep_the_service_from_being_made(self) -> None:
        """One child at a time."""
        operator = OperatorUnderTest()
        operator.cluster.failures["Deployment"] = INVALID
        operator.apply(LEAST)
        await operator.turn()
        assert "Service" in await operator.turn(after=0.5)
        assert operator.condition("Ready")[:2] == ("False", "RejectedByAPIServer")


async def test_a_deployment_that_is_being_deleted_is_waited_for() -> None:
    """It is neither scaled nor mended; when it is gone it is made anew."""
    operator = await settled()
    document = own_deployment(inference_service(), 1)
    document["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    operator.cluster.have(DEPLOYMENTS, document)
    assert set(await operator.turn()) <= {"Status", "Event"}
    assert "being deleted" in operator.condition("Ready")[2]
    operator.cluster.lose(DEPLOYMENTS, CHAT)
    assert "Deployment" in await operator.turn()


async def test_somebody_elses_deployment_is_neither_adopted_nor_told_of_as_ours() -> None:
    """Its pods, its size and its selector are not the service's."""
    operator = OperatorUnderTest()
    operator.cluster.have(DEPLOYMENTS, own_deployment(inference_service(uid="another"), 3))
    operator.start_pods(3)
    operator.apply(LEAST)
    assert set(await operator.turn()) == {"Status", "Event"}
    status = operator.cluster.found(INFERENCE_SERVICES, CHAT)["status"]
    told = [status[name] for name in ("replicas", "readyReplicas", "desiredReplicas", "selector")]
    assert told == [0, 0, 0, ""]
    assert operator.condition("SpecValid")[:2] == ("False", "NameTaken")


async def test_pods_that_run_are_told_of_though_the_spec_cannot_be_read() -> None:
    """They are left alone, and `kubectl get` must not say that there are none."""
    operator = await settled()
    operator.apply({**LEAST, "engine": {"type": "NextYears", "image": "i"}}, generation=2)
    assert set(await operator.turn()) == {"Status", "Event"}
    status = operator.cluster.found(INFERENCE_SERVICES, CHAT)["status"]
    assert [status[name] for name in ("replicas", "readyReplicas", "desiredReplicas")] == [1, 1, 1]
