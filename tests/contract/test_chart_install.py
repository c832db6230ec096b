import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from custom_resources import LEAST, CustomResources, service

from helm_chart import CHART, Document, Helm
from live_cluster import LiveCluster

CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
DEFINITIONS = ("acceleratorprofiles.inference.tidegate.dev", "inferenceservices.inference.tidegate.dev")
HELMS_MARKS = {
    "labels": {"app.kubernetes.io/managed-by": None},
    "annotations": {"meta.helm.sh/release-name": None, "meta.helm.sh/release-namespace": None},
}


@dataclass(frozen=True, slots=True)
class Installer:
    """Helm in one namespace of a cluster.

    Attributes:
        helm: Helm.
        cluster: The cluster.
        namespace: Where releases go.
    """

    helm: Helm
    cluster: LiveCluster
    namespace: str

    def run(self, *arguments: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a helm command."""
        where = (f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}")
        return self.helm.run(*arguments, *where, values=values)

    def install(self, release: str, **values: Any) -> str:
        """Install or upgrade a release, and do not wait for its pod; what is said about it."""
        answer = self.run("upgrade", "--install", release, str(CHART), values=values)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def refusal(self, release: str, verb: str = "install", **values: Any) -> str:
        """What is said when a release cannot be installed, or upgraded."""
        answer = self.run(verb, release, str(CHART), values=values)
        assert answer.returncode != 0, f"{release} is installed"
        return answer.stderr

    def uninstall(self, release: str) -> str:
        """Uninstall a release, if it is there; what is said about it. Nobody is asked: here no pod would do it."""
        return self.run("uninstall", release, "--ignore-not-found", "--no-hooks").stdout


@pytest.fixture
def installer(helm: Helm, crds: LiveCluster, namespace: str) -> Iterator[Installer]:
    """Helm in the test's namespace; afterwards the definitions are nobody's again, as other tests expect them."""
    made = Installer(helm, crds, namespace)
    yield made
    for release in ("first", "second"):
        made.uninstall(release)
    for name in DEFINITIONS:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        assert crds.api.merge_patch(path, {"metadata": HELMS_MARKS}, manager="kubectl").status == 200


@pytest.mark.parametrize("path", CI_VALUES, ids=lambda path: path.stem)
def test_the_api_server_takes_every_object_without_a_warning(
    helm: Helm, crds: LiveCluster, namespace: str, path: Path
) -> None:
    """In a namespace under Pod Security `restricted`; unknown fields and what is out of date would be warned of."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    restricted = {"metadata": {"labels": labels}}
    assert crds.api.merge_patch(f"/api/v1/namespaces/{namespace}", restricted, manager="kubectl").status == 200
    watched = [namespace] if "watchNamespaces" in yaml.safe_load(path.read_text()) else []
    made = helm.render({"watchNamespaces": watched}, f"--values={path}", namespace=namespace)
    for document in made:
        document["metadata"].setdefault("namespace", namespace)  # Where Helm puts what does not say.
    # Pods are refused before their accounts are there.
    accounts = [document for document in made if document["kind"] == "ServiceAccount"]
    crds.kubectl("apply", "--server-side", "--filename=-", stdin=manifest(accounts))
    answer = crds.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "--filename=-"),
        stdin=manifest(made),
    )
    assert answer.stdout.count("serverside-applied (server dry run)") == len(made)
    assert answer.stderr == ""


class TestDefinitionsOfOthers:
    """CustomResourceDefinitions that are there before the release."""

    def test_installed_without_helm_they_are_handed_over_by_what_the_message_says(
        self, installer: Installer, crds: LiveCluster
    ) -> None:
        """Its commands are carried out to the letter, and the release is installed."""
        said = installer.refusal("first")
        assert all(f"the CustomResourceDefinition {name} was installed without Helm" in said for name in DEFINITIONS)
        assert "--set crds.enabled=false" in said
        commands = [line.strip().split() for line in said.splitlines() if line.startswith("  kubectl ")]
        assert len(commands) == 2
        for _, *arguments in commands:
            crds.kubectl(*arguments)
        installer.install("first")

    def test_of_another_release_they_are_named_after_it(self, installer: Installer, crds: LiveCluster) -> None:
        """One release has them; another is installed beside it, without."""
        hand_over(crds, "first", installer.namespace)
        installer.install("first")
        said = installer.refusal("second")
        assert f"was installed by the Helm release first in namespace {installer.namespace}" in said
        assert "WARNING" not in installer.install("second", crds={"enabled": False})
        installer.install("first", operator={"replicas": 2})  # The owner's upgrades go on.

    def test_they_and_what_is_of_their_kind_outlive_the_release(self, installer: Installer, crds: LiveCluster) -> None:
        """And the release comes back, by the same name, as if nothing had happened."""
        hand_over(crds, "first", installer.namespace)
        installer.install("first")
        resources = CustomResources(crds, installer.namespace)
        assert crds.api.request("POST", resources.path(), service(LEAST)).status == 201
        said = installer.uninstall("first")
        assert all(f"[CustomResourceDefinition] {name}" in said for name in DEFINITIONS)
        assert crds.api.get(resources.path(name="chat")).status == 200
        installer.install("first")
        assert crds.api.get(resources.path(name="chat")).status == 200


class TestGatewaysThatGo:
    """An upgrade that takes the gateways away."""

    @pytest.mark.parametrize("mode", ["Gateway", "Direct"])
    def test_it_is_refused_while_services_are_reached_through_them(
        self, installer: Installer, crds: LiveCluster, mode: str
    ) -> None:
        """They are named, with the way out; of services that others look after nothing is said."""
        hand_over(crds, "first", installer.namespace)
        installer.install("first")
        resources = CustomResources(crds, installer.namespace)
        resources.create(LEAST)
        routing = {"mode": mode, "port": 10000, "standby": False}
        assert resources.patch({"status": {"routing": routing}}, "status").status == 200
        said = installer.refusal("first", "upgrade", gateway={"enabled": False})
        assert f"clients reach services through the gateways: {installer.namespace}/chat; first" in said
        assert "--set gateway.routingMode=None" in said
        installer.install("first", gateway={"enabled": False}, watchNamespaces=["elsewhere"], rbac={"create": False})
        installer.install("first")
        assert resources.patch({"status": {"routing": {"mode": "None", "port": None}}}, "status").status == 200
        installer.install("first", gateway={"enabled": False})


def manifest(documents: list[Document]) -> str:
    """Objects as kubectl reads them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})


def hand_over(cluster: LiveCluster, release: str, namespace: str) -> None:
    """Make the definitions those of a release."""
    marks = {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace},
    }
    for name in DEFINITIONS:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        assert cluster.api.merge_patch(path, {"metadata": marks}, manager="kubectl").status == 200
