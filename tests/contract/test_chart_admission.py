"""The chart's admission policies at a real API server: what they allow, what they refuse, and in which words."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from custom_resources import LEAST, CustomResources, Document, changed, service

from api_server import Answer, ApiServer
from helm_chart import Helm, of_kind
from live_cluster import LiveCluster
from tidegate.api.names import (
    API_VERSION,
    FIELD_MANAGER_GATEWAY,
    FIELD_MANAGER_SCALE,
    SERVICE_LABEL,
    SLICE_MANAGED_BY,
    VARIANT_LABEL,
)

POLICIES = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
IN_FORCE_SECONDS = 30
OURS = {SERVICE_LABEL: "chat", VARIANT_LABEL: "default"}
MAY_CREATE: Document = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]}
TARGETED: Document = {
    "model": {"name": "m"},
    "targetRef": {"kind": "Deployment", "name": "mine", "engine": {"type": "vLLM"}},
}
SERVICE_OF_SLICE = "kubernetes.io/service-name"
MANAGER_OF_SLICE = "endpointslice.kubernetes.io/managed-by"

Acting = Callable[[str], ApiServer]


@pytest.fixture
def installed(helm: Helm, crds: LiveCluster, namespace: str) -> Iterator[list[Document]]:
    """The accounts, roles and policies of an install in the test's namespace, in force."""
    made = of_kind(helm.render(release="seat", namespace=namespace), *RIGHTS, *POLICIES)
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    crds.kubectl("apply", "--server-side", "--validate=strict", "--filename=-", stdin=manifest)
    try:
        _wait_until_in_force(crds.api, namespace)
        yield made
    finally:
        crds.kubectl("delete", "--ignore-not-found", "--filename=-", stdin=manifest)


@pytest.fixture
def gateway(installed: list[Document], crds: LiveCluster, namespace: str) -> ApiServer:
    """The API server as the gateways' account speaks to it."""
    (account,) = (
        each["metadata"]["name"]
        for each in of_kind(installed, "ServiceAccount")
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == "gateway"
    )
    return dataclasses.replace(crds.api, acting_as=f"system:serviceaccount:{namespace}:{account}")


@pytest.fixture
def someone(
    installed: list[Document],  # noqa: ARG001 - the policies are in force
    crds: LiveCluster,
    namespace: str,
) -> Callable[..., ApiServer]:
    """Makes somebody who may write InferenceServices, and what else rules say."""

    def make(name: str, *rules: Document) -> ApiServer:
        everything = {
            "apiGroups": ["inference.tidegate.dev"],
            "resources": ["inferenceservices", "inferenceservices/status"],
            "verbs": ["create", "update", "patch", "get", "delete"],
        }
        role = {"metadata": {"name": name}, "rules": [everything, *rules]}
        group = "rbac.authorization.k8s.io"
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": name}],
        }
        path = f"/apis/{group}/v1/namespaces/{namespace}"
        assert crds.api.request("POST", f"{path}/roles", role).status == 201
        assert crds.api.request("POST", f"{path}/rolebindings", binding).status == 201
        acting = dataclasses.replace(crds.api, acting_as=name)
        review = {"spec": {"resourceAttributes": {**_RESOURCE, "namespace": namespace, "verb": "create"}}}
        _wait(lambda: _allowed(acting, review), f"{name} has its role")
        return acting

    return make


