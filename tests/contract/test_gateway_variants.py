"""A whole gateway before two variants: real Envoy, real picker, real API server, two engines, and no operator."""

import concurrent.futures
import json
import urllib.request
from typing import Any

from gateway_process import PORT, GatewayProcess, ask, listens
from gateways_under_test import routing
from operated_namespace import OperatedNamespace

from tidegate.api.names import API_VERSION, ROUTING_LABEL, SERVICE_LABEL, VARIANT_LABEL

WEIGHTS = {"default": 1, "cpu": 4}
STREAMS = 40
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def asleep(here: OperatedNamespace, second_port: int, **plan: Any) -> None:
    """A service of two variants at zero, with the Deployments and the status that an operator would have written."""
    cpu = {"name": "cpu", "engine": {"type": "SGLang", "image": "e:1", "port": second_port}}
    here.apply(here.least(scaling={"minReplicas": 0}, variants=[cpu]))
    for variant, name in {"default": "chat", "cpu": "chat-cpu"}.items():
        labels = {SERVICE_LABEL: "chat", VARIANT_LABEL: variant}
        template = {
            "metadata": {"labels": {**labels, ROUTING_LABEL: "serving"}},
            "spec": {"containers": [{"name": "engine", "image": "e:1"}]},
        }
        spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        here.create("/apis/apps/v1", "deployments", {"metadata": {"name": name, "labels": labels}, "spec": spec})
    weighed = [{"name": name, "weight": weight, "maxSequences": 200} for name, weight in WEIGHTS.items()]
    status = routing(port=PORT, **plan) | {"variants": weighed}
    path = f"{here.path('inferenceservices', 'chat')}/status"
    answer = here.cluster.api.merge_patch(path, {"apiVersion": API_VERSION, "status": status}, manager="tidegate")
    assert answer.status == 200, answer.message


def running(address: str, port: int, series: str) -> int:
    """How many requests an engine works on, as it says itself."""
    with _DIRECT.open(f"http://{address}:{port}/metrics", timeout=5) as response:
        page = response.read().decode()
    return sum(int(float(line.rpartition(" ")[2])) for line in page.splitlines() if line.startswith(series))


def pod_of(here: OperatedNamespace, variant: str) -> str:
    """Address of the only pod of a variant; empty until it has one."""
    pods = here.cluster.api.get(f"/api/v1/namespaces/{here.namespace}/pods").document["items"]
    ready = (
        pod["status"]["podIP"]
        for pod in pods
        if pod["metadata"]["labels"][VARIANT_LABEL] == variant
        and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))
    )
    return next(ready, "")


def test_one_variant_is_woken_and_the_other_takes_its_share_once_it_is_there(
    gateway: GatewayProcess, here: OperatedNamespace, second_port: int
) -> None:
    """A request wakes the plan's variant alone; with pods of both, what each has follows the weights."""
    asleep(here, second_port, deployment="chat-cpu")
    gateway.wait("the service has a port", lambda: listens(gateway.address, PORT))
    status, headers, body = ask(gateway.url)
    assert (status, json.loads(body)["object"]) == (200, "chat.completion")
    assert {name.lower(): value for name, value in headers.items()}["x-tidegate-cold-start"] == "true"
    assert (here.size(), here.size("chat-cpu")) == (0, 1)
    assert gateway.total("tidegate_gateway_wakes_total") == 1

    scale = f"{here.path('deployments', 'chat')}/scale"
    assert here.cluster.api.merge_patch(scale, {"spec": {"replicas": 1}}, manager="tidegate-scaler").status == 200
    gateway.wait("both take requests", lambda: gateway.total("tidegate_gateway_slots") == 400)
    gpu, cpu = pod_of(here, "default"), pod_of(here, "cpu")
    with concurrent.futures.ThreadPoolExecutor(max_workers=STREAMS) as pool:
        asked = [pool.submit(ask, gateway.url, tokens=300, stream=True) for _ in range(STREAMS)]
        gateway.wait("all stream", lambda: gateway.total("tidegate_gateway_in_flight") == STREAMS)
        found = gateway.wait(
            "the engines say so",
            lambda: (
                counts
                if sum(
                    counts := (
                        running(gpu, here.port, "vllm:num_requests_running"),
                        running(cpu, second_port, "sglang:num_running_reqs"),
                    )
                )
                == STREAMS
                else None
            ),
        )
        assert [answer.result()[0] for answer in asked] == [200] * STREAMS
    assert found == (8, 32)
