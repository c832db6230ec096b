"""What the chart brings besides the operator."""

import re

from helm_release import Release
from model_namespace import ModelNamespace


def test_helm_test_passes(release: Release) -> None:
    """The chart's own tests, as its users run them."""
    assert "Phase:          Succeeded" in release.run("test", release.name, "--timeout=90s")


def test_an_uninstall_that_would_cut_clients_off_is_refused(release: Release, here: ModelNamespace) -> None:
    """It names the services and the way out; that way is gone, and then nobody is in the way."""
    here.apply(here.least())
    here.wait("it is reached through the gateways", lambda: _mode(here) == "Gateway")
    said = release.refusal("uninstall", release.name, "--timeout=20s")
    assert "NOT UNINSTALLED" in said
    assert f"{here.namespace}/chat: all its requests go through the gateways" in said
    assert release.ready_pods() != []
    take_back = re.search(r"helm (rollback \S+ \d+)", said)
    assert take_back is not None, said
    release.run(*take_back[1].split())
    release.install(gateway={"routingMode": "None"})
    here.wait("it is reached directly", lambda: _mode(here) == "None")
    here.wait("no gateway is in its slices", lambda: not _gateway_slices(here))
    release.run("uninstall", release.name, "--wait", "--timeout=60s")
    release.installed = None
    here.wait_serving(pods=1)


def _mode(here: ModelNamespace) -> str:
    mode: str = here.status().get("routing", {}).get("mode", "")
    return mode


def _gateway_slices(here: ModelNamespace) -> list[str]:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{here.namespace}/endpointslices"
    found = here.cluster.api.get(path).document["items"]
    return [each["metadata"]["name"] for each in found if each["metadata"]["name"].endswith("-gateway")]