class TestSizes:
    """What the gateways may do to the size of a Deployment."""

    @pytest.mark.parametrize(
        ("labels", "size", "wanted", "said"),
        [
            (OURS, 0, 3, ""),
            (OURS, 0, 0, "it asked for 0 where there are 0"),
            (
                OURS,
                1,
                2,
                "a gateway may wake a Deployment, from 0 to more, and nothing else; it asked for 2 where there are 1",
            ),
            (OURS, 2, 0, "it asked for 0 where there are 2"),
            (OURS, 2, 1, "it asked for 1 where there are 2"),
            ({"app": "web"}, 0, 1, "a gateway may wake Deployments of InferenceServices only"),
            (
                {"inference.tidegate.dev/service-like": "chat"},
                0,
                1,
                "a gateway may wake Deployments of InferenceServices only",
            ),
        ],
        ids=["wake", "nothing", "more", "to zero", "less", "of others", "of others with a label like ours"],
    )
    def test_they_wake_ours_and_nothing_else(
        self,
        crds: LiveCluster,
        gateway: ApiServer,
        namespace: str,
        labels: dict[str, str],
        size: int,
        wanted: int,
        said: str,
    ) -> None:
        """By apply, as they do it; a refusal says what was asked for, and nobody else is asked."""
        _deployment(crds.api, namespace, labels, size)
        answer = _scale(gateway, namespace, wanted)
        if said:
            assert answer.status == 403
            assert said in answer.message
            assert _scale(crds.api, namespace, wanted).status == 200
        else:
            assert answer.status == 200, answer.message
            assert answer.document["spec"]["replicas"] == wanted

    def test_they_wake_the_deployment_of_any_variant(
        self, crds: LiveCluster, gateway: ApiServer, namespace: str
    ) -> None:
        """Its name is another than the service's; what it selects says whose it is."""
        _deployment(crds.api, namespace, {SERVICE_LABEL: "chat", VARIANT_LABEL: "cpu"}, 0, name="chat-cpu")
        answer = _scale(gateway, namespace, 2, name="chat-cpu")
        assert answer.status == 200, answer.message
        again = _scale(gateway, namespace, 3, name="chat-cpu")
        assert "it asked for 3 where there are 2" in again.message

    def test_who_comes_second_hears_of_a_conflict(self, crds: LiveCluster, gateway: ApiServer, namespace: str) -> None:
        """Two gateways wake at once: the later write, made for an older version, is none of the policy's business."""
        _deployment(crds.api, namespace, OURS, 0)
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat/scale"
        tried: list[str] = []

        def woken() -> bool:  # Controllers write the status at first: a version may be old before it is used.
            tried.append(gateway.get(path).document["metadata"]["resourceVersion"])
            return _scale(gateway, namespace, 2, tried[-1]).status == 200

        _wait(woken, "a version stands still")
        assert _scale(gateway, namespace, 2, tried[-1]).status == 409


class TestSlices:
    """Which EndpointSlices the gateways may write."""

    def test_they_write_and_delete_their_own(self, crds: LiveCluster, gateway: ApiServer, namespace: str) -> None:
        """Of an InferenceService that is there."""
        path, slice_ = _slice(crds, namespace)
        assert gateway.apply(path, slice_, manager=FIELD_MANAGER_GATEWAY).status == 201
        moved = changed(slice_, {"endpoints": []})
        assert gateway.apply(path, moved, manager=FIELD_MANAGER_GATEWAY).status == 200
        assert gateway.request("DELETE", path).status == 200

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"labels": {MANAGER_OF_SLICE: None}}, "none but its own EndpointSlices"),
            ({"labels": {MANAGER_OF_SLICE: "endpointslice-controller.k8s.io"}}, "none but its own EndpointSlices"),
            ({"labels": None}, "none but its own EndpointSlices"),
            ({"labels": {SERVICE_OF_SLICE: "payments"}}, "lead the Service of an InferenceService to itself"),
            (
                {"labels": {SERVICE_OF_SLICE: None, SERVICE_LABEL: None}},
                "lead the Service of an InferenceService to itself",
            ),
            (
                {"labels": {SERVICE_LABEL: "payments", SERVICE_OF_SLICE: "payments"}},
                "the InferenceService that owns it",
            ),
            ({"ownerReferences": None}, "the InferenceService that owns it"),
        ],
        ids=str,
    )
    def test_they_create_no_other(
        self, crds: LiveCluster, gateway: ApiServer, namespace: str, change: Document, said: str
    ) -> None:
        """Above all none that leads somebody else's Service to them."""
        path, slice_ = _slice(crds, namespace)
        answer = gateway.apply(path, changed(slice_, {"metadata": change}), manager=FIELD_MANAGER_GATEWAY)
        assert answer.status == 403
        assert said in answer.message

    def test_they_leave_those_of_others_alone(self, crds: LiveCluster, gateway: ApiServer, namespace: str) -> None:
        """They neither take one over nor delete one."""
        path, slice_ = _slice(crds, namespace)
        theirs = changed(slice_, {"metadata": {"labels": {MANAGER_OF_SLICE: "endpointslice-controller.k8s.io"}}})
        assert crds.api.apply(path, theirs, manager="kube-controller-manager").status == 201
        assert gateway.apply(path, slice_, manager=FIELD_MANAGER_GATEWAY, force=True).status == 403
        assert gateway.request("DELETE", path).status == 403
        assert crds.api.get(path).document["metadata"]["labels"] == theirs["metadata"]["labels"]


