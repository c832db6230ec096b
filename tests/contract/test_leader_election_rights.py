"""An operator that may not do to its Lease all that it needs to."""

import secrets
from pathlib import Path

import pytest
from electing_operator import HANDOVER_SECONDS, electing_operator
from operated_namespace import OperatedNamespace

from live_cluster import LiveCluster

pytestmark = pytest.mark.cluster


class TestRefused:
    """Without the Lease it neither leads nor ends."""

    @pytest.mark.parametrize(
        ("granted", "verb"), [((), "get"), (("get",), "create"), (("get", "create"), "update")], ids=str
    )
    def test_each_missing_right_is_named(
        self, here: OperatedNamespace, tmp_path: Path, granted: tuple[str, ...], verb: str
    ) -> None:
        """The verb, the resource, the Lease, and what to grant; when all are granted it leads."""
        kubeconfig = _limited(here, tmp_path, granted)
        with electing_operator(here.namespace, kubeconfig, tmp_path / "log", until_ready=False) as operator:
            operator.wait_unready(f"cannot {verb} leases.coordination.k8s.io 'operators'")
            said = operator.readiness()
            assert f'cannot {verb} resource "leases"' in said
            assert "grant get, create and update on leases" in said
            assert operator.said().count("the Lease cannot be had") == 1
            assert not operator.leads()
            _grant(here, f"--group=system:serviceaccounts:{here.namespace}", "get", "create", "update")
            here.wait("it leads", operator.leads, HANDOVER_SECONDS)
            assert "leases" not in operator.readiness()


def _grant(here: OperatedNamespace, subject: str, *verbs: str) -> None:
    name = f"leases-{secrets.token_hex(4)}"
    here.kubectl("create", "role", name, f"--verb={','.join(verbs)}", "--resource=leases.coordination.k8s.io")
    here.kubectl("create", "rolebinding", name, f"--role={name}", subject)


def _limited(here: OperatedNamespace, directory: Path, verbs: tuple[str, ...]) -> Path:
    """A kubeconfig of somebody who may read all that an operator reads, and do no more to Leases than is granted."""
    name = f"limited-{secrets.token_hex(4)}"
    subject = f"--serviceaccount={here.namespace}:{name}"
    here.kubectl("create", "serviceaccount", name)
    here.cluster.kubectl("create", "clusterrolebinding", name, "--clusterrole=view", subject)
    resources = "inferenceservices.inference.tidegate.dev,acceleratorprofiles.inference.tidegate.dev"
    here.cluster.kubectl("create", "clusterrole", name, "--verb=get,list,watch", f"--resource={resources}")
    here.cluster.kubectl("create", "clusterrolebinding", f"{name}-ours", f"--clusterrole={name}", subject)
    if verbs:
        _grant(here, subject, *verbs)
    token = here.kubectl("create", "token", name).strip()
    path = directory / "kubeconfig"
    path.write_bytes(here.cluster.kubeconfig.read_bytes())
    for arguments in (
        ("set-credentials", "limited", f"--token={token}"),
        ("set-context", "--current", "--user=limited"),
    ):
        LiveCluster(here.cluster.name, path, here.cluster.program, here.cluster.api).kubectl("config", *arguments)
    return path
