"""Several installs in one cluster."""

from dataclasses import replace

from helm_release import Release
from model_namespace import ModelNamespace


def test_two_installs_share_a_cluster_by_namespaces(
    here: ModelNamespace, there: ModelNamespace, shared_release: Release
) -> None:
    """Each looks after its own with rights in its own; what one does not see, it does not touch."""
    shared_release.uninstall()
    first = replace(shared_release, name="first")
    second = replace(shared_release, name="second")
    keep = {"crds": {"enabled": False}}
    try:
        first.install(watchNamespaces=[here.namespace], **keep)
        for place in (here, there):
            place.apply(place.least())
        here.wait_serving(pods=1)
        (operator,) = first.ready_pods()
        goal = first.turns(operator) + 3
        here.wait("it has looked around", lambda: first.turns(operator) >= goal)
        assert there.find("deployments") is None
        second.install(watchNamespaces=[there.namespace], **keep)
        there.wait_serving(pods=1)
        assert not _may(first, "list pods", there.namespace)
        assert _may(first, "list pods", here.namespace)
        for release, own in ((first, here), (second, there)):
            release.uninstall()
            assert own.size() == 1
    finally:
        for release in (first, second):
            release.uninstall()


def _may(release: Release, what: str, namespace: str) -> bool:
    """Whether an install's account may do something in a namespace."""
    account = f"system:serviceaccount:{release.namespace}:{release.pods()[0]['spec']['serviceAccountName']}"
    answer = release.cluster.kubectl(
        "auth", "can-i", *what.split(), f"--namespace={namespace}", f"--as={account}", check=False
    )
    return answer.stdout.strip() == "yes"
