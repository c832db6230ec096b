"""How each engine's container is started and probed, as a file that people can read."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.engine import EngineType
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.engines.catalog import TABLES
from tidegate.workloads.deployment import deployment
from tidegate.workloads.owner import Owner
from tidegate.workloads.service import service

GOLDEN = Path(__file__).parent / "golden" / "engine-containers.yaml"
OWNER = Owner(name="chat", namespace="default", uid="5f1a3c52-1d0c-4c2e-9d0e-0b8f6f0f7a11")

COMMANDS: dict[str, list[str]] = {
    "vLLM": ["--model", "Qwen/Qwen3-8B"],
    "SGLang": ["python3", "-m", "sglang.launch_server", "--model-path", "Qwen/Qwen3-8B"],
    "TGI": ["--model-id", "Qwen/Qwen3-8B"],
    "TensorRTLLM": ["trtllm-serve", "Qwen/Qwen3-8B", "--config", "/etc/trtllm/config.yaml"],
    "Triton": ["tritonserver", "--model-repository=/models"],
    "LMDeploy": ["lmdeploy", "serve", "api_server", "Qwen/Qwen3-8B"],
    "llamaCpp": ["-m", "/models/qwen3.gguf"],
    "TEI": ["--model-id", "BAAI/bge-m3"],
    "Infinity": ["v2", "--model-id", "BAAI/bge-m3"],
    "Ollama": [],
}


def started(flavour: str, **engine: Any) -> dict[str, Any]:
    """The parts of a container that differ between engines, and the port that its Service leads to."""
    spec = InferenceServiceSpec.model_validate(
        {
            "model": {"name": "qwen3-8b"},
            "engine": {"type": flavour, "image": "registry.example/engine:1", "args": COMMANDS[flavour], **engine},
        }
    )
    assert spec.engine is not None
    [container] = deployment(OWNER, spec, None)["spec"]["template"]["spec"]["containers"]
    [port] = service(OWNER, spec.engine)["spec"]["ports"]
    return {
        "args": container.get("args", []),
        "env": {entry["name"]: entry["value"] for entry in container.get("env", [])},
        "port": container["ports"][0]["containerPort"],
        "servicePort": port["port"],
        "health": container["readinessProbe"]["httpGet"]["path"],
    }


def test_every_engine_is_here() -> None:
    """A new engine needs its command above."""
    assert set(COMMANDS) == {flavour.value for flavour in TABLES} == set(EngineType) - {"Custom"}


def test_containers_are_as_recorded() -> None:
    """Arguments, environment, ports and probe of each engine are those of the golden file."""
    rendered = json.loads(json.dumps({flavour: started(flavour) for flavour in COMMANDS}))
    if os.environ.get("TIDEGATE_WRITE_GOLDEN"):
        GOLDEN.write_text(yaml.safe_dump(rendered, sort_keys=False))
    assert rendered == yaml.safe_load(GOLDEN.read_text())


@pytest.mark.parametrize("flavour", COMMANDS)
def test_usual_ports_can_be_opened_without_capabilities(flavour: str) -> None:
    """Engines run with all capabilities dropped: ports below 1024 are not for them on every node."""
    assert started(flavour)["port"] >= 1024


@pytest.mark.parametrize("flavour", COMMANDS)
def test_an_engine_listens_on_the_port_that_the_spec_gives(flavour: str) -> None:
    """A port in the spec is told to the engine, once, and its container and its Service have it."""
    container = started(flavour, port=12_345)
    told = [value for value in [*container["args"], *container["env"].values()] if "12345" in value]
    assert len(told) == 1
    assert container["port"] == container["servicePort"] == 12_345


@pytest.mark.parametrize(
    ("metrics", "port"),
    [({}, "8002"), ({"port": 9_002}, "9002")],
    ids=["usual", "given"],
)
def test_tritons_metrics_have_a_port_of_their_own(metrics: dict[str, Any], port: str) -> None:
    """It is given to the server, whatever the spec says."""
    arguments = started("Triton", metrics=metrics)["args"]
    assert arguments[-2:] == ["--metrics-port", port]
