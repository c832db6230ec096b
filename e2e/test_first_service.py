"""From `kubectl apply` to a streamed answer."""

import pytest
from openai import OpenAI

from model_namespace import ModelNamespace, pod_that
from streamed_answer import check_streamed_answer

pytestmark = pytest.mark.usefixtures("release")


def test_openais_client_gets_a_streamed_answer(here: ModelNamespace) -> None:
    """From the service that is Ready, at the name it was given; every token of it, in pieces."""
    here.apply(here.least(model={"name": "llama"}))
    here.kubectl("wait", "infer/chat", "--for=condition=Ready", "--timeout=90s")
    with here.forwarded() as url, OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        check_streamed_answer(client, "llama", tokens=12)


def test_the_address_in_status_answers_inside_the_cluster(here: ModelNamespace) -> None:
    """Through cluster DNS and the Service, and people can read what there is."""
    here.apply(here.least())
    here.wait_serving(pods=1)
    assert here.status()["url"] == f"http://chat.{here.namespace}.svc:8000"
    with here.load(requests_per_second=2, prompt_tokens=10, answer_tokens=2) as load:
        load.wait_answered(5)
        load.check_none_failed()
    heading, row = here.kubectl("get", "infer").splitlines()
    assert heading.split()[:5] == ["NAME", "MODEL", "READY", "REPLICAS", "DESIRED"]
    assert row.split()[:5] == ["chat", "m", "True", "1", "1"]


def test_a_service_on_gpus_gets_whole_ones(here: ModelNamespace) -> None:
    """On the nodes that its profile names: a limit of the extended resource, which the scheduler counts."""
    name = here.namespace
    profile = {"resourceName": "nvidia.com/gpu", "nodeLabels": {"nvidia.com/gpu.product": "NVIDIA-L4"}}
    path = here.resources.path("AcceleratorProfile")
    api = here.cluster.api
    document = {"apiVersion": "inference.tidegate.dev/v1alpha1", "kind": "AcceleratorProfile"}
    made = api.request("POST", path, {**document, "metadata": {"name": name}, "spec": profile})
    assert made.status == 201, made.message
    try:
        here.apply(here.least(accelerator={"profile": name, "count": 2}))
        here.apply(here.least(accelerator={"profile": name, "count": 9}), "greedy")
        here.wait_serving(pods=1)
        (pod,) = here.pod_documents()
        assert pod["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "2"}
        assert "Insufficient nvidia.com/gpu" in here.wait_condition("Ready", "False", "Unschedulable", "greedy")
    finally:
        api.request("DELETE", f"{path}/{name}")


def test_it_runs_where_pod_security_is_restricted(here: ModelNamespace) -> None:
    """The pods that Tidegate makes lack one thing only: that the image's user is not root, which they cannot know."""
    here.label(**{"pod-security.kubernetes.io__enforce": "restricted"})
    here.apply(here.least(template=pod_that(securityContext={"runAsNonRoot": True})))
    here.wait_serving(pods=1)
