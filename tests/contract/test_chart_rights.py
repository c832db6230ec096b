import copy
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from custom_resources import profile
from operated_namespace import OperatedNamespace
from operator_process import Engines, OperatorProcess, running_operator
from recording_api_server import Recording, Right, recording_api_server, right_for, rights_in

from helm_chart import Document, Helm, component_of, is_hook, of_kind, only, operator_container, operator_pod
from live_cluster import LiveCluster
from tidegate.api.names import FIELD_MANAGER_SCALE, GROUP

RIGHTS = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
OF_PEOPLE = ("-viewer", "-editor")
SET_BY_THE_TEST = ("--port=", "--tick-seconds=")

NOT_SEEN_IN_REQUESTS: dict[Right, str] = {
    ("apps", "deployments", "create"): 'cannot create resource "deployments"',
    ("", "services", "create"): 'cannot create resource "services"',
    ("resource.k8s.io", "resourceclaimtemplates", "create"): 'cannot create resource "resourceclaimtemplates"',
    (GROUP, "inferenceservices/finalizers", "update"): "cannot set blockOwnerDeletion",
}
"""Asked for behind a patch of what is not there yet, or that names an owner; and what the API server says without."""

EVERYBODYS: set[Right] = {("authorization.k8s.io", "selfsubjectaccessreviews", "create")}
"""What any account may ask: whether it may do something."""

CLAIMING, VARIED = "claiming", "varied"
"""Names of services."""

QUICKLY = {"leaderElection": {"leaseDurationSeconds": 5, "renewDeadlineSeconds": 4, "retryPeriodSeconds": 1}}

Install = Callable[..., AbstractContextManager[tuple[OperatorProcess, Recording]]]


@pytest.fixture
def watched(crds: LiveCluster) -> Iterator[str]:
    """Another namespace than the release's."""
    name = f"watched-{secrets.token_hex(4)}"
    assert crds.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).status == 201
    yield name
    crds.api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def install(helm: Helm, crds: LiveCluster, namespace: str, tmp_path: Path) -> Install:
    """Installs the chart's account and roles in the test's namespace, and runs the operator as that account."""

    @contextmanager
    def installed(
        values: dict[str, Any] | None = None, without: Right | None = None, *, until_ready: bool = True
    ) -> Iterator[tuple[OperatorProcess, Recording]]:
        documents = helm.render({**QUICKLY, **(values or {})}, release="rights", namespace=namespace)
        rights = [taken_from(each, without) for each in documents if each["kind"] in RIGHTS and not is_hook(each)]
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": rights})
        crds.kubectl("apply", "--server-side", "--filename=-", stdin=manifest)
        try:
            with recording_api_server(crds.kubeconfig) as recording:
                account = operator_pod(documents)["serviceAccountName"]
                kubeconfig = tmp_path / "kubeconfig"
                kubeconfig.write_text(json.dumps(kubeconfig_of(recording.url, token(crds, namespace, account))))
                arguments = operator_container(documents)["args"][1:]
                given = [each for each in arguments if not each.startswith(SET_BY_THE_TEST)]
                with running_operator(kubeconfig, tmp_path / "log", *given, until_ready=until_ready) as running:
                    yield running, recording
        finally:
            crds.kubectl("delete", "--ignore-not-found", "--filename=-", stdin=manifest)

    return installed


def token(cluster: LiveCluster, namespace: str, account: str) -> str:
    """A token of an account, as a pod gets it."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = cluster.api.request("POST", path, {"spec": {"expirationSeconds": 3600}})
    assert answer.status == 201, answer.message
    return str(answer.document["status"]["token"])


def kubeconfig_of(url: str, bearer_token: str) -> Document:
    """A kubeconfig for somebody with a token."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": url}}],
        "users": [{"name": "it", "user": {"token": bearer_token}}],
    }


def taken_from(document: Document, right: Right | None) -> Document:
    """The same, without a right."""
    if right is None or "rules" not in document:
        return document
    group, resource, verb = right
    left = copy.deepcopy(document)
    for rule in left["rules"]:
        if group in rule["apiGroups"] and resource in rule["resources"]:
            rule["verbs"].remove(verb)
    left["rules"] = [rule for rule in left["rules"] if rule["verbs"]]
    return left


