"""What happens to the size when a user applies a manifest of their own over ours, or we scale theirs (ADR 3)."""

from dataclasses import dataclass

import pytest
from deployment_under_test import Deployment

pytestmark = pytest.mark.cluster

SCALER = "tidegate-scaler Apply scale"


class TestOverOurs:
    """`kubectl apply` of a user's file with the name of a Deployment that we own."""

    def test_each_client_side_apply_resets_the_size_to_the_file(self, deployment: Deployment) -> None:
        """The file wins whenever it is applied, so a pipeline that applies it is a competing scaler."""
        deployment.create_and_scale(3)
        for _ in range(2):
            deployment.kubectl("apply", "--filename=-", manifest=deployment.body(2))
            assert (deployment.replicas(), deployment.owners()) == (2, {"kubectl-client-side-apply Update"})
            deployment.apply_scale(5, force=True)
            assert (deployment.replicas(), deployment.owners()) == (5, {SCALER})

    def test_a_client_side_file_that_never_had_a_size_leaves_ours(self, deployment: Deployment) -> None:
        """It takes over other fields, never the size."""
        deployment.create_and_scale(3)
        deployment.kubectl("apply", "--filename=-", manifest=deployment.body())
        assert (deployment.replicas(), deployment.owners()) == (3, {SCALER})

    def test_removing_the_size_from_a_client_side_file_scales_to_one(self, deployment: Deployment) -> None:
        """For what its last file had kubectl sends null, and the default is one, whoever owned it since."""
        deployment.create_and_scale(3)
        deployment.kubectl("apply", "--filename=-", manifest=deployment.body(2))
        deployment.apply_scale(5, force=True)
        deployment.kubectl("apply", "--filename=-", manifest=deployment.body())
        assert (deployment.replicas(), deployment.owners()) == (1, {"kubectl-client-side-apply Update"})

    def test_a_server_side_file_with_another_size_is_refused_by_our_name(self, deployment: Deployment) -> None:
        """The user sees who owns the size, and nothing changes."""
        deployment.create_and_scale(3)
        arguments = ("apply", "--server-side", "--filename=-")
        answer = deployment.kubectl(*arguments, manifest=deployment.body(2), check=False)
        assert answer.returncode == 1
        assert 'conflict with "tidegate-scaler" with subresource "scale": .spec.replicas' in answer.stderr
        assert (deployment.replicas(), deployment.owners()) == (3, {SCALER})

    def test_a_server_side_file_with_the_same_size_shares_it_and_blocks_the_next_change(
        self, deployment: Deployment
    ) -> None:
        """A reason why the scaler always applies with force."""
        deployment.create_and_scale(3)
        deployment.kubectl("apply", "--server-side", "--filename=-", manifest=deployment.body(3))
        assert deployment.owners() == {SCALER, "kubectl Apply"}
        assert deployment.apply_scale(5).status == 409

    def test_replacing_it_by_a_file_without_a_size_scales_to_one(self, deployment: Deployment) -> None:
        """A replace leaves nothing of what was there, ownership included."""
        deployment.create_and_scale(3)
        deployment.settle()
        deployment.kubectl("replace", "--filename=-", manifest=deployment.body())
        assert (deployment.replicas(), deployment.owners()) == (1, {"kubectl-replace Update"})


@dataclass(frozen=True, slots=True)
class Theirs:
    """A user's own Deployment (targetRef): how they write it, and what happens when they write it again.

    Attributes:
        command: What they run, with the manifest on standard input.
        size: Replicas in their manifest; None = left out.
        owner: Who owns the size before we come; empty = nobody.
        again: (exit code, replicas) of running it again after we scaled to 5.
    """

    command: tuple[str, ...]
    size: int | None
    owner: str
    again: tuple[int, int]


CLIENT_SIDE = ("apply", "--filename=-")
SERVER_SIDE = ("apply", "--server-side", "--filename=-")
THEIRS = {
    "client-side with a size": Theirs(CLIENT_SIDE, 2, "kubectl-client-side-apply Update", again=(0, 2)),
    "client-side without": Theirs(CLIENT_SIDE, None, "kubectl-client-side-apply Update", again=(0, 5)),
    "server-side with a size": Theirs(SERVER_SIDE, 2, "kubectl Apply", again=(1, 5)),
    "server-side without": Theirs(SERVER_SIDE, None, "", again=(0, 5)),
    "create": Theirs(("create", "--filename=-"), 2, "kubectl-create Update", again=(1, 5)),
}


@pytest.mark.parametrize("theirs", THEIRS.values(), ids=THEIRS.keys())
def test_a_users_deployment_is_scaled_and_then_applied_again(deployment: Deployment, theirs: Theirs) -> None:
    """We take the size with force, alone; their next apply takes it back, is refused, or does not care."""
    manifest = deployment.body(theirs.size)
    deployment.kubectl(*theirs.command, manifest=manifest)
    assert deployment.owners() == ({theirs.owner} if theirs.owner else set())
    assert deployment.apply_scale(5).status == 409
    assert deployment.apply_scale(5, force=True).status == 200
    assert (deployment.replicas(), deployment.owners()) == (5, {SCALER})
    again = deployment.kubectl(*theirs.command, manifest=manifest, check=False)
    assert (again.returncode, deployment.replicas()) == theirs.again
