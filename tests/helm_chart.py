"""Helm as tests use it: what it makes of our chart, and what it says when it refuses."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts" / "tidegate"

CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The definitions of our kinds are long; read in Python they take longer than Helm does."""

Document = dict[str, Any]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Helm:
    """A helm command.

    Attributes:
        program: The command.
        home: Where it may keep things.
    """

    program: Path
    home: Path
    _rendered: dict[str, str] = field(default_factory=dict, repr=False)
    """What was rendered before: many tests compare with the same install."""

    def run(self, *arguments: str, values: Values | None = None) -> subprocess.CompletedProcess[str]:
        """Run it to its end; values take the place of a values file."""
        given = () if values is None else ("--values", "-")
        folders = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return subprocess.run(  # noqa: S603 - arguments written in tests
            [self.program, *arguments, *given],
            input=None if values is None else json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **folders},
        )

    def render(
        self,
        values: Values | None = None,
        *arguments: str,
        release: str = "tidegate",
        namespace: str = "tidegate-system",
        chart: Path = CHART,
    ) -> list[Document]:
        """Every object that an install would make, tests included."""
        asked = json.dumps([release, namespace, str(chart), arguments, values])
        if asked not in self._rendered:
            answer = self._template(release, namespace, chart, arguments, values)
            assert answer.returncode == 0, answer.stderr
            self._rendered[asked] = answer.stdout
        return [document for document in yaml.load_all(self._rendered[asked], _LOADER) if document]

    def refusal(self, values: Values | None = None, *arguments: str) -> str:
        """What it says when it does not render."""
        answer = self._template("tidegate", "tidegate-system", CHART, arguments, values)
        assert answer.returncode != 0, f"helm takes {values}"
        return answer.stderr

    def _template(
        self, release: str, namespace: str, chart: Path, arguments: Iterable[str], values: Values | None
    ) -> subprocess.CompletedProcess[str]:
        return self.run("template", release, str(chart), f"--namespace={namespace}", *arguments, values=values)


def only(documents: Iterable[Document], kind: str, name: str | None = None, component: str | None = None) -> Document:
    """The one object of a kind, or of a kind and a name, or of a kind and a part of the chart."""
    found = [
        document
        for document in of_kind(documents, kind)
        if name in {None, document["metadata"]["name"]} and component in {None, component_of(document)}
    ]
    assert len(found) == 1, f"{len(found)} objects are {kind} {name or component or ''}"
    return found[0]


def component_of(document: Document) -> str | None:
    """Which part of the chart an object belongs to: operator, gateway, test, uninstall; None for all of them."""
    found: str | None = document["metadata"].get("labels", {}).get("app.kubernetes.io/component")
    return found


def of_kind(documents: Iterable[Document], *kinds: str) -> list[Document]:
    """The objects of some kinds, without those that exist only while `helm test` runs."""
    return [document for document in documents if document["kind"] in kinds and not is_hook(document)]


def is_hook(document: Document) -> bool:
    """Whether an object is no part of the release, but made for a moment."""
    return "helm.sh/hook" in document["metadata"].get("annotations", {})


def pod_of(documents: Iterable[Document], component: str) -> Document:
    """The spec of the pods of a part of the chart."""
    found: Document = only(documents, "Deployment", component=component)["spec"]["template"]["spec"]
    return found


def operator_pod(documents: Iterable[Document]) -> Document:
    """The spec of the operator's pods."""
    return pod_of(documents, "operator")


def operator_container(documents: Iterable[Document]) -> Document:
    """The operator's container."""
    (found,) = operator_pod(documents)["containers"]
    return dict(found)


def gateway_containers(documents: Iterable[Document]) -> dict[str, Document]:
    """The containers of a gateway's pod by name, init containers first."""
    pod = pod_of(documents, "gateway")
    return {container["name"]: container for container in (*pod["initContainers"], *pod["containers"])}


def pods(documents: Iterable[Document]) -> list[Document]:
    """The spec of every pod that the chart makes, also of those for a moment."""
    found = []
    for document in documents:
        if document["kind"] == "Pod":
            found.append(document["spec"])
        elif document["kind"] in {"Deployment", "Job"}:
            found.append(document["spec"]["template"]["spec"])
    return found


def containers(pod: Document) -> list[Document]:
    """All containers of a pod."""
    return [*pod.get("initContainers", ()), *pod["containers"]]
