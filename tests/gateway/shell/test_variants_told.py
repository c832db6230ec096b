"""What the policy is told of the pods of a service with several variants."""

from typing import Any

import pytest
from gateway_objects import CHAT, Told, inference_service, pod, routing_status

from tidegate.api.names import VARIANT_LABEL
from tidegate.cluster.resources import INFERENCE_SERVICES, PODS, Document
from tidegate.gateway.routed_service import ModelPod, PodEngine
from tidegate.gateway.store import Store

CPU: Document = {"name": "cpu", "engine": {"type": "llamaCpp", "image": "i", "port": 9090}}
SPEC: Document = {"model": {"name": "m"}, "engine": {"type": "vLLM", "image": "i"}, "variants": [CPU]}
VLLM = PodEngine(port=8000, health_path="/health")
LLAMA = PodEngine(port=9090, health_path="/health", keeps_connections=False)


class Fed:
    """A store, and what it tells."""

    def __init__(self) -> None:
        self.told = Told()
        self.store = Store(self.told, changed=lambda _: None, clock=lambda: 100.0)

    def service(self, spec: Document = SPEC, *, generation: int = 1, variants: list[Document] | None = None) -> None:
        """Have the watch bring the service."""
        document = inference_service(spec=spec, status=routing_status() | {"variants": variants or []})
        document["metadata"]["generation"] = generation
        self.store.put(INFERENCE_SERVICES, document)

    def pod(self, name: str, variant: str | None = None, *, port: int | None = None, **changes: Any) -> None:
        """Have the watch bring a pod."""
        document = pod(name, **changes)
        if variant is not None:
            document["metadata"]["labels"][VARIANT_LABEL] = variant
        if port is not None:
            sidecar = {"name": "proxy", "ports": [{"name": "http", "containerPort": 2}]}
            ports = [{"name": "metrics", "containerPort": 1}, {"name": "http", "containerPort": port}]
            document["spec"] = {"containers": [sidecar, {"name": "engine", "ports": ports}]}
        self.store.put(PODS, document)

    def told_of(self, name: str) -> ModelPod:
        """A pod as the policy knows it."""
        return self.told.pods[CHAT][name]

    def weights(self) -> dict[str, tuple[float, int | None]]:
        """Of each pod: its weight, and how many it takes."""
        return {pod.name: (pod.weight, pod.max_sequences) for pod in self.told.pods[CHAT].values()}


@pytest.fixture
def fed() -> Fed:
    """A service with a variant and a pod of each; nothing is weighed yet."""
    fed = Fed()
    fed.service()
    fed.pod("gpu-1", "default")
    fed.pod("cpu-1", "cpu")
    return fed


def test_each_variant_has_its_own_engine(fed: Fed) -> None:
    """Port, health path and whether connections are kept: a pod has those of the variant in its label."""
    assert dict(fed.told.services[CHAT].engines) == {"default": VLLM, "cpu": LLAMA}
    gpu, cpu = fed.told_of("gpu-1"), fed.told_of("cpu-1")
    assert (gpu.variant, gpu.address, gpu.health_path, gpu.keeps_connections) == (
        "default",
        "10.0.0.1:8000",
        "/health",
        True,
    )
    assert (cpu.variant, cpu.address, cpu.health_path, cpu.keeps_connections) == (
        "cpu",
        "10.0.0.1:9090",
        "/health",
        False,
    )


def test_a_variant_without_an_engine_runs_that_of_the_service(fed: Fed) -> None:
    """On other hardware."""
    fed.service(SPEC | {"variants": [{"name": "cpu"}]}, generation=2)
    assert fed.told_of("cpu-1").address == "10.0.0.1:8000"


def test_a_pod_without_the_label_is_of_the_default_variant(fed: Fed) -> None:
    """There are none; but if there were, it would be asked where the service's engine answers."""
    fed.pod("old-1")
    assert (fed.told_of("old-1").variant, fed.told_of("old-1").address) == ("default", "10.0.0.1:8000")


def test_a_pod_is_asked_at_its_own_port_whatever_the_spec_says_by_now(fed: Fed) -> None:
    """While a rollout changes the port there are pods with either."""
    fed.pod("gpu-2", "default", port=7000)
    assert fed.told_of("gpu-2").address == "10.0.0.1:7000"


def test_a_variant_may_be_a_custom_engine_whose_paths_nobody_knows(fed: Fed) -> None:
    """Then whatever is posted to the service may be work."""
    assert not fed.told.services[CHAT].any_post
    custom = {"type": "Custom", "image": "i", "port": 9000, "metrics": {"names": {"running": "r"}}}
    fed.service(SPEC | {"variants": [{"name": "cpu", "engine": custom}]}, generation=2)
    assert fed.told.services[CHAT].any_post


def test_weights_are_the_operators_and_one_where_it_says_none(fed: Fed) -> None:
    """They come with the status, of the same generation, too."""
    assert fed.weights() == {"gpu-1": (1, None), "cpu-1": (1, None)}
    fed.service(variants=[{"name": "default", "weight": 128, "maxSequences": 256}, {"name": "cpu", "weight": 4}])
    assert fed.weights() == {"gpu-1": (128, 256), "cpu-1": (4, None)}
    fed.service(variants=[{"name": "default", "weight": 64}])
    assert fed.weights() == {"gpu-1": (64, None), "cpu-1": (1, None)}


def test_what_else_is_said_of_variants_is_not_read(fed: Fed) -> None:
    """A newer operator may say more, and a price is for people."""
    fed.service(variants=[{"name": "default", "weight": 9, "costPerHour": {"eur": 7}, "unavailableSince": 3}])
    assert fed.weights() == {"gpu-1": (9, None), "cpu-1": (1, None)}


@pytest.mark.parametrize("wrong", [{"weight": 0}, {"weight": "many"}, {"weight": 2, "maxSequences": 0}], ids=str)
def test_a_weight_that_is_none_leaves_what_was_known(fed: Fed, wrong: Document) -> None:
    """Nothing is ever divided by zero."""
    fed.service(variants=[{"name": "default", "weight": 8}])
    fed.service(variants=[{"name": "default"} | wrong])
    assert fed.weights()["gpu-1"] == (8, None)
    assert "VariantStatus" in fed.store.services[CHAT].problem


def test_pods_of_a_variant_that_was_removed_go_on_as_they_were(fed: Fed) -> None:
    """They drain, at the port and with the weight that were known; a pod of which nothing is known is the default's."""
    fed.service(variants=[{"name": "cpu", "weight": 4, "maxSequences": 8}])
    fed.service({name: SPEC[name] for name in ("model", "engine")}, generation=2)
    cpu = fed.told_of("cpu-1")
    assert (cpu.address, cpu.weight, cpu.max_sequences, cpu.keeps_connections) == ("10.0.0.1:9090", 4, 8, False)
    fed.pod("cpu-2", "cpu")
    assert fed.told_of("cpu-2").address == "10.0.0.1:8000"
    fed.store.forget(PODS, ("models", "cpu-1"))
    fed.pod("cpu-1", "cpu")
    assert fed.told_of("cpu-1").address == "10.0.0.1:8000"
