"""Writes that must not happen if the object is no longer what was read, on a real API server (ADR 3)."""

import pytest
from deployment_under_test import Deployment

pytestmark = pytest.mark.cluster

STALE = "the object has been modified"


class TestStaleWrite:
    """A resourceVersion in the body makes any of our writes a compare-and-set."""

    def test_applying_scale_is_refused(self, deployment: Deployment) -> None:
        """Force is about owners and does not overrule it."""
        deployment.create(3)
        read = deployment.resource_version()
        deployment.apply_scale(4, force=True)
        answer = deployment.apply_scale(5, force=True, resourceVersion=read)
        assert (answer.status, deployment.replicas()) == (409, 4)
        assert STALE in answer.message

    def test_merge_patching_scale_is_refused(self, deployment: Deployment) -> None:
        """The way a gateway wakes a sleeping Deployment."""
        deployment.create(3)
        read = deployment.resource_version()
        deployment.apply_scale(4, force=True)
        patch = {"metadata": {"resourceVersion": read}, "spec": {"replicas": 5}}
        answer = deployment.api.merge_patch(f"{deployment.path}/scale", patch, manager="tidegate-gateway")
        assert (answer.status, deployment.replicas()) == (409, 4)
        assert STALE in answer.message

    def test_applying_the_body_is_refused(self, deployment: Deployment) -> None:
        """So a body with the live size in it cannot undo a size written since it was read."""
        deployment.apply_body(3)
        read = deployment.resource_version()
        deployment.kubectl("scale", "deployment/chat", "--replicas=4")
        answer = deployment.apply_body(3, resourceVersion=read)
        assert (answer.status, deployment.replicas()) == (409, 4)

    def test_a_stale_write_is_told_from_a_conflict_of_managers_by_its_causes(self, deployment: Deployment) -> None:
        """Both are 409 with reason Conflict; only the second names causes."""
        deployment.create(3)
        stale = deployment.apply_scale(5, force=True, resourceVersion="1").document
        deployment.kubectl("scale", "deployment/chat", "--replicas=4")
        conflict = deployment.apply_scale(5).document
        assert (stale["reason"], conflict["reason"]) == ("Conflict", "Conflict")
        assert "causes" not in stale["details"]
        assert conflict["details"]["causes"][0]["reason"] == "FieldManagerConflict"

    def test_of_two_writers_who_read_the_same_one_wins(self, deployment: Deployment) -> None:
        """Two gateways that wake at once write once."""
        deployment.create(0)
        deployment.settle()
        patch = {"metadata": {"resourceVersion": deployment.resource_version()}, "spec": {"replicas": 2}}
        path = f"{deployment.path}/scale"
        answers = [deployment.api.merge_patch(path, patch, manager="tidegate-gateway").status for _ in range(2)]
        assert (answers, deployment.replicas()) == ([200, 409], 2)

    def test_a_controller_that_writes_status_makes_a_read_stale(self, deployment: Deployment) -> None:
        """While pods come and go a 409 is common and means nothing but: read again."""
        deployment.create(2)
        read = deployment.resource_version()
        deployment.settle()
        assert deployment.apply_scale(5, force=True, resourceVersion=read).status == 409


class TestZero:
    """A size of zero is left out of a Scale's JSON."""

    def test_a_json_patch_cannot_test_scale_for_zero(self, deployment: Deployment) -> None:
        """So 0 to N is guarded by resourceVersion instead."""
        deployment.create(0)
        operations = [
            {"op": "test", "path": "/spec/replicas", "value": 0},
            {"op": "replace", "path": "/spec/replicas", "value": 2},
        ]
        answer = deployment.api.json_patch(f"{deployment.path}/scale", operations, manager="tidegate-gateway")
        assert (answer.status, deployment.replicas()) == (422, 0)

    def test_a_scale_of_zero_has_no_replicas(self, deployment: Deployment) -> None:
        """A reader of /scale has to take absent for zero."""
        deployment.create(0)
        assert deployment.api.get(f"{deployment.path}/scale").document["spec"] == {}


class TestIdentity:
    """Writes that must meet the object that was read, or none."""

    def test_an_apply_can_demand_that_there_is_nothing_yet(self, deployment: Deployment) -> None:
        """With a resourceVersion no object ever has, apply creates, and never adopts what somebody else made."""
        assert deployment.apply_body(3, resourceVersion="1").status == 201
        answer = deployment.apply_body(4, resourceVersion="1")
        assert (answer.status, deployment.replicas()) == (409, 3)

    def test_an_apply_can_demand_that_the_object_is_still_there(self, deployment: Deployment) -> None:
        """With the uid that was read, apply does not bring back what was deleted meanwhile."""
        answer = deployment.apply_body(3, uid="0b7dd9ec-9d0c-4f2b-8d6f-0e1ad3b2b0a4")
        assert answer.status == 409
        assert deployment.api.get(deployment.path).status == 404

    def test_scale_of_another_uid_is_refused(self, deployment: Deployment) -> None:
        """A Deployment that was deleted and made anew is not scaled by a decision about the old one."""
        deployment.create(3)
        answer = deployment.apply_scale(5, force=True, uid="0b7dd9ec-9d0c-4f2b-8d6f-0e1ad3b2b0a4")
        assert (answer.status, deployment.replicas()) == (409, 3)

    def test_scale_of_nothing_is_not_found(self, deployment: Deployment) -> None:
        """Applying through /scale creates nothing."""
        assert deployment.apply_scale(3, force=True).status == 404


def test_applying_what_is_there_already_writes_nothing(deployment: Deployment) -> None:
    """The resourceVersion stays, so nobody who watches is woken."""
    deployment.create_and_scale(3)
    deployment.settle()
    read = deployment.resource_version()
    assert deployment.apply_scale(3, force=True).status == 200
    assert deployment.apply_body().status == 200
    assert deployment.apply_body().status == 200
    assert deployment.resource_version() == read
