"""A service from `kubectl apply` to `kubectl delete`, by the real operator on a real API server."""

from typing import Any

import pytest
from operated_namespace import AT_ONCE, COLLECTED_SECONDS, OperatedNamespace
from operator_process import OperatorProcess, tidegate

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

BODY = "tidegate Apply"
SCALER = "tidegate-scaler Apply scale"
OURS = {"tidegate", "tidegate-scaler"}
OTHER_IMAGE = {"engine": {"image": "e:2"}}


def pod_template(deployment: dict[str, Any]) -> Any:
    """What a rollout replaces."""
    return deployment["spec"]["template"]


def image(here: OperatedNamespace) -> str:
    """The engine's image in the Deployment."""
    found: str = pod_template(here.deployment())["spec"]["containers"][0]["image"]
    return found


def changes(here: OperatedNamespace) -> list[tuple[int, int]]:
    """The changes of size in status."""
    return [(change["from"], change["to"]) for change in here.status()["changes"]]


class TestCreation:
    """`kubectl apply`."""

    def test_a_service_gets_pods_an_address_and_a_status(self, here: OperatedNamespace) -> None:
        """Its Deployment and its Service are its own, its size is owned apart from the body, and people can read it."""
        here.apply(here.least(scaling={"minReplicas": 2}))
        here.wait_serving(pods=2)
        uid = here.read("inferenceservices")["metadata"]["uid"]
        for plural in ("deployments", "services"):
            (owner,) = here.read(plural)["metadata"]["ownerReferences"]
            assert (owner["uid"], owner["controller"]) == (uid, True)
        assert here.owners() == {BODY, SCALER}
        status = here.status()
        assert status["url"] == f"http://chat.{here.namespace}.svc:{here.port}"
        assert [status[name] for name in ("replicas", "readyReplicas", "desiredReplicas")] == [2, 2, 2]
        assert here.condition("SpecValid")[:2] == ("True", "Accepted")
        assert here.condition("ConflictingScaler")[:2] == ("False", "SoleWriter")
        assert "chat" in here.kubectl("get", "infer")
        here.wait("the Event is there", lambda: here.events("Ready"))

    def test_the_operator_leaves_no_mark_on_the_users_object(self, here: OperatedNamespace) -> None:
        """No annotation, no finalizer, no label: what stuck objects are made of."""
        here.apply(here.least())
        here.wait_serving()
        metadata = here.read("inferenceservices")["metadata"]
        assert not {"annotations", "finalizers", "labels"} & metadata.keys()


class TestEdit:
    """`kubectl edit`."""

    def test_a_new_image_rolls_the_pods_and_leaves_the_size(self, here: OperatedNamespace) -> None:
        """The body no longer claims the size, so nothing of the rollout can change it."""
        here.apply(here.least(replicas=2))
        here.wait_serving(pods=2)
        before = set(here.addresses())
        here.apply(here.least(replicas=2, **OTHER_IMAGE))
        here.wait("the image is the new one", lambda: image(here) == "e:2")
        here.wait("the pods are others", lambda: len(here.addresses()) == 2 and not before & set(here.addresses()))
        here.wait_serving(pods=2)
        assert (here.size(), here.owners()) == (2, {SCALER})

    def test_scaling_alone_rolls_nothing(self, here: OperatedNamespace) -> None:
        """The Deployment is not even written; the status speaks of the new generation."""
        here.apply(here.least())
        here.wait_serving()
        here.wait("the rollout is recorded", lambda: here.deployment()["status"].get("observedGeneration") == 1)
        before = here.deployment()["metadata"]
        here.apply(here.least(scaling={"maxReplicas": 5, "queueDepth": {"drainSeconds": 9}}))
        here.wait("the edit was seen", lambda: here.status()["observedGeneration"] == 2)
        after = here.deployment()["metadata"]
        assert (after["generation"], after["resourceVersion"]) == (before["generation"], before["resourceVersion"])