def granted(helm: Helm, values: dict[str, Any]) -> set[Right]:
    """The rights that the chart gives the operator."""
    roles = [each for each in of_kind(helm.render(values), "Role", "ClusterRole") if component_of(each) != "gateway"]
    return {
        right
        for role in roles
        if not role["metadata"]["name"].endswith(OF_PEOPLE)
        for right in rights_in(role["rules"])
    }


def claim_an_accelerator(here: OperatedNamespace) -> None:
    """A service whose pods get their devices by claims. There are none: its pod waits."""
    spec = {"resourceName": "nvidia.com/gpu", "sharing": {"mechanism": "DRA"}}
    path = here.resources.path("AcceleratorProfile", "claimed")
    answer = here.cluster.api.apply(path, profile(spec, "claimed"), manager="kubectl", force=True)
    assert answer.status in {200, 201}, answer.message
    here.apply(here.least(accelerator={"profile": "claimed"}), CLAIMING)


def lose_a_variant(here: OperatedNamespace) -> None:
    """A service with another way to run it, which is then taken away."""
    spec, deployment = here.least(routing={"mode": "Gateway"}), f"{VARIED}-other"
    here.apply({**spec, "variants": [{"name": "other"}]}, VARIED)
    here.wait("there is a Deployment of the variant", lambda: here.find("deployments", deployment))
    here.apply(spec, VARIED)
    here.wait("it is deleted", lambda: here.find("deployments", deployment) is None)


def run_a_service(here: OperatedNamespace) -> None:
    """Have the operator do all that it ever does: bodies, sizes, marks on pods that leave, status and Events."""
    here.apply(here.least())
    here.wait("there is a Service", lambda: here.find("services"))
    here.wait("there is a Deployment", lambda: here.find("deployments"))
    here.wait_condition("Ready", "True", "Serving")
    claim_an_accelerator(here)
    here.wait("there is a Deployment of pods with claims", lambda: here.find("deployments", CLAIMING))
    lose_a_variant(here)
    here.apply(here.least(scaling={"minReplicas": 2}))
    here.wait_size(2)
    here.wait("there is an Event", lambda: here.events("ScaledUp"))
    here.wait_serving(pods=2)
    here.apply(here.least(replicas=1))
    here.wait_size(1)
    managers = {each["manager"] for each in here.deployment()["metadata"]["managedFields"]}
    assert FIELD_MANAGER_SCALE in managers


def told(here: OperatedNamespace, name: str) -> list[str]:
    """The messages of a service's conditions."""
    return [each["message"] for each in here.status(name).get("conditions", ())]


