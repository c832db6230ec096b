"""Everybody who writes a Deployment's replicas, as a table."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from deployment_under_test import Deployment

Write = Callable[[Deployment, int], None]
"""Writes a number of replicas to a Deployment."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who writes replicas.

    Attributes:
        owner: How managedFields names them: manager, operation, subresource.
        write: Does it.
        owns_more: Whether that entry is an Update which owns other fields, too.
    """

    owner: str
    write: Write
    owns_more: bool = False


def _kubectl_scale(deployment: Deployment, replicas: int) -> None:
    deployment.kubectl("scale", "deployment/chat", f"--replicas={replicas}")


def _kubectl_patch(*options: str) -> Write:
    def write(deployment: Deployment, replicas: int) -> None:
        patch = json.dumps({"spec": {"replicas": replicas}})
        deployment.kubectl("patch", "deployment/chat", "--type=merge", f"--patch={patch}", *options)

    return write


def _kubectl_replace(deployment: Deployment, replicas: int) -> None:
    deployment.settle()  # kubectl reads and writes back; a controller that writes status in between makes it fail.
    deployment.kubectl("replace", "--filename=-", manifest=deployment.body(replicas))


def _kubectl_apply(*options: str) -> Write:
    def write(deployment: Deployment, replicas: int) -> None:
        deployment.kubectl("apply", "--filename=-", *options, manifest=deployment.body(replicas))

    return write


def _put_scale(deployment: Deployment, replicas: int) -> None:
    path, body = f"{deployment.path}/scale", deployment.scale(replicas)
    answer = deployment.api.request("PUT", path, body, fieldManager="other-scaler")
    assert answer.status == 200, answer.message


def _patch_scale(deployment: Deployment, replicas: int) -> None:
    body = {"spec": {"replicas": replicas}}
    answer = deployment.api.merge_patch(f"{deployment.path}/scale", body, manager="tidegate-gateway")
    assert answer.status == 200, answer.message


WRITERS = {
    "kubectl scale": Writer("kubectl Update scale", _kubectl_scale),
    "kubectl patch": Writer("kubectl-patch Update", _kubectl_patch()),
    "kubectl patch --subresource=scale": Writer("kubectl-patch Update scale", _kubectl_patch("--subresource=scale")),
    "kubectl replace": Writer("kubectl-replace Update", _kubectl_replace),
    "kubectl apply": Writer("kubectl-client-side-apply Update", _kubectl_apply(), owns_more=True),
    "kubectl apply --server-side --force-conflicts": Writer(
        "kubectl Apply", _kubectl_apply("--server-side", "--force-conflicts")
    ),
    "PUT of /scale": Writer("other-scaler Update scale", _put_scale),
    "merge-patch of /scale": Writer("tidegate-gateway Update scale", _patch_scale),
}
"""How somebody writes replicas, to how it is recorded. `kubectl edit` (kubectl-edit Update) and an HPA
(kube-controller-manager Update scale) need more than a call and have tests of their own."""
