import shutil
from typing import Any

import pytest

from helm_chart import CHART, Document, Helm, is_hook, of_kind, only

LATER = [("version: 0.1.0", "version: 0.2.0"), ("appVersion: 0.1.0", "appVersion: 0.2.0")]


@pytest.fixture(scope="module")
def before(helm: Helm) -> list[Document]:
    """What is installed."""
    return helm.render()


@pytest.fixture(scope="module")
def after(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """What the same chart makes as a later version of another image."""
    chart = tmp_path_factory.mktemp("later") / "tidegate"
    shutil.copytree(CHART, chart)
    text = (chart / "Chart.yaml").read_text()
    for old, new in LATER:
        assert old in text
        text = text.replace(old, new)
    (chart / "Chart.yaml").write_text(text)
    return helm.render(chart=chart)


def identity(document: Document) -> tuple[Any, ...]:
    """What Kubernetes tells objects apart by."""
    metadata = document["metadata"]
    return document["apiVersion"], document["kind"], metadata.get("namespace"), metadata["name"]


class TestUpgrade:
    """`helm upgrade` to the next version."""

    def test_it_is_another_version(self, before: list[Document], after: list[Document]) -> None:
        """Otherwise nothing would be seen here."""
        assert before != after

    def test_no_object_changes_its_name(self, before: list[Document], after: list[Document]) -> None:
        """What has another name is deleted and made anew."""
        assert [identity(document) for document in before] == [identity(document) for document in after]

    def test_nothing_that_can_never_change_does(self, before: list[Document], after: list[Document]) -> None:
        """Selectors of Deployments and the roles of bindings."""
        old, new = (
            [
                *(each["spec"]["selector"] for each in of_kind(made, "Deployment")),
                *(each["roleRef"] for each in of_kind(made, "RoleBinding", "ClusterRoleBinding")),
            ]
            for made in (before, after)
        )
        assert old == new

    def test_selectors_hold_no_version(self, before: list[Document]) -> None:
        """Name, release and component: the rest of the labels may change."""
        for component in ("operator", "gateway"):
            assert only(before, "Deployment", component=component)["spec"]["selector"]["matchLabels"] == {
                "app.kubernetes.io/name": "tidegate",
                "app.kubernetes.io/instance": "tidegate",
                "app.kubernetes.io/component": component,
            }

    def test_the_definitions_stay_the_same(self, before: list[Document], after: list[Document]) -> None:
        """As far as the models do; only labels tell the new version."""
        old, new = (of_kind(made, "CustomResourceDefinition") for made in (before, after))
        assert [each["spec"] for each in old] == [each["spec"] for each in new]

    def test_the_only_pods_are_the_operators_and_the_gateways(self, before: list[Document]) -> None:
        """Model pods belong to InferenceServices, which no release contains: an upgrade cannot touch them."""
        makers = {"Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"}
        assert [(each["kind"], each["metadata"]["name"]) for each in of_kind(before, *makers)] == [
            ("Deployment", "tidegate-gateway"),
            ("Deployment", "tidegate"),
        ]
        hooks = {each["metadata"]["annotations"]["helm.sh/hook"] for each in before if is_hook(each)}
        assert hooks == {"test", "pre-delete"}
