"""What the API server cannot refuse at `kubectl apply`: a condition names it and the fix, and nobody else suffers.

All of it lies side by side in one namespace, with one service that is fine.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from custom_resources import Document
from custom_resources import profile as accelerator_profile
from operated_namespace import OperatedNamespace
from operator_process import Engines, OperatorProcess

from live_cluster import LiveCluster

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

PROFILE = f"test-{secrets.token_hex(4)}"
OFFICE = {"name": "office", "start": "0 8 * * *", "end": "0 18 * * *", "timeZone": "UTC", "minReplicas": 2}
OVERLAY = {
    "a mount without its volume": {"volumeMounts": [{"name": "nowhere", "mountPath": "/models"}]},
    "a quantity that is none": {"resources": {"limits": {"cpu": "lots"}}},
    "an unknown field": {"imagePullPolicee": "Always"},
    "a number for a string": {"workingDir": 7},
    "a name twice": {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
}


@dataclass(frozen=True, slots=True)
class Bad:
    """One row.

    Attributes:
        spec: Makes the spec.
        reason: Of SpecValid.
        says: Parts of its message.
        before: Makes what must be there first.
    """

    spec: Callable[[OperatedNamespace], Document]
    reason: str
    says: tuple[str, ...]
    before: Callable[[OperatedNamespace, str], None] = lambda _, __: None


def overlay(part: dict[str, Any]) -> Callable[[OperatedNamespace], Document]:
    """A spec whose engine container gets a part."""
    template = {"spec": {"containers": [{"name": "engine", **part}]}}
    return lambda here: here.least(template=template)


def autoscaled(here: OperatedNamespace, name: str) -> None:
    """A target with a HorizontalPodAutoscaler on it."""
    here.make_deployment(name)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3}
    here.create("/apis/autoscaling/v2", "horizontalpodautoscalers", {"metadata": {"name": name}, "spec": spec})


def driven(here: OperatedNamespace, name: str) -> None:
    """A target that another service drives already: it is older, or of the same second and first by name."""
    here.make_deployment(name)
    here.apply(here.targeting(name, scaling={"mode": "Advisory"}), "a-first-driver")


def kubernetes_service(here: OperatedNamespace, name: str) -> None:
    """A Service of that name."""
    here.create("/api/v1", "services", {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}})


BAD = {
    "target-missing": Bad(
        lambda here: here.targeting("nobody"), "TargetNotFound", ("spec.targetRef.name", "'nobody'", "create it")
    ),
    "target-driven": Bad(
        lambda here: here.targeting("target-driven"),
        "TargetClaimed",
        ("'target-driven'", "'a-first-driver'", "delete one"),
        driven,
    ),
    "target-autoscaled": Bad(
        lambda here: here.targeting("target-autoscaled"),
        "TargetHasAutoscaler",
        ("HorizontalPodAutoscaler 'target-autoscaled'", "delete it", "Advisory"),
        autoscaled,
    ),
    "profile-unknown": Bad(
        lambda here: here.least(accelerator={"profile": PROFILE}),
        "UnknownProfile",
        ("spec.accelerator.profile", PROFILE, "create it"),
    ),
    "schedule-nowhere": Bad(
        lambda here: here.least(scaling={"schedules": [{**OFFICE, "timeZone": "Europe/Bonn"}]}),
        "InvalidSchedule",
        ("spec.scaling.schedules[name=office].timeZone", "'Europe/Bonn'", "write it like Europe/Paris"),
    ),
    "schedule-never": Bad(
        lambda here: here.least(scaling={"schedules": [{**OFFICE, "end": "0 8 31 4 *"}]}),
        "InvalidSchedule",
        ("spec.scaling.schedules[name=office].end", "'0 8 31 4 *'", "give five cron fields"),
    ),
    "deployment-taken": Bad(
        lambda here: here.least(),
        "NameTaken",
        ("a Deployment 'deployment-taken'", "not adopted", "targetRef"),
        lambda here, name: here.make_deployment(name),
    ),
    "service-taken": Bad(
        lambda here: here.least(), "NameTaken", ("a Service 'service-taken'", "another name"), kubernetes_service
    ),
    "engine-in-init": Bad(
        lambda here: here.least(template={"spec": {"initContainers": [{"name": "engine", "image": "i"}]}}),
        "TemplateConflict",
        ("spec.template.spec.initContainers[0].name", "choose another"),
    ),
    "mount-bad": Bad(
        overlay(OVERLAY["a mount without its volume"]),
        "RejectedByAPIServer",
        ("the API server refuses the Deployment", "spec.template", "volumeMounts[0].name", '"nowhere"'),
    ),
    "quantity-bad": Bad(
        overlay(OVERLAY["a quantity that is none"]), "RejectedByAPIServer", ("refuses the Deployment", "quantit")
    ),
    "field-unknown": Bad(
        overlay(OVERLAY["an unknown field"]), "RejectedByAPIServer", ("imagePullPolicee", "spec.template")
    ),
    "type-wrong": Bad(overlay(OVERLAY["a number for a string"]), "RejectedByAPIServer", ("workingDir",)),
    "env-twice": Bad(overlay(OVERLAY["a name twice"]), "RejectedByAPIServer", ("env", "duplicate")),
}

each_bad = pytest.mark.parametrize("name", BAD)


@pytest.fixture(scope="module")
def crowd(crds: LiveCluster, operator: OperatorProcess, engines: Engines) -> Iterator[OperatedNamespace]:
    """A namespace with all of them, and a good one that was there before."""
    del operator
    namespace = f"test-{secrets.token_hex(4)}"
    made = crds.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert made.status == 201, made.message
    here = OperatedNamespace(crds, namespace, engines.port)
    for name, bad in BAD.items():
        bad.before(here, name)
        here.apply(bad.spec(here), name)
    here.apply(here.least(), "good")
    yield here
    crds.api.request("DELETE", f"/api/v1/namespaces/{namespace}")


class TestBadInput:
    """Side by side."""

    @each_bad
    def test_a_condition_names_it_and_the_fix(self, crowd: OperatedNamespace, name: str) -> None:
        """And Ready says the same, where no pods run."""
        bad = BAD[name]
        message = crowd.wait_condition("SpecValid", "False", bad.reason, name)
        for part in bad.says:
            assert part in message
        crowd.wait("Ready is told, too", lambda: crowd.condition("Ready", name)[:2] == ("False", bad.reason))
        assert crowd.status(name)["observedGeneration"] == 1
        crowd.wait("it is told as an Event", lambda: crowd.events(bad.reason, name))

    def test_the_others_are_served(self, crowd: OperatedNamespace) -> None:
        """One bad service is nobody else's business."""
        crowd.wait_serving("good", pods=1)
        crowd.wait_serving("a-first-driver", pods=2)

    def test_nothing_of_others_was_touched(self, crowd: OperatedNamespace) -> None:
        """No field of it is ours."""
        for plural, name in (
            ("deployments", "deployment-taken"),
            ("services", "service-taken"),
            ("deployments", "target-driven"),
            ("deployments", "target-autoscaled"),
        ):
            found = crowd.read(plural, name)["metadata"]
            managers = {entry["manager"] for entry in found["managedFields"]}
            assert not managers & {"tidegate", "tidegate-scaler"}
            assert "ownerReferences" not in found

    def test_nothing_was_made_for_what_cannot_run(self, crowd: OperatedNamespace) -> None:
        """No half of a service."""
        for name in ("profile-unknown", "schedule-nowhere", "engine-in-init", "mount-bad", "service-taken"):
            assert crowd.find("deployments", name) is None