class TestRights:
    """The operator with the chart's account, roles and command line, at a real API server."""

    def test_in_all_namespaces_they_are_enough_and_none_is_idle(
        self, helm: Helm, install: Install, watched: str, crds: LiveCluster, engines: Engines
    ) -> None:
        """Bodies, sizes, status, Events and the Lease: each right is used, and nothing is refused."""
        with install() as (_, recording):
            run_a_service(OperatedNamespace(crds, watched, engines.port))
        assert granted(helm, {}) - recording.used == set(NOT_SEEN_IN_REQUESTS)
        assert recording.used <= granted(helm, {}) | EVERYBODYS
        assert recording.refused == []

    def test_in_some_namespaces_they_are_enough_and_none_is_idle(
        self, helm: Helm, install: Install, watched: str, namespace: str, crds: LiveCluster, engines: Engines
    ) -> None:
        """The same; what is in other namespaces is left alone, the release's own among them."""
        values = {"watchNamespaces": [watched]}
        elsewhere = OperatedNamespace(crds, namespace, engines.port)
        elsewhere.apply(elsewhere.least())
        with install(values) as (operator, recording):
            run_a_service(OperatedNamespace(crds, watched, engines.port))
            operator.wait_turns(2)
        assert elsewhere.find("deployments") is None
        assert elsewhere.status() == {}
        assert granted(helm, values) - recording.used == set(NOT_SEEN_IN_REQUESTS)
        assert recording.refused == []

    @pytest.mark.parametrize(
        ("right", "said"), NOT_SEEN_IN_REQUESTS.items(), ids=[" ".join(right) for right in NOT_SEEN_IN_REQUESTS]
    )
    def test_what_requests_do_not_show_is_needed(
        self, install: Install, crds: LiveCluster, watched: str, engines: Engines, right: Right, said: str
    ) -> None:
        """Without it the API server refuses the body, and the status says what is missing."""
        here = OperatedNamespace(crds, watched, engines.port)
        with install(without=right, until_ready=False):
            here.apply(here.least())
            claim_an_accelerator(here)
            here.wait(said, lambda: any(said in message for name in ("chat", CLAIMING) for message in told(here, name)))

    def test_without_its_roles_it_waits_and_says_what_is_missing(
        self, helm: Helm, crds: LiveCluster, namespace: str, tmp_path: Path
    ) -> None:
        """`rbac.create: false`, and nobody else made them: no half-blind operator."""
        account = only(helm.render(namespace=namespace), "ServiceAccount", component="operator")
        crds.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(account))
        (authority,) = crds.kubeconfig.read_text().partition("certificate-authority: ")[2].splitlines()[:1]
        document = kubeconfig_of(crds.api.url, token(crds, namespace, account["metadata"]["name"]))
        document["clusters"][0]["cluster"]["certificate-authority"] = authority
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(document))
        with running_operator(kubeconfig, tmp_path / "log", until_ready=False) as operator:
            operator.wait_unready("may not list inferenceservices.inference.tidegate.dev in all namespaces, watch ")

    @pytest.mark.parametrize(
        ("role", "may", "may_not"),
        [
            ("view", {"get", "list", "watch"}, {"create", "patch", "delete"}),
            ("edit", {"get", "list", "watch", "create", "patch", "delete", "patch/scale"}, {"patch/status"}),
            ("admin", {"get", "list", "watch", "create", "patch", "delete", "patch/scale"}, {"patch/status"}),
        ],
    )
    def test_people_get_theirs_with_the_roles_that_they_have(
        self, helm: Helm, crds: LiveCluster, namespace: str, role: str, may: set[str], may_not: set[str]
    ) -> None:
        """In a namespace where somebody bound one of Kubernetes' own roles for them; the status is the operator's."""
        documents = [each for each in helm.render(namespace=namespace) if each["kind"] == "ClusterRole"]
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        crds.kubectl("apply", "--server-side", "--filename=-", stdin=manifest)
        crds.kubectl("create", "rolebinding", "ana", f"--clusterrole={role}", "--user=ana", f"--namespace={namespace}")
        here = OperatedNamespace(crds, namespace, port=0)

        def allowed(what: str) -> bool:
            verb, _, subresource = what.partition("/")
            kind = (f"inferenceservices.{GROUP}", f"--subresource={subresource}", f"--namespace={namespace}")
            return crds.kubectl("auth", "can-i", verb, *kind, "--as=ana", check=False).stdout.strip() == "yes"

        try:
            here.wait("the roles are put together", lambda: all(allowed(what) for what in may))
            assert not [what for what in may_not if allowed(what)]
        finally:
            crds.kubectl("delete", "--filename=-", stdin=manifest)


@pytest.mark.parametrize(
    ("method", "path", "watch", "right"),
    [
        ("GET", "/api", False, None),
        ("GET", "/apis/apps/v1", False, None),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", False, None),
        ("GET", "/api/v1/pods", False, ("", "pods", "list")),
        ("GET", "/api/v1/namespaces/a/pods", True, ("", "pods", "watch")),
        ("GET", "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", False, ("coordination.k8s.io", "leases", "get")),
        ("PATCH", "/api/v1/namespaces/a/pods/b", False, ("", "pods", "patch")),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/b/scale", False, ("apps", "deployments/scale", "patch")),
        ("POST", "/api/v1/namespaces/a/events", False, ("", "events", "create")),
    ],
)
def test_requests_are_read_as_the_api_server_reads_them(
    method: str,
    path: str,
    watch: bool,  # noqa: FBT001 - a column
    right: Right | None,
) -> None:
    """What is written down is what a rule must say."""
    assert right_for(method, path, watch=watch) == right
