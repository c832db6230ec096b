"""Who owns `spec.replicas` of a Deployment after which write, on a real API server (ADR 3)."""

from collections.abc import Callable

import pytest
from deployment_under_test import Deployment
from writers import WRITERS, Writer

pytestmark = pytest.mark.cluster

BODY = "tidegate Apply"
SCALER = "tidegate-scaler Apply scale"
HPA_PATH = "/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"

each_writer = pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())


class TestCreation:
    """Created with N by the body, owned at once through /scale."""

    def test_the_body_alone_owns_the_size_between_the_two_writes(self, deployment: Deployment) -> None:
        """This is what a crash between them leaves behind."""
        deployment.apply_body(3)
        assert deployment.owners() == {BODY}

    @pytest.mark.parametrize("force", [False, True])
    def test_an_equal_size_through_scale_is_shared_with_the_body(self, deployment: Deployment, *, force: bool) -> None:
        """Equal values conflict with nobody, and force takes a claim away only where values differ."""
        deployment.apply_body(3)
        assert deployment.apply_scale(3, force=force).status == 200
        assert deployment.owners() == {BODY, SCALER}

    def test_the_next_size_needs_force_while_the_body_shares_it(self, deployment: Deployment) -> None:
        """Without force the answer is 409 and names our own body manager."""
        deployment.create(3)
        answer = deployment.apply_scale(5)
        assert (answer.status, deployment.replicas()) == (409, 3)
        assert answer.message == 'Apply failed with 1 conflict: conflict with "tidegate": .spec.replicas'

    def test_the_next_size_with_force_has_one_owner(self, deployment: Deployment) -> None:
        """From the first change on, the size belongs to the scaler alone."""
        deployment.create(3)
        assert deployment.apply_scale(5, force=True).status == 200
        assert (deployment.replicas(), deployment.owners()) == (5, {SCALER})

    def test_the_body_lets_go_when_it_is_applied_without_a_size(self, deployment: Deployment) -> None:
        """The other way out of the shared state; the size stays."""
        deployment.create(3)
        assert deployment.apply_body().status == 200
        assert (deployment.replicas(), deployment.owners()) == (3, {SCALER})


class TestBodyWithoutSize:
    """The body leaves the size out unless it is its only owner."""

    @pytest.mark.parametrize("size", [0, 3])
    def test_the_size_becomes_one_if_the_body_was_its_only_owner(self, deployment: Deployment, size: int) -> None:
        """After a crash between the two writes a body without a size would start, or stop, pods."""
        deployment.apply_body(size)
        deployment.apply_body()
        assert (deployment.replicas(), deployment.owners()) == (1, set())

    @pytest.mark.parametrize("size", [0, 3])
    def test_the_live_size_in_the_body_keeps_it(self, deployment: Deployment, size: int) -> None:
        """The way to heal a body after such a crash when the size may not be written (Advisory, Paused)."""
        deployment.apply_body(size)
        deployment.apply_body(deployment.replicas())
        assert (deployment.replicas(), deployment.owners()) == (size, {BODY})

    @pytest.mark.parametrize("size", [0, 3])
    def test_scale_first_and_body_after_keeps_it(self, deployment: Deployment, size: int) -> None:
        """The way to finish an interrupted creation when the size may be written."""
        deployment.apply_body(size)
        deployment.apply_scale(size, force=True)
        deployment.apply_body()
        assert (deployment.replicas(), deployment.owners()) == (size, {SCALER})

    @each_writer
    def test_a_foreign_size_written_into_the_gap_is_kept(self, deployment: Deployment, writer: Writer) -> None:
        """Whoever wrote after the crash owns the size, on whatever subresource: the body can leave it out."""
        deployment.apply_body(3)
        writer.write(deployment, 7)
        assert deployment.owners() == {writer.owner}
        deployment.apply_body()
        assert (deployment.replicas(), deployment.owners()) == (7, {writer.owner})

    def test_a_size_owned_by_nobody_is_kept(self, deployment: Deployment) -> None:
        """Leaving out takes away only what the same manager had put in."""
        deployment.apply_body()
        deployment.kubectl("scale", "deployment/chat", "--replicas=4")
        deployment.apply_body()
        assert (deployment.replicas(), deployment.owners()) == (4, set())


