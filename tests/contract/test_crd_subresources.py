"""`/status` and `/scale` of an InferenceService, on a real API server (see also ADR 3 on who owns replicas)."""

from typing import Any

import pytest
from custom_resources import LEAST, CustomResources

from tidegate.api.names import FIELD_MANAGER_BODY

pytestmark = pytest.mark.cluster

TIME = "2026-01-01T00:00:00Z"


def condition(kind: str, reason: str) -> dict[str, Any]:
    """A condition that is true."""
    return {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": TIME}


class TestStatus:
    """Status is written apart from spec."""

    def test_a_write_of_the_object_leaves_status_alone(self, resources: CustomResources) -> None:
        """What a user writes there is dropped, on creation and later."""
        resources.create(LEAST)
        resources.patch({"status": {"desiredReplicas": 9}})
        assert "status" not in resources.read()

    def test_a_write_of_status_leaves_the_spec_alone(self, resources: CustomResources) -> None:
        """The operator could not change what a user wants by mistake; and the generation stays."""
        created = resources.create(LEAST)
        answer = resources.patch({"status": {"desiredReplicas": 3}, "spec": {"replicas": 7}}, "status")
        assert answer.status == 200
        found = resources.read()
        assert (found["spec"], found["metadata"]["generation"]) == (created["spec"], created["metadata"]["generation"])
        assert found["status"]["desiredReplicas"] == 3

    def test_a_change_of_the_spec_is_a_new_generation(self, resources: CustomResources) -> None:
        """Which `observedGeneration` is compared with."""
        before = resources.create(LEAST)["metadata"]["generation"]
        resources.patch({"spec": {"replicas": 2}})
        assert resources.read()["metadata"]["generation"] == before + 1

    def test_two_writers_of_conditions_do_not_meet(self, resources: CustomResources) -> None:
        """Conditions are told apart by their type: server-side apply merges them one by one."""
        resources.create(LEAST)
        path = f"{resources.path(name='chat')}/status"
        base = {"apiVersion": "inference.tidegate.dev/v1alpha1", "kind": "InferenceService"}
        for manager, kind, reason in ((FIELD_MANAGER_BODY, "Ready", "Serving"), ("somebody", "Audited", "Passed")):
            body = {**base, "metadata": {"name": "chat"}, "status": {"conditions": [condition(kind, reason)]}}
            answer = resources.api.apply(path, body, manager=manager)
            assert answer.status == 200, answer.message
        assert [found["type"] for found in resources.read()["status"]["conditions"]] == ["Ready", "Audited"]

    @pytest.mark.parametrize(
        ("status", "says"),
        [
            ({"conditions": [{**condition("Ready", "Serving"), "status": "Maybe"}]}, 'Unsupported value: "Maybe"'),
            ({"conditions": [{**condition("Ready", "")}]}, "reason in body should be at least 1 chars long"),
            ({"conditions": [condition("Ready", "A"), condition("Ready", "B")]}, "Duplicate value"),
            (
                {"replicas": -1},
                "status.replicas: Invalid value: -1: replicas in body should be greater than or equal to 0",
            ),
            ({"changes": [{"time": TIME, "from": 1, "to": 2, "reason": "R", "message": ""}] * 11}, "Too many: 11"),
            ({"decision": {"time": "yesterday"}}, 'status.decision.time: Invalid value: "yesterday"'),
        ],
    )
    def test_it_has_a_schema_of_its_own(self, resources: CustomResources, status: dict[str, Any], says: str) -> None:
        """A status that breaks the promises of the API is refused like a spec."""
        resources.create(LEAST)
        answer = resources.patch({"status": status}, "status")
        assert answer.status == 422
        assert says in answer.message

    def test_fields_named_from_are_kept(self, resources: CustomResources) -> None:
        """`from` is a word of Python, but a field of the API."""
        resources.create(LEAST)
        change = {"time": TIME, "from": 1, "to": 2, "reason": "Throughput", "message": "more tokens arrive"}
        assert resources.patch({"status": {"changes": [change]}}, "status").status == 200
        assert resources.read()["status"]["changes"] == [change]


class TestScale:
    """`/scale`: kubectl pins by it, an HPA cannot attach to it."""

    def test_of_a_service_that_is_not_pinned_cannot_be_read(self, resources: CustomResources) -> None:
        """Which stops an HPA from scaling what Tidegate scales."""
        resources.create(LEAST)
        answer = resources.api.get(f"{resources.path(name='chat')}/scale")
        assert answer.status == 500
        assert "the spec replicas field" in answer.message

    def test_kubectl_scale_pins(self, resources: CustomResources) -> None:
        """Although it cannot be read."""
        resources.create(LEAST)
        resources.kubectl("scale", "--replicas=3", "infer/chat")
        assert resources.read()["spec"]["replicas"] == 3

    def test_of_a_pinned_service_shows_size_and_selector(self, resources: CustomResources) -> None:
        """The size wanted, the pods there are, and how to find them."""
        resources.create(LEAST | {"replicas": 2})
        resources.patch({"status": {"replicas": 1, "selector": "a=b"}}, "status")
        found = resources.api.get(f"{resources.path(name='chat')}/scale").document
        assert found["spec"] == {"replicas": 2}
        assert found["status"] == {"replicas": 1, "selector": "a=b"}

    def test_null_on_scale_switches_off(self, resources: CustomResources) -> None:
        """It sets 0 and does not unpin: a trap that docs and commands must lead around."""
        resources.create(LEAST | {"replicas": 2})
        answer = resources.patch({"spec": {"replicas": None}}, "scale")
        assert answer.status == 200, answer.message
        assert resources.read()["spec"]["replicas"] == 0

    def test_null_on_the_object_unpins(self, resources: CustomResources) -> None:
        """The command that the field's description gives."""
        resources.create(LEAST | {"replicas": 2})
        resources.kubectl("patch", "infer", "chat", "--type=merge", '--patch={"spec":{"replicas":null}}')
        assert "replicas" not in resources.read()["spec"]

    @pytest.mark.parametrize("replicas", [-1, 1001])
    def test_a_size_out_of_bounds_is_refused(self, resources: CustomResources, replicas: int) -> None:
        """As it is on the object."""
        resources.create(LEAST)
        answer = resources.patch({"spec": {"replicas": replicas}}, "scale")
        assert answer.status == 422
        assert f"spec.replicas: Invalid value: {replicas}" in answer.message
        assert "replicas" not in resources.read()["spec"]

    def test_a_pin_is_no_bound(self, resources: CustomResources) -> None:
        """A hand may pin above the maximum and below the minimum."""
        resources.create(LEAST | {"scaling": {"minReplicas": 2, "maxReplicas": 3}})
        for replicas in (0, 1, 9):
            resources.kubectl("scale", f"--replicas={replicas}", "infer/chat")
            assert resources.read()["spec"]["replicas"] == replicas