class TestRecovery:
    """Whoever mends it need not tell us."""

    def test_a_target_that_appears_is_taken_up(self, here: OperatedNamespace) -> None:
        """Within moments."""
        here.apply(here.targeting("late", replicas=2))
        here.wait_condition("SpecValid", "False", "TargetNotFound")
        here.make_deployment("late", replicas=1)
        here.wait_size(2, "late")
        here.wait_condition("SpecValid", "True", "Accepted")

    def test_a_profile_that_appears_is_used(self, here: OperatedNamespace) -> None:
        """Its resource is asked for."""
        profile = f"test-{secrets.token_hex(4)}"
        here.apply(here.least(accelerator={"profile": profile, "count": 2}))
        here.wait_condition("SpecValid", "False", "UnknownProfile")
        document = accelerator_profile(
            {"resourceName": "nvidia.com/gpu", "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]},
            profile,
        )
        path = here.resources.path("AcceleratorProfile")
        assert here.cluster.api.request("POST", path, document).status == 201
        try:
            here.wait_serving(pods=1)
            container = here.deployment()["spec"]["template"]["spec"]["containers"][0]
            assert container["resources"]["limits"] == {"nvidia.com/gpu": "2"}
        finally:
            here.cluster.api.request("DELETE", f"{path}/{profile}")

    def test_a_name_that_becomes_free_is_taken(self, here: OperatedNamespace) -> None:
        """As the message has promised."""
        here.make_deployment("chat")
        here.apply(here.least())
        here.wait_condition("SpecValid", "False", "NameTaken")
        here.delete("deployments", "chat")
        here.wait_serving(pods=1)

    def test_a_bad_edit_of_a_service_that_runs_leaves_its_pods_alone_and_is_mended_by_a_good_one(
        self, here: OperatedNamespace
    ) -> None:
        """The pods serve on, and their size still follows."""
        here.apply(here.least(replicas=1))
        here.wait_serving(pods=1)
        generation = here.deployment()["metadata"]["generation"]
        (address,) = here.addresses()
        here.apply(here.least(replicas=1, template=_mount()))
        here.wait_condition("SpecValid", "False", "RejectedByAPIServer")
        assert (here.deployment()["metadata"]["generation"], here.addresses()) == (generation, [address])
        assert here.condition("Ready")[:2] == ("True", "Serving")
        here.apply(here.least(replicas=2, template=_mount()))
        here.wait_size(2)
        here.apply(here.least(replicas=2, engine={"image": "e:2"}))
        here.wait_condition("SpecValid", "True", "Accepted")
        here.wait_serving(pods=2)

    def test_an_older_driver_that_goes_leaves_its_target_to_the_next(self, here: OperatedNamespace) -> None:
        """There is always one who drives, and never two."""
        here.make_deployment("shared", replicas=1)
        here.apply(here.targeting("shared", replicas=2), "a")
        here.wait_size(2, "shared")
        here.apply(here.targeting("shared", replicas=3), "b")
        here.wait_condition("SpecValid", "False", "TargetClaimed", "b")
        here.delete("inferenceservices", "a")
        here.wait_size(3, "shared")


def _mount() -> Document:
    return {"spec": {"containers": [{"name": "engine", **OVERLAY["a mount without its volume"]}]}}
