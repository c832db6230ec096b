import re
from pathlib import Path

import pytest

from helm_chart import CHART, CLUSTER_SCOPED, Document, Helm, component_of, of_kind, operator_container
from tidegate.cluster.rights import GATEWAY, OPERATOR, Table, needed

CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))


class TestRoles:
    """Rights, as far as the roles themselves show them; tests/contract/test_chart_rights.py tries them out."""

    @pytest.mark.parametrize("path", CI_VALUES, ids=lambda path: path.stem)
    def test_there_is_no_wildcard_and_no_secret(self, helm: Helm, path: Path) -> None:
        """Not even for the tests."""
        rules = [
            rule
            for document in helm.render(None, f"--values={path}")
            if document["kind"] in {"Role", "ClusterRole"}
            for rule in document["rules"]
        ]
        assert rules
        for rule in rules:
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not words & {"*", "secrets", "pods/exec", "escalate", "bind", "impersonate"}

    def test_with_namespaces_nothing_in_others_is_allowed(self, helm: Helm) -> None:
        """Outside of them the operator reads AcceleratorProfiles, which are in no namespace.

        Of Namespaces it is told only where it looks after all of them.
        """
        values = {"watchNamespaces": ["a", "b"], "rbac": {"aggregateClusterRoles": False}}
        documents = helm.render(values)
        bound = {binding["roleRef"]["name"] for binding in of_kind(documents, "ClusterRoleBinding")}
        (role,) = (role for role in of_kind(documents, "ClusterRole") if role["metadata"]["name"] in bound)
        assert role["rules"] == [
            {"apiGroups": ["inference.tidegate.dev"], "resources": ["acceleratorprofiles"], "verbs": ["list", "watch"]}
        ]
        everywhere = helm.render()
        (wide,) = (role for role in of_kind(everywhere, "ClusterRole") if role["metadata"]["name"].endswith("-manager"))
        for namespace in ("a", "b"):
            (narrow,) = (
                role
                for role in of_kind(documents, "Role")
                if (role["metadata"]["namespace"], component_of(role)) == (namespace, "operator")
            )
            of_all = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"]}
            assert [*role["rules"], of_all, *narrow["rules"]] == wide["rules"]

    def test_the_gateways_have_theirs_where_the_operator_has_its_own(self, helm: Helm) -> None:
        """In the watched namespaces, or in all; Leases in the release's alone, and no size but by `/scale`."""
        documents, everywhere = helm.render({"watchNamespaces": ["a", "b"]}), helm.render()
        assert not [each for each in of_kind(documents, "ClusterRole", "ClusterRoleBinding") if _of_gateways(each)]
        roles = {
            each["metadata"]["namespace"]: each["rules"] for each in of_kind(documents, "Role") if _of_gateways(each)
        }
        (wide,) = (each["rules"] for each in of_kind(everywhere, "ClusterRole") if _of_gateways(each))
        assert roles.keys() == {"a", "b", "tidegate-system"}
        assert roles["a"] == roles["b"] == wide
        (leases,) = roles["tidegate-system"]
        assert leases["resources"] == ["leases"]
        assert _rights(wide) == _asked(GATEWAY)

    def test_they_are_what_the_operator_asks_for_when_it_starts(self, helm: Helm) -> None:
        """But for the one on finalizers, which only some API servers want."""
        roles = of_kind(helm.render(), "ClusterRole")
        (manager,) = (role for role in roles if role["metadata"]["name"].endswith("-manager"))
        given, asked = _rights(manager["rules"]), _asked(OPERATOR)
        assert given - asked == {("inference.tidegate.dev", "inferenceservices/finalizers", "update")}
        assert asked <= given

    def test_only_its_own_lease_can_be_written(self, helm: Helm) -> None:
        """But for creating one, which has no name yet when it is allowed."""
        documents = helm.render()
        (role,) = (role for role in of_kind(documents, "Role") if role["metadata"]["name"].endswith("-leader"))
        named = {rule["resourceNames"][0] for rule in role["rules"] if "resourceNames" in rule}
        assert [f"--lease-name={name}" in operator_container(documents)["args"] for name in named] == [True]
        assert [rule["verbs"] for rule in role["rules"] if "resourceNames" not in rule] == [["create"]]

    def test_people_get_theirs_by_aggregation_if_that_is_wanted(self, helm: Helm) -> None:
        """`view` reads, `edit` writes too."""
        aggregated = {"rbac.authorization.k8s.io/aggregate-to-view", "rbac.authorization.k8s.io/aggregate-to-edit"}

        def labels(aggregate: bool) -> set[str]:  # noqa: FBT001 - it is the value
            roles = of_kind(helm.render({"rbac": {"aggregateClusterRoles": aggregate}}), "ClusterRole")
            return {label for role in roles for label in role["metadata"]["labels"]}

        assert labels(aggregate=True) >= aggregated
        assert not labels(aggregate=False) & aggregated


def _rights(rules: list[Document]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _asked(table: Table) -> set[tuple[str, str, str]]:
    return {
        (right.resource.group, "/".join(filter(None, (right.resource.plural, right.subresource))), right.verb)
        for right in needed(table, ())
    }


def _of_gateways(document: Document) -> bool:
    return component_of(document) == "gateway"


class TestSideBySide:
    """Several installs in one cluster."""

    def test_cluster_scoped_names_differ_between_namespaces(self, helm: Helm) -> None:
        """The same release name in two namespaces, and two names whose parts could be read either way."""
        installs = [("tidegate", "a"), ("tidegate", "b"), ("tidegate-b", "a"), ("a-tidegate", "a"), ("tidegate", "a-a")]
        names = [
            (document["kind"], document["metadata"]["name"])
            for release, namespace in installs
            for document in helm.render({"crds": {"enabled": False}}, release=release, namespace=namespace)
            if document["kind"] in CLUSTER_SCOPED
        ]
        assert names
        assert len(names) == len(set(names))

    def test_two_releases_share_a_namespace(self, helm: Helm) -> None:
        """Nothing of one is named as something of the other, nor selected by it."""
        one, two = (helm.render({"crds": {"enabled": False}}, release=release) for release in ("one", "two"))
        assert not {(each["kind"], each["metadata"]["name"]) for each in one} & {
            (each["kind"], each["metadata"]["name"]) for each in two
        }
        selectors = [each["spec"]["selector"] for made in (one, two) for each in of_kind(made, "Deployment")]
        assert all(selectors.count(selector) == 1 for selector in selectors)

    @pytest.mark.parametrize("release", ["a" * 53, "tidegate", "x-tidegate-x", "a-b"])
    def test_names_fit(self, helm: Helm, release: str) -> None:
        """Those of Services are the shortest that Kubernetes takes; the longest release name has 53 letters."""
        for document in helm.render(release=release):
            if document["kind"] in {"Service", "Deployment", "Pod"}:
                assert re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", document["metadata"]["name"])
            for label in document["metadata"]["labels"].values():
                assert len(label) <= 63
