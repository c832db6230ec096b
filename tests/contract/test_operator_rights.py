"""An operator whose role lacks a verb: it says which, lives, and goes on when it is granted."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess, running_operator

from tidegate.api.names import GROUP
from tidegate.cluster.rights import OPERATOR, needed

pytestmark = [pytest.mark.cluster]

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES = "clusterroles"
GRANTED_SECONDS = 90
"""What is missing is asked for again once a minute."""

Run = Callable[[tuple[str, str, str]], AbstractContextManager[OperatorProcess]]


def rules(without: tuple[str, str, str] | None = None) -> list[dict[str, Any]]:
    """All that the operator needs, but for one verb on a kind of a group."""
    rights = {
        (right.resource.group, "/".join(filter(None, (right.resource.plural, right.subresource))), right.verb)
        for right in needed(OPERATOR, ())
    }
    assert without is None or without in rights
    # Everybody but a cluster's administrator may need it, to own children in a way that blocks a deletion.
    rights.add((GROUP, "inferenceservices/finalizers", "update"))
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for group, resource, verb in sorted(rights - {without})
    ]


@pytest.fixture
def run(here: OperatedNamespace, tmp_path: Path) -> Iterator[Run]:
    """Runs an operator for the namespace as an account without a verb."""
    api, name = here.cluster.api, here.namespace
    role = {"metadata": {"name": name}, "rules": rules()}
    assert api.request("POST", f"{RBAC}/{ROLES}", role).status == 201
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": name}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    binding = {"metadata": {"name": name}, "subjects": [subject], "roleRef": reference}
    assert api.request("POST", f"{RBAC}/clusterrolebindings", binding).status == 201

    @contextmanager
    def running(without: tuple[str, str, str]) -> Iterator[OperatorProcess]:
        allow(here, without)
        arguments = (_kubeconfig(here, tmp_path), tmp_path / "log", f"--namespace={name}")
        with running_operator(*arguments, until_ready=False) as operator:
            yield operator

    yield running
    api.request("DELETE", f"{RBAC}/clusterrolebindings/{name}")
    api.request("DELETE", f"{RBAC}/{ROLES}/{name}")


def allow(here: OperatedNamespace, without: tuple[str, str, str] | None = None) -> None:
    """Give the account everything, but for one verb."""
    path = f"{RBAC}/{ROLES}/{here.namespace}"
    answer = here.cluster.api.merge_patch(path, {"rules": rules(without)}, manager="test")
    assert answer.status == 200, answer.message


def _kubeconfig(here: OperatedNamespace, directory: Path) -> Path:
    """For the namespace's default account."""
    path = f"/api/v1/namespaces/{here.namespace}/serviceaccounts/default/token"
    answer = here.cluster.api.request("POST", path, {"spec": {"expirationSeconds": 3600}})
    assert answer.status == 201, answer.message
    (authority,) = re.findall(r"certificate-authority: (.+)", here.cluster.kubeconfig.read_text())
    cluster = {"server": here.cluster.api.url, "certificate-authority": authority}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": {"token": answer.document["status"]["token"]}}],
    }
    made = directory / "kubeconfig"
    made.write_text(json.dumps(document))
    return made


class TestReading:
    """Without sight nothing is decided."""

    @pytest.mark.parametrize(
        ("right", "says"),
        [
            (("autoscaling", "horizontalpodautoscalers", "list"), "list horizontalpodautoscalers.autoscaling"),
            (("", "pods", "watch"), "watch pods"),
        ],
    )
    def test_it_waits_says_which_verb_and_begins_when_it_is_granted(
        self, here: OperatedNamespace, run: Run, right: tuple[str, str, str], says: str
    ) -> None:
        """In /readyz, and once in the log; nothing is written meanwhile."""
        with run(right) as operator:
            operator.wait_unready(f"the operator's account may not {says} in namespace {here.namespace}: grant it")
            here.apply(here.least())
            assert operator.said().count("cannot begin") == 1
            assert here.status() == {}
            allow(here)
            operator.wait_until_ready()
            here.wait_serving(pods=1)


class TestWriting:
    """The rest works, and says what does not."""

    @pytest.mark.parametrize(
        ("right", "says", "refused"),
        [
            (("", "services", "patch"), "patch services", 'cannot patch resource "services"'),
            (("apps", "deployments", "create"), "create deployments.apps", 'cannot create resource "deployments"'),
        ],
    )
    def test_a_body_that_may_not_be_written_is_told_by_name_and_in_the_api_servers_words(
        self, here: OperatedNamespace, run: Run, right: tuple[str, str, str], says: str, refused: str
    ) -> None:
        """The operator before its first service, the service in its condition; and both mend when it is granted."""
        with run(right) as operator:
            operator.wait_unready(f"may not {says} in namespace")
            here.apply(here.least())
            message = here.wait_condition("SpecValid", "False", "RejectedByAPIServer")
            assert refused in message
            allow(here)
            here.wait("it is told no more", lambda: here.condition("SpecValid")[0] == "True", GRANTED_SECONDS)
            here.wait_serving(pods=1)
            here.wait("it is ready", lambda: operator.readiness() == "ok\n", GRANTED_SECONDS)

    def test_a_size_that_may_not_be_written_is_told(self, here: OperatedNamespace, run: Run) -> None:
        """The pods serve, at the size that they have."""
        with run(("apps", "deployments/scale", "patch")) as operator:
            operator.wait_unready("may not patch deployments.apps/scale in namespace")
            here.apply(here.least(replicas=1))
            here.wait("there is a Deployment", lambda: here.find("deployments"))
            message = here.wait_condition("SpecValid", "False", "RejectedByAPIServer")
            assert 'cannot patch resource "deployments/scale"' in message

    def test_pods_that_may_not_be_written_on_leave_as_kubernetes_chooses(
        self, here: OperatedNamespace, run: Run
    ) -> None:
        """At once, and the change says why."""
        with run(("", "pods", "patch")) as operator:
            operator.wait_unready("may not patch pods in namespace")
            here.apply(here.least(replicas=3))
            here.wait_serving(pods=3)
            here.apply(here.least(replicas=1))
            here.wait_size(1)
            why = "pods cannot be marked, so Kubernetes chooses who leaves"
            here.wait("it is told", lambda: any(why in each["message"] for each in here.status()["changes"]))

    def test_without_events_all_else_is_done(self, here: OperatedNamespace, run: Run) -> None:
        """They are a courtesy."""
        with run(("", "events", "create")) as operator:
            operator.wait_unready("may not create events in namespace")
            here.apply(here.least(replicas=2))
            here.wait_serving(pods=2)
            assert here.events("Ready") == []

    def test_a_status_that_may_not_be_written_shows_in_the_log(self, here: OperatedNamespace, run: Run) -> None:
        """There is no other place for it; pods are run all the same."""
        with run((GROUP, "inferenceservices/status", "patch")) as operator:
            operator.wait_unready(f"may not patch inferenceservices.{GROUP}/status in namespace")
            here.apply(here.least(replicas=2))
            here.wait("its pods are ready", lambda: len(here.addresses()) == 2)
            refused = 'cannot patch resource \\"inferenceservices/status\\"'
            here.wait("the log has it", lambda: refused in operator.said().replace("\\\\", "\\"))
