"""The store: what it holds, how it is looked up, and whom a change concerns."""

from collections.abc import Callable
from typing import Any

import pytest
from cluster_objects import (
    CREATED,
    LEAST,
    NAMESPACE,
    TARGETING,
    autoscaler,
    foreign_deployment,
    inference_service,
    own_deployment,
    own_service,
    pod,
    profile,
)

from tidegate.api.names import DRAINING_SINCE_ANNOTATION
from tidegate.cluster.resources import (
    ACCELERATOR_PROFILES,
    AUTOSCALERS,
    DEPLOYMENTS,
    INFERENCE_SERVICES,
    PODS,
    SERVICES,
    Resource,
)
from tidegate.controller.store import Store

CHAT = (NAMESPACE, "chat")
LEGACY = (NAMESPACE, "legacy")
WITH_GPU = {**LEAST, "accelerator": {"profile": "l4"}}
WITH_VARIANTS = {**WITH_GPU, "variants": [{"name": "cpu"}, {"name": "h100", "accelerator": {"profile": "h100"}}]}


@pytest.fixture
def store() -> Store:
    """A store with a service of each kind, that has been looked at."""
    filled = Store()
    filled.put(INFERENCE_SERVICES, inference_service(WITH_GPU))
    filled.put(INFERENCE_SERVICES, inference_service(TARGETING, name="old"))
    filled.take_dirty()
    return filled


class TestDirty:
    """What concerns a service makes it dirty, and nothing else does."""

    @pytest.mark.parametrize(
        ("resource", "document", "dirty"),
        [
            (DEPLOYMENTS, own_deployment(inference_service()), {"chat"}),
            (DEPLOYMENTS, foreign_deployment("legacy"), {"old"}),
            (DEPLOYMENTS, foreign_deployment("unrelated"), set()),
            (SERVICES, own_service(inference_service()), {"chat"}),
            (PODS, pod("chat"), {"chat"}),
            (PODS, pod("legacy"), {"old"}),
            (PODS, pod("unrelated"), set()),
            (AUTOSCALERS, autoscaler(target="legacy"), {"old"}),
            (AUTOSCALERS, autoscaler(target="chat", kind="StatefulSet"), set()),
            (ACCELERATOR_PROFILES, profile("l4"), {"chat"}),
            (ACCELERATOR_PROFILES, profile("h100"), set()),
            (INFERENCE_SERVICES, inference_service(name="new"), {"new"}),
            (INFERENCE_SERVICES, inference_service(TARGETING, name="rival"), {"rival", "old"}),
        ],
    )
    def test_what_appears_and_goes_concerns(
        self, store: Store, resource: Resource, document: dict[str, Any], dirty: set[str]
    ) -> None:
        """Coming and going alike mark those whose next decision may differ, once."""
        expected = {(NAMESPACE, name) for name in dirty}
        key = (document["metadata"].get("namespace", ""), document["metadata"]["name"])

        store.put(resource, document)
        assert store.take_dirty() == expected
        store.put(resource, document)
        assert store.take_dirty() == set()
        store.forget(resource, key)
        assert store.take_dirty() == expected

    def test_our_own_writing_of_a_status_is_no_news(self, store: Store) -> None:
        """Otherwise every status would be followed by another look, and a look by a status."""
        store.put(INFERENCE_SERVICES, inference_service(WITH_GPU, status={"replicas": 3}))
        assert store.take_dirty() == set()
        assert store.inference_services[CHAT].status == {"replicas": 3}

    def test_a_service_made_anew_under_its_name_is_news(self, store: Store) -> None:
        """It has the generation of the one before, and is another one."""
        store.put(INFERENCE_SERVICES, inference_service(WITH_GPU, uid="another"))
        assert store.take_dirty() == {CHAT}

    def test_a_changed_target_concerns_the_old_rivals_and_the_new(self, store: Store) -> None:
        """The Deployment that was let go has another driver now."""
        store.put(INFERENCE_SERVICES, inference_service(TARGETING, name="heir"))
        store.take_dirty()
        moved = {**TARGETING, "targetRef": {**TARGETING["targetRef"], "name": "chat"}}
        store.put(INFERENCE_SERVICES, inference_service(moved, name="old", generation=2))
        assert store.take_dirty() == {(NAMESPACE, "old"), (NAMESPACE, "heir"), CHAT}
        assert [driver.key[1] for driver in store.drivers_of(LEGACY)] == ["heir"]

    @pytest.mark.parametrize(
        ("resource", "document"),
        [
            (DEPLOYMENTS, foreign_deployment("chat-cpu")),
            (PODS, pod("chat-cpu")),
            (AUTOSCALERS, autoscaler(target="chat-cpu")),
            (ACCELERATOR_PROFILES, profile("h100")),
        ],
    )
    def test_what_happens_to_a_variant_concerns_its_service(
        self, store: Store, resource: Resource, document: dict[str, Any]
    ) -> None:
        """Its Deployment, its pods, whoever scales it, and its profile."""
        store.put(INFERENCE_SERVICES, inference_service(WITH_VARIANTS, generation=2))
        store.take_dirty()
        store.put(resource, document)
        assert store.take_dirty() == {CHAT}

    def test_what_is_left_of_a_variant_concerns_its_service(self, store: Store) -> None:
        """The Deployment that it owned, and its pods, also when nobody has seen the variant in the spec."""
        left = own_deployment(inference_service())
        left["metadata"]["name"] = "chat-gone"
        store.put(DEPLOYMENTS, left)
        assert store.take_dirty() == {CHAT}
        store.put(PODS, pod("chat-gone"))
        assert store.take_dirty() == {CHAT}
        assert [live.key[1] for live in store.deployments_of(store.inference_services[CHAT])] == ["chat-gone"]
        store.forget(DEPLOYMENTS, (NAMESPACE, "chat-gone"))
        assert store.take_dirty() == {CHAT}
        assert list(store.deployments_of(store.inference_services[CHAT])) == []

    @pytest.mark.parametrize(("phase", "gone_at"), [("Running", 1_000.0), ("Failed", 400.0)])
    def test_what_a_pod_costs_ends_with_its_containers(self, phase: str, gone_at: float) -> None:
        """As its node has dated that, or when it vanishes, whoever looked in between; then it is forgotten."""
        store, gone = Store(clock=lambda: 1_000.0), pod("chat")
        ended = {"state": {"terminated": {"finishedAt": "1970-01-01T00:06:40Z"}}}
        gone["status"].update(phase=phase, containerStatuses=[ended if phase == "Failed" else {"state": {}}])
        store.put(PODS, gone)
        store.forget(PODS, (NAMESPACE, gone["metadata"]["name"]))
        assert store.gone_at == {gone["metadata"]["uid"]: gone_at}
        store.take_dirty()
        assert store.gone_at == {gone["metadata"]["uid"]: gone_at}
        store.take_dirty()
        assert store.gone_at == {}

    def test_the_loop_is_woken(self, store: Store) -> None:
        """`changed` is set as long as something waits to be looked at."""
        assert not store.changed.is_set()
        store.put(PODS, pod("chat"))
        assert store.changed.is_set()
        store.take_dirty()
        assert not store.changed.is_set()