class TestForeignWriter:
    """Somebody else writes the size of a Deployment that the scaler owns."""

    @each_writer
    def test_another_size_is_theirs_alone(self, deployment: Deployment, writer: Writer) -> None:
        """So one look at managedFields tells who changed it, and on which subresource."""
        deployment.create_and_scale(3)
        writer.write(deployment, 7)
        assert (deployment.replicas(), deployment.owners()) == (7, {writer.owner})

    @each_writer
    def test_without_force_the_scaler_is_refused_and_told_who(self, deployment: Deployment, writer: Writer) -> None:
        """The conflict names manager and field, and is marked as one of managers."""
        deployment.create_and_scale(3)
        writer.write(deployment, 7)
        answer = deployment.apply_scale(5)
        assert (answer.status, deployment.replicas()) == (409, 7)
        (cause,) = answer.document["details"]["causes"]
        assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".spec.replicas")
        assert f'conflict with "{writer.owner.split()[0]}"' in cause["message"]

    @each_writer
    def test_with_force_the_scaler_is_the_only_owner_again(self, deployment: Deployment, writer: Writer) -> None:
        """Nothing of the foreign claim is left to conflict with later."""
        deployment.create_and_scale(3)
        writer.write(deployment, 7)
        assert deployment.apply_scale(5, force=True).status == 200
        assert (deployment.replicas(), deployment.owners()) == (5, {SCALER})

    @each_writer
    def test_agreeing_with_them_shares_the_size(self, deployment: Deployment, writer: Writer) -> None:
        """Force at an equal value leaves their claim: shared is not foreign, so long as the scaler is among them.

        An Update entry that owns more than the size is split in two of one name by the API server, and the next write
        of anybody, of a controller's status even, drops the part with the size.
        """
        deployment.create_and_scale(3)
        writer.write(deployment, 7)
        assert deployment.apply_scale(7, force=True).status == 200
        note = {"metadata": {"annotations": {"note": "anything"}}}
        assert deployment.api.merge_patch(deployment.path, note, manager="anybody").status == 200
        shared = {SCALER} if writer.owns_more else {SCALER, writer.owner}
        assert (deployment.replicas(), deployment.owners()) == (7, shared)

    def test_kubectl_edit_is_an_update_of_the_deployment(
        self, deployment: Deployment, editor: Callable[[int], str]
    ) -> None:
        """It is recorded as kubectl-edit, on no subresource."""
        deployment.create_and_scale(3)
        deployment.kubectl("edit", "deployment/chat", KUBE_EDITOR=editor(7))
        assert (deployment.replicas(), deployment.owners()) == (7, {"kubectl-edit Update"})
        assert deployment.apply_scale(5, force=True).status == 200
        assert deployment.owners() == {SCALER}

    def test_an_autoscaler_writes_scale_as_the_controller_manager(self, deployment: Deployment) -> None:
        """A HorizontalPodAutoscaler (and KEDA, which makes one) is kube-controller-manager on subresource scale."""
        deployment.create_and_scale(3)
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}
        cpu = {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
        }
        spec = {"scaleTargetRef": target, "minReplicas": 5, "maxReplicas": 9, "metrics": [cpu]}
        path = HPA_PATH.format(namespace=deployment.namespace)
        assert deployment.api.request("POST", path, {"metadata": {"name": "chat"}, "spec": spec}).status == 201
        deployment.wait_until(lambda found: found["spec"]["replicas"] == 5)
        assert deployment.owners() == {"kube-controller-manager Update scale"}

    def test_the_time_of_a_write_through_scale_is_not_recorded(self, deployment: Deployment) -> None:
        """So how often somebody interfered has to be counted from what was seen, not read from managedFields."""
        deployment.create_and_scale(3)
        deployment.kubectl("scale", "deployment/chat", "--replicas=7")
        (entry,) = (entry for entry in deployment.managed_fields() if entry.get("subresource") == "scale")
        assert "time" not in entry


