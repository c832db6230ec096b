"""What the gateways' account may not do, asked with its own token, and what an author gets through us: nothing more."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from custom_resources import service

from cluster_clients import Clients
from helm_release import Release
from model_namespace import ModelNamespace
from sleepers import apply_asleep, sleeper
from tidegate.api.names import SLICE_MANAGED_BY

SLICE = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": []}

Kubectl = Callable[..., str]


@pytest.fixture
def as_gateway(clients: Clients, release: Release) -> Kubectl:
    """Runs kubectl with a token of the gateways' account; what it said."""
    cluster, here = clients.here.cluster, clients.here
    token = cluster.kubectl("create", "token", f"{release.name}-gateway", f"--namespace={release.namespace}").stdout
    authority = cluster.kubeconfig.with_name("certificate-authority.pem")
    own = replace(cluster, kubeconfig=Path("/dev/null"))
    access = (f"--server={cluster.api.url}", f"--certificate-authority={authority}", f"--token={token.strip()}")

    def run(*arguments: str, stdin: str | None = None) -> str:
        answer = own.kubectl(*access, f"--namespace={here.namespace}", *arguments, stdin=stdin, check=False)
        return answer.stdout + answer.stderr

    return run


@pytest.fixture(scope="module")
def deployments(clients: Clients) -> None:
    """Ours asleep and ours awake, and somebody else's at zero."""
    here = clients.here
    here.make_deployment("foreign", replicas=0)
    apply_asleep(clients, sleeper(here), "asleep")
    here.apply(here.least(), "awake")
    here.wait_serving("awake", pods=1)


@pytest.mark.usefixtures("deployments")
@pytest.mark.parametrize(
    ("name", "replicas", "says"),
    [
        ("asleep", 2, "scale.autoscaling/asleep patched"),
        ("awake", 0, "it asked for 0 where there are 1"),
        ("awake", 2, "it asked for 2 where there are 1"),
        ("foreign", 1, "may wake Deployments of InferenceServices only"),
    ],
)
def test_it_wakes_ours_from_zero_and_nothing_else(as_gateway: Kubectl, name: str, replicas: int, says: str) -> None:
    """Not down, not further up, and nobody else's."""
    path = "patch", f"deployment/{name}", "--subresource=scale", "--type=merge", "--dry-run=server"
    said = as_gateway(*path, f"--patch={json.dumps({'spec': {'replicas': replicas}})}")
    assert says in said


@pytest.mark.usefixtures("deployments")
def test_it_leads_nobody_elses_service_to_itself(clients: Clients, as_gateway: Kubectl) -> None:
    """Neither by a slice of its own nor by another's."""
    labels = {"kubernetes.io/service-name": "foreign", "endpointslice.kubernetes.io/managed-by": SLICE_MANAGED_BY}
    foreign = {**SLICE, "metadata": {"name": "mine", "labels": labels}}
    assert "may lead the Service of an InferenceService to itself" in as_gateway(
        "create", "--filename=-", stdin=json.dumps(foreign)
    )
    selector = "--selector=kubernetes.io/service-name=awake,endpointslice.kubernetes.io/managed-by!=" + SLICE_MANAGED_BY
    slices = clients.here.kubectl("get", "endpointslices", selector, "--output=name").split()
    assert slices
    assert "may write none but its own EndpointSlices" in as_gateway("delete", *slices)


@pytest.mark.usefixtures("deployments")
@pytest.mark.parametrize("what", [("get", "secrets"), ("delete", "deployment/asleep"), ("delete", "pods", "--all")])
def test_it_has_no_other_rights(as_gateway: Kubectl, what: tuple[str, ...]) -> None:
    """Reading secrets and deleting things are not among them."""
    assert "forbidden" in as_gateway(*what).lower()


@pytest.fixture
def author(clients: Clients) -> Iterator[str]:
    """Somebody who may write InferenceServices, and no Deployments."""
    here, name = clients.here, "author"
    here.kubectl("create", "role", name, "--verb=create,get,patch", "--resource=inferenceservices")
    here.kubectl("create", "rolebinding", name, f"--role={name}", f"--user={name}")
    yield name
    here.kubectl("delete", f"role/{name}", f"rolebinding/{name}")


def apply_as(here: ModelNamespace, user: str, spec: dict[str, Any]) -> str:
    """Apply a service as somebody; what kubectl said."""
    document = json.dumps(service(spec, "authored"))
    answer = here.cluster.kubectl(
        *("apply", "--server-side", f"--as={user}", f"--namespace={here.namespace}", "--filename=-"),
        stdin=document,
        check=False,
    )
    return answer.stdout + answer.stderr


def test_an_author_gets_no_pods_that_he_may_not_make(clients: Clients, author: str) -> None:
    """He is told which right he lacks, and once he has it all is well."""
    here = clients.here
    said = apply_as(here, author, here.least(replicas=0))
    assert "spec asks for a Deployment, and author may not create deployments.apps" in said
    assert here.find("inferenceservices", "authored") is None
    here.kubectl("create", "role", "more", "--verb=create", "--resource=deployments.apps")
    here.kubectl("create", "rolebinding", "more", "--role=more", f"--user={author}")
    here.wait("he may", lambda: "serverside-applied" in apply_as(here, author, here.least(replicas=0)))