class TestLeases:
    """Which Leases the gateways may write, of those in the release's namespace."""

    @pytest.mark.parametrize(("name", "status"), [("seat-tidegate-operator", 403), ("seat-tidegate-gateway-x", 201)])
    def test_the_operators_is_not_theirs(self, gateway: ApiServer, namespace: str, name: str, status: int) -> None:
        """Whoever holds it decides all sizes."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        answer = gateway.request("POST", path, {"metadata": {"name": name}, "spec": {"holderIdentity": "x"}})
        assert answer.status == status
        if status == 403:
            assert "by which the operators choose their leader" in answer.message


class TestAuthors:
    """Who may have Deployments created, or scaled, by the operator."""

    @pytest.mark.parametrize(
        ("spec", "rules", "said"),
        [
            (LEAST, [], "spec asks for a Deployment, and ana may not create deployments.apps in the namespace "),
            (LEAST, [MAY_CREATE], ""),
            (
                TARGETED,
                [MAY_CREATE],
                "spec.targetRef asks to scale the Deployment mine, and ana may not patch its deployments.apps/scale",
            ),
            (TARGETED, [{"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]}], ""),
            (TARGETED, [{"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["update"]}], ""),
            (
                TARGETED,
                [
                    {
                        "apiGroups": ["apps"],
                        "resources": ["deployments/scale"],
                        "resourceNames": ["other"],
                        "verbs": ["patch"],
                    }
                ],
                "spec.targetRef asks to scale the Deployment mine",
            ),
        ],
        ids=["engine, no right", "engine", "target, another right", "target", "target by update", "another target"],
    )
    def test_what_they_may_not_do_themselves_is_not_done_for_them(
        self,
        someone: Callable[..., ApiServer],
        namespace: str,
        spec: Document,
        rules: list[Document],
        said: str,
    ) -> None:
        """The message names the field, the right, who lacks it and where it comes from."""
        answer = _create(someone("ana", *rules), namespace, spec)
        if said:
            assert answer.status == 403
            assert said in answer.message
            assert "the ClusterRole edit has it" in answer.message
        else:
            assert answer.status == 201, answer.message

    def test_only_what_changes_the_spec_is_asked_about(
        self, someone: Callable[..., ApiServer], crds: LiveCluster, namespace: str
    ) -> None:
        """Labels, the status and a deletion create nothing."""
        ben = someone("ben")
        assert _create(crds.api, namespace, LEAST).status == 201
        path = CustomResources(crds, namespace).path(name="chat")
        assert ben.merge_patch(path, {"metadata": {"labels": {"a": "b"}}}, manager="ben").status == 200
        assert ben.merge_patch(path, {"spec": dict(LEAST)}, manager="ben").status == 200
        status = {"status": {"observedGeneration": 1}}
        assert ben.merge_patch(f"{path}/status", status, manager="ben").status == 200
        refused = ben.merge_patch(path, {"spec": {"engine": {"image": "mine"}}}, manager="ben")
        assert refused.status == 403
        assert ben.request("DELETE", path).status == 200

    def test_the_operator_and_administrators_are_not_in_its_way(
        self, installed: list[Document], crds: LiveCluster, namespace: str
    ) -> None:
        """The former writes status alone; the latter may do everything."""
        assert installed
        assert _create(crds.api, namespace, LEAST).status == 201

    def test_elsewhere_nobody_is_asked(self, helm: Helm) -> None:
        """An install that looks after some namespaces has no say in others."""
        binding = _author_binding(helm.render({"watchNamespaces": ["team-a"]}))
        match = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a"]}]}
        assert binding["spec"]["matchResources"] == {"namespaceSelector": match}
        assert "matchResources" not in _author_binding(helm.render())["spec"]


def test_the_api_server_finds_nothing_odd_in_the_expressions(installed: list[Document], crds: LiveCluster) -> None:
    """It checks their types against what they are about, and warns in the status."""
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    for policy in of_kind(installed, "ValidatingAdmissionPolicy"):
        name = policy["metadata"]["name"]
        _wait(
            lambda name=name: "typeChecking" in crds.api.get(f"{path}/{name}").document["status"], f"{name} is checked"
        )
        assert crds.api.get(f"{path}/{name}").document["status"]["typeChecking"] == {}


_RESOURCE = {"group": "inference.tidegate.dev", "resource": "inferenceservices"}


def _wait(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + IN_FORCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {IN_FORCE_SECONDS} s: {what}"
        time.sleep(0.1)


def _wait_until_in_force(api: ApiServer, namespace: str) -> None:
    """Policies take effect a moment after they are written."""
    account = dataclasses.replace(api, acting_as=f"system:serviceaccount:{namespace}:seat-tidegate-gateway")
    _deployment(api, namespace, {"app": "probe"}, 0, name="probe")
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    lease = {"metadata": {"name": "seat-tidegate-operator"}}
    _wait(
        lambda: "gateway-leases" in account.request("POST", path, lease, dryRun="All").message, "the policy of Leases"
    )
    _wait(lambda: "gateway-scale" in _scale(account, namespace, 1, name="probe").message, "the policy of sizes")
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    slice_ = {"metadata": {"name": "probe"}, "addressType": "IPv4", "endpoints": []}
    _wait(
        lambda: "gateway-slices" in account.request("POST", slices, slice_, dryRun="All").message,
        "the policy of EndpointSlices",
    )
    nobody = dataclasses.replace(api, acting_as=f"system:serviceaccount:{namespace}:default")
    _wait(lambda: _author_policy_asks(api, nobody, namespace), "the policy of authors")


def _author_policy_asks(api: ApiServer, nobody: ApiServer, namespace: str) -> bool:
    group = "rbac.authorization.k8s.io"
    path = f"/apis/{group}/v1/namespaces/{namespace}"
    rule = {"apiGroups": [_RESOURCE["group"]], "resources": [_RESOURCE["resource"]], "verbs": ["create"]}
    api.request("POST", f"{path}/roles", {"metadata": {"name": "probe"}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    role = {"apiGroup": group, "kind": "Role", "name": "probe"}
    api.request("POST", f"{path}/rolebindings", {"metadata": {"name": "probe"}, "roleRef": role, "subjects": [subject]})
    return "-author" in _create(nobody, namespace, LEAST, dryRun="All").message


def _allowed(acting: ApiServer, review: Document) -> bool:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return bool(acting.request("POST", path, review).document["status"]["allowed"])


def _create(api: ApiServer, namespace: str, spec: Document, **query: str) -> Answer:
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/inferenceservices"
    return api.request("POST", path, service(spec), **query)


def _deployment(api: ApiServer, namespace: str, labels: dict[str, str], size: int, name: str = "chat") -> None:
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "engine", "image": "e:1"}]}}
    spec = {"replicas": size, "selector": {"matchLabels": labels}, "template": pod}
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    assert api.request("POST", path, {"metadata": {"name": name}, "spec": spec}).status == 201


def _scale(api: ApiServer, namespace: str, size: int, version: str = "", name: str = "chat") -> Answer:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"
    metadata = {"name": name, **({"resourceVersion": version} if version else {})}
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": {"replicas": size}}
    return api.apply(path, scale, manager=FIELD_MANAGER_SCALE, force=True)


def _slice(crds: LiveCluster, namespace: str) -> tuple[str, Document]:
    """Path and body of a slice as the gateways write it, of an InferenceService that is made for it."""
    owner = CustomResources(crds, namespace).create(LEAST)
    reference = {"apiVersion": API_VERSION, "kind": "InferenceService", "name": "chat", "uid": owner["metadata"]["uid"]}
    labels = {SERVICE_OF_SLICE: "chat", MANAGER_OF_SLICE: SLICE_MANAGED_BY, SERVICE_LABEL: "chat"}
    return f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/chat-gateway", {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "chat-gateway", "labels": labels, "ownerReferences": [reference]},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 10000, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": True}}],
    }


def _author_binding(documents: list[Document]) -> Document:
    (found,) = (
        each
        for each in of_kind(documents, "ValidatingAdmissionPolicyBinding")
        if each["metadata"]["name"].endswith("-author")
    )
    return found