class TestPin:
    """A person's hand."""

    def test_kubectl_scale_pins_and_a_merge_patch_unpins(self, here: OperatedNamespace) -> None:
        """On the InferenceService; from then on the size follows demand again."""
        here.apply(here.least(**AT_ONCE))
        here.wait_serving()
        here.kubectl("scale", "infer", "chat", "--replicas=3")
        here.wait_size(3)
        here.wait_condition("ScalingLimited", "True", "Pinned")
        here.wait_serving(pods=3)
        here.kubectl("patch", "infer", "chat", "--type=merge", '--patch={"spec":{"replicas":null}}')
        here.wait_size(1)
        here.wait("both are listed", lambda: changes(here) == [(3, 1), (1, 3)])

    def test_the_commands_pin_and_unpin(self, here: OperatedNamespace) -> None:
        """As kubectl does, without its traps."""
        where = (f"--namespace={here.namespace}", f"--kubeconfig={here.cluster.kubeconfig}")
        here.apply(here.least(**AT_ONCE))
        here.wait_serving()
        pinned = tidegate("pin", "chat", "2", *where)
        assert pinned.returncode == 0, pinned.stderr
        here.wait_size(2)
        here.wait_serving(pods=2)
        unpinned = tidegate("unpin", "chat", *where)
        assert unpinned.returncode == 0, unpinned.stderr
        here.wait_size(1)
        missing = tidegate("pin", "nobody", "2", *where)
        assert (missing.returncode, "not found" in missing.stderr) == (1, True)

    def test_a_pin_at_zero_switches_off_and_an_unpin_on(self, here: OperatedNamespace) -> None:
        """Ready says that it is off by hand."""
        here.apply(here.least(replicas=0))
        here.wait_condition("Ready", "False", "PinnedAtZero")
        assert (here.size(), here.owners()) == (0, {SCALER})
        here.apply(here.least())
        here.wait_serving(pods=1)


class TestHealing:
    """What others do to what is ours."""

    def test_deleted_children_come_back_at_the_size_they_had(self, here: OperatedNamespace) -> None:
        """Not at the least: the load is still there."""
        here.apply(here.least(replicas=3))
        here.wait_serving(pods=3)
        here.apply(here.least())
        here.wait_condition("ScalingLimited", "True", "Stabilizing")
        uids = {plural: here.read(plural)["metadata"]["uid"] for plural in ("deployments", "services")}
        for plural in uids:
            here.delete(plural, "chat")
        for plural, uid in uids.items():
            here.wait(
                f"{plural} are new",
                lambda plural=plural, uid=uid: (found := here.find(plural)) and found["metadata"]["uid"] != uid,
            )
        here.wait_serving(pods=3)

    def test_changed_fields_are_changed_back(self, here: OperatedNamespace) -> None:
        """Whoever changed them, in the Deployment or in the Service; the size is not touched."""
        here.apply(here.least(replicas=2))
        here.wait_serving(pods=2)
        here.kubectl("set", "image", "deployment/chat", "engine=bad:1")
        here.patch("services", "chat", {"spec": {"selector": {"inference.tidegate.dev/routing": "nowhere"}}})
        here.wait("the image is ours again", lambda: image(here) == "e:1")
        here.wait(
            "the selector is ours again",
            lambda: here.read("services")["spec"]["selector"]["inference.tidegate.dev/routing"] == "serving",
        )
        here.wait_serving(pods=2)
        assert here.size() == 2

    def test_added_labels_and_annotations_of_others_stay(self, here: OperatedNamespace) -> None:
        """Only what is ours is ours."""
        here.apply(here.least())
        here.wait_serving()
        here.patch("deployments", "chat", {"metadata": {"annotations": {"team": "search"}}})
        here.apply(here.least(**OTHER_IMAGE))
        here.wait("the image is the new one", lambda: image(here) == "e:2")
        assert here.deployment()["metadata"]["annotations"]["team"] == "search"


class TestForeignScaler:
    """Somebody scales the Deployment behind our back."""

    def test_the_first_two_are_overruled_and_told_the_third_is_yielded_to(self, here: OperatedNamespace) -> None:
        """Once each, by name."""
        here.apply(here.least(**AT_ONCE))
        here.wait_serving()
        for times, replicas in ((1, 3), (2, 4)):
            here.scale("chat", replicas, manager="keda")
            here.wait(f"told for the {times}. time", lambda times=times: len(here.events("ForeignChange")) == times)
            here.wait_size(1)
            assert here.owners() == {SCALER}
            here.wait_condition("ConflictingScaler", "False", "ForeignWriter")
        here.scale("chat", 5, manager="keda")
        message = here.wait_condition("ConflictingScaler", "True", "Yielded")
        assert message.startswith("keda ")
        assert (here.size(), here.owners()) == (5, {"keda Update scale"})
        here.wait("the third is told", lambda: len(here.events("ForeignChange")) == 3)
        # As long as the new pods are not read, the size is held.
        here.wait(
            "one would do",
            lambda: (here.status()["decision"]["to"], here.status()["decision"]["applied"]) == (1, False),
        )