class TestZero:
    """A Scale of zero has no replicas in its JSON, so at zero /scale looks to the API server as if it said nothing."""

    def test_creating_at_zero_needs_force(self, deployment: Deployment) -> None:
        """Zero never equals zero: without force the scaler is refused, with it the size is its own at once."""
        deployment.apply_body(0)
        assert deployment.apply_scale(0).status == 409
        assert deployment.apply_scale(0, force=True).status == 200
        assert (deployment.replicas(), deployment.owners()) == (0, {SCALER})

    def test_the_scaler_owns_the_zero_it_applied(self, deployment: Deployment) -> None:
        """The body can leave it out."""
        deployment.create_and_scale(3)
        deployment.apply_scale(0, force=True)
        deployment.apply_body()
        assert (deployment.replicas(), deployment.owners()) == (0, {SCALER})

    @each_writer
    def test_a_foreign_zero_through_scale_has_no_owner(self, deployment: Deployment, writer: Writer) -> None:
        """The scaler's claim goes and nobody's comes: a zero it did not write is foreign, by whom cannot be told."""
        deployment.create_and_scale(3)
        writer.write(deployment, 0)
        unseen = writer.owner.endswith(" scale")
        assert (deployment.replicas(), deployment.owners()) == (0, set() if unseen else {writer.owner})

    @each_writer
    def test_a_foreign_zero_is_kept_by_the_body_and_overruled_by_force(
        self, deployment: Deployment, writer: Writer
    ) -> None:
        """Owned by nobody or by them, it ends as any other foreign size does."""
        deployment.create_and_scale(3)
        writer.write(deployment, 0)
        deployment.apply_body()
        assert deployment.replicas() == 0
        assert deployment.apply_scale(2, force=True).status == 200
        assert (deployment.replicas(), deployment.owners()) == (2, {SCALER})

    @each_writer
    def test_a_foreign_zero_in_the_gap_of_a_creation_is_kept_by_the_body(
        self, deployment: Deployment, writer: Writer
    ) -> None:
        """Not the missing scaler, the body's own claim says whether the body may leave the size out."""
        deployment.apply_body(3)
        writer.write(deployment, 0)
        deployment.apply_body()
        assert deployment.replicas() == 0


class TestUnseenWriter:
    """Writes that leave the owners of the size as they were."""

    def test_the_size_it_already_has(self, deployment: Deployment) -> None:
        """An update that changes nothing is recorded nowhere."""
        deployment.create_and_scale(3)
        deployment.kubectl("scale", "deployment/chat", "--replicas=3")
        assert deployment.owners() == {SCALER}

    def test_a_new_image(self, deployment: Deployment) -> None:
        """Other fields are other owners' business."""
        deployment.create_and_scale(3)
        deployment.kubectl("set", "image", "deployment/chat", "engine=e:2")
        assert deployment.owners() == {SCALER}

    def test_a_size_that_nobody_owned(self, deployment: Deployment) -> None:
        """A size that was defaulted is nobody's, and a write through /scale does not make it somebody's."""
        deployment.apply_body()
        assert (deployment.replicas(), deployment.owners()) == (1, set())
        deployment.kubectl("scale", "deployment/chat", "--replicas=4")
        assert (deployment.replicas(), deployment.owners()) == (4, set())

    def test_the_first_apply_over_a_size_that_nobody_owned(self, deployment: Deployment) -> None:
        """The API server invents an owner for the old value: before-first-apply is nobody to report or to yield to."""
        deployment.apply_body()
        invented = "before-first-apply Update scale"
        assert 'conflict with "before-first-apply"' in deployment.apply_scale(4).message
        assert deployment.apply_scale(1).status == 200
        assert deployment.owners() == {SCALER, invented}
        assert deployment.apply_scale(4, force=True).status == 200
        assert deployment.owners() == {SCALER}