class TestLookUp:
    """The ways to look across."""

    def test_who_has_a_deployment_drives_it(self, store: Store) -> None:
        """An older service that is given a variant of a name in use takes nothing away."""
        younger = inference_service(LEAST, name="chat-cpu", creationTimestamp="2026-06-01T00:00:00Z")
        store.put(INFERENCE_SERVICES, younger)
        store.put(INFERENCE_SERVICES, inference_service(WITH_VARIANTS, generation=2))
        workload = (NAMESPACE, "chat-cpu")
        assert [driver.key[1] for driver in store.drivers_of(workload)] == ["chat", "chat-cpu"]
        store.put(DEPLOYMENTS, own_deployment(younger))
        assert [driver.key[1] for driver in store.drivers_of(workload)] == ["chat-cpu", "chat"]

    def test_pods_are_found_by_their_deployment(self, store: Store) -> None:
        """Whether there is a Deployment of that name or not."""
        store.put(PODS, pod("chat", 1))
        store.put(PODS, pod("chat", 2))
        store.put(PODS, pod("chat-2", 1))
        assert {found.key[1] for found in store.pods_of(CHAT)} == {"chat-abc-1", "chat-abc-2"}
        store.forget(PODS, (NAMESPACE, "chat-abc-1"))
        assert {found.key[1] for found in store.pods_of(CHAT)} == {"chat-abc-2"}
        store.forget(PODS, (NAMESPACE, "chat-abc-2"))
        assert list(store.pods_of(CHAT)) == []

    @pytest.mark.parametrize(
        "change",
        [
            lambda document: document["metadata"].pop("ownerReferences"),
            lambda document: document["metadata"].update(ownerReferences=None),
            lambda document: document["metadata"].update(ownerReferences=[{"kind": "Job", "name": "chat-abc"}]),
            lambda document: document["metadata"].update(labels=None),
            lambda document: document["metadata"].update(labels={"pod-template-hash": "other"}),
        ],
    )
    def test_pods_that_no_deployment_made_are_seen_and_not_kept(
        self, store: Store, change: Callable[[dict[str, Any]], object]
    ) -> None:
        """They count as seen, or the store would never be complete."""
        document = pod("chat")
        change(document)
        store.put(PODS, document)
        assert (store.pods, store.keys(PODS)) == ({}, {(NAMESPACE, "chat-abc-1")})
        store.forget(PODS, (NAMESPACE, "chat-abc-1"))
        assert store.keys(PODS) == set()

    def test_the_oldest_driver_comes_first_and_equals_are_told_by_name(self, store: Store) -> None:
        """Creation times are whole seconds; two services of one manifest have the same."""
        store.put(INFERENCE_SERVICES, inference_service(TARGETING, name="a"))
        store.put(INFERENCE_SERVICES, inference_service(TARGETING, name="z", creationTimestamp="2025-01-01T00:00:00Z"))
        assert [driver.key[1] for driver in store.drivers_of(LEGACY)] == ["z", "a", "old"]

    def test_a_claim_outlasts_a_spec_that_cannot_be_read(self, store: Store) -> None:
        """Or a younger service would take the Deployment over because of a typo, and give it back afterwards."""
        unreadable = {**TARGETING, "scaling": {"mode": "Reckless"}}
        store.put(INFERENCE_SERVICES, inference_service(unreadable, name="old", generation=2))
        assert store.inference_services[(NAMESPACE, "old")].spec is None
        assert [driver.key[1] for driver in store.drivers_of(LEGACY)] == ["old"]

    def test_two_autoscalers_are_one_too_many_until_both_are_gone(self, store: Store) -> None:
        """The first to go does not take the other's entry along."""
        store.put(AUTOSCALERS, autoscaler("a"))
        store.put(AUTOSCALERS, autoscaler("b"))
        store.forget(AUTOSCALERS, (NAMESPACE, "a"))
        left = store.autoscaler_of(CHAT)
        assert left is not None
        assert left.key[1] == "b"
        store.forget(AUTOSCALERS, (NAMESPACE, "b"))
        assert store.autoscaler_of(CHAT) is None

    def test_an_autoscaler_that_turns_to_another_deployment_leaves_this_one(self, store: Store) -> None:
        """The index follows the change."""
        store.put(AUTOSCALERS, autoscaler("a"))
        store.put(AUTOSCALERS, autoscaler("a", target="legacy"))
        assert store.autoscaler_of(CHAT) is None
        assert store.autoscaler_of(LEGACY) is not None

    def test_an_answer_that_overtook_the_watch_is_not_undone_by_it(self, store: Store) -> None:
        """A status is answered with the newest spec; the watch may deliver the one before only then."""
        before = inference_service(WITH_GPU, generation=2)
        store.put(INFERENCE_SERVICES, inference_service({**WITH_GPU, "replicas": 5}, generation=3))
        store.put(INFERENCE_SERVICES, before)
        assert store.inference_services[CHAT].generation == 3

    @pytest.mark.parametrize(
        ("versions", "kept"),
        [(("9", "10"), 4), (("10", "9"), 3), (("9", "9"), 4), (("opaque", "other"), 4)],
    )
    def test_the_newer_of_two_sizes_stays(self, store: Store, versions: tuple[str, str], kept: int) -> None:
        """Versions are compared as numbers, as the API server makes them; where they are none, the last one wins."""
        for version, replicas in zip(versions, (3, 4), strict=True):
            deployment = own_deployment(inference_service(), replicas)
            deployment["metadata"]["resourceVersion"] = version
            store.put(DEPLOYMENTS, deployment)
        assert store.deployments[CHAT].replicas == kept

    def test_an_older_state_of_a_pod_does_not_replace_a_newer_one(self, store: Store) -> None:
        """What was written on it must not be forgotten, and written on another one as well."""
        store.put(PODS, pod(resourceVersion="10", annotations={DRAINING_SINCE_ANNOTATION: CREATED}))
        store.put(PODS, pod(resourceVersion="9"))
        (record,) = store.pods_of(("default", "chat"))
        assert record.marks.drains
        store.put(PODS, pod(resourceVersion="11"))
        (record,) = store.pods_of(("default", "chat"))
        assert not record.marks.drains

    def test_an_older_status_does_not_replace_a_newer_one(self, store: Store) -> None:
        """A status is no new generation, and yet the changes in it must not be lost."""
        before = inference_service(status={"replicas": 1})
        store.put(INFERENCE_SERVICES, inference_service(status={"replicas": 2}))
        store.put(INFERENCE_SERVICES, before)
        assert store.inference_services[CHAT].status == {"replicas": 2}

    def test_an_object_made_anew_replaces_the_one_of_its_name(self, store: Store) -> None:
        """Whatever their versions."""
        store.put(INFERENCE_SERVICES, inference_service(uid="first"))
        second = inference_service(uid="second")
        second["metadata"]["resourceVersion"] = "1"
        store.put(INFERENCE_SERVICES, second)
        assert store.inference_services[CHAT].uid == "second"

    def test_forgetting_what_was_never_seen_is_nothing(self, store: Store) -> None:
        """A sweep and a watch may both tell of one deletion."""
        store.forget(DEPLOYMENTS, CHAT)
        store.forget(PODS, CHAT)
        assert store.take_dirty() == set()