class TestTarget:
    """Somebody else's Deployment."""

    def test_mode_automatic_writes_its_replicas_and_nothing_else(self, here: OperatedNamespace) -> None:
        """By what the API server has recorded, and by comparison."""
        here.make_deployment("legacy", replicas=1)
        before = here.deployment("legacy")
        here.apply(here.targeting("legacy", replicas=3))
        here.wait_size(3, "legacy")
        here.wait_condition("Ready", "True", "Serving")
        after = here.deployment("legacy")
        assert {**after["spec"], "replicas": 1} == before["spec"]
        for name in ("labels", "ownerReferences", "finalizers"):
            assert after["metadata"].get(name) == before["metadata"].get(name)
        assert after["metadata"].get("annotations", {}).keys() <= {"deployment.kubernetes.io/revision"}
        ours = [entry for entry in after["metadata"]["managedFields"] if entry["manager"] in OURS]
        assert [entry["fieldsV1"] for entry in ours] == [{"f:spec": {"f:replicas": {}}}]
        assert here.find("services", "chat") is None
        assert "url" not in here.status()

    @pytest.mark.parametrize("mode", ["Advisory", "Paused"])
    def test_other_modes_write_nothing_to_it(
        self, here: OperatedNamespace, operator: OperatorProcess, mode: str
    ) -> None:
        """They look, and say what they would do."""
        here.make_deployment("legacy", replicas=1)
        here.apply(here.targeting("legacy", replicas=3, scaling={"mode": mode}))
        here.wait_condition("Ready", "True", "Serving")
        operator.wait_turns(3)
        managers = {entry["manager"] for entry in here.deployment("legacy")["metadata"]["managedFields"]}
        assert not managers & OURS
        assert (here.size("legacy"), here.status()["decision"]["applied"]) == (1, False)
        assert here.status()["desiredReplicas"] == (3 if mode == "Advisory" else 1)

    def test_advice_becomes_a_size_when_the_mode_changes(self, here: OperatedNamespace) -> None:
        """The first step after the trial."""
        here.make_deployment("legacy", replicas=1)
        here.apply(here.targeting("legacy", replicas=3, scaling={"mode": "Advisory"}))
        here.wait("advised", lambda: here.status().get("desiredReplicas") == 3)
        here.apply(here.targeting("legacy", replicas=3))
        here.wait_size(3, "legacy")


class TestDeletion:
    """`kubectl delete`."""

    @pytest.mark.parametrize("propagation", ["Background", "Foreground"])
    def test_everything_of_a_service_goes_with_it(self, here: OperatedNamespace, propagation: str) -> None:
        """In the foreground the children go first, and none is made anew meanwhile."""
        here.apply(here.least(replicas=2))
        here.wait_serving(pods=2)
        here.delete("inferenceservices", "chat", propagationPolicy=propagation)
        for plural in ("deployments", "services", "inferenceservices"):
            here.wait(f"{plural} are gone", lambda plural=plural: here.find(plural) is None, COLLECTED_SECONDS)
        here.wait("the pods are gone", lambda: not here.addresses())

    def test_a_target_stays_as_it_was_last(self, here: OperatedNamespace, operator: OperatorProcess) -> None:
        """It was never ours."""
        here.make_deployment("legacy", replicas=1)
        here.apply(here.targeting("legacy", replicas=3))
        here.wait_size(3, "legacy")
        here.delete("inferenceservices", "chat")
        here.wait("it is gone", lambda: here.find("inferenceservices") is None)
        operator.wait_turns(2)
        assert here.size("legacy") == 3

    def test_a_service_made_anew_under_its_name_starts_afresh(self, here: OperatedNamespace) -> None:
        """With children of its own, once those of the old one have gone."""
        here.apply(here.least(replicas=2))
        here.wait_serving(pods=2)
        old = here.deployment()["metadata"]["uid"]
        here.delete("inferenceservices", "chat")
        here.apply(here.least())
        here.wait(
            "it has its own",
            lambda: (found := here.find("deployments")) and found["metadata"]["uid"] != old,
            COLLECTED_SECONDS,
        )
        here.wait_serving(pods=1)
