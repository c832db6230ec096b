from typing import Any

import pytest
from importable import NOTHING_TOLD, deployment, horizontal_pod_autoscaler, imported, refusal_of, spec_of

from tidegate.api.engine import EngineType
from tidegate.migration.engine_guess import PROGRAMS, EngineGuess, containers_of, engine_guess
from tidegate.migration.importing import Choice

VLLM, LLAMA_CPP = EngineType.VLLM, EngineType.LLAMA_CPP
IMAGE = "vllm/vllm-openai:v0.11.0"


def shell(script: str, **container: Any) -> dict[str, Any]:
    """A container that runs a script."""
    return {"image": "registry.example.com/ai", "command": ["/bin/sh", "-c", script], **container}


@pytest.mark.parametrize(
    ("container", "guess"),
    [
        ({"image": IMAGE, "args": ["--model=m"]}, EngineGuess(VLLM, "m")),
        ({"image": IMAGE, "args": ["--model", "a/b", "--served-model-name", "c", "d"]}, EngineGuess(VLLM, "c")),
        ({"image": IMAGE, "args": ["--served_model_name=c", "--model=a"]}, EngineGuess(VLLM, "c")),
        ({"image": IMAGE, "args": ["a/b", "--port", "9000"]}, EngineGuess(VLLM, None, 9000)),
        ({"image": IMAGE, "args": ["--model=/models/a", "--port=8000"]}, EngineGuess(VLLM, None)),
        ({"image": "rocm/vllm", "command": ["vllm", "serve", "a/b"]}, EngineGuess(VLLM, "a/b")),
        ({"image": "x", "command": ["vllm", "serve"]}, EngineGuess(VLLM)),
        ({"image": "x", "args": ["-m", "vllm.entrypoints.openai.api_server", "--model", "a"]}, EngineGuess(VLLM, "a")),
        (shell("vllm serve a/b \\\n  --port 8100"), EngineGuess(VLLM, "a/b", 8100)),
        (shell("exec vllm serve 'a/b"), EngineGuess(VLLM, None)),
        (shell("vllm serve $(NAME)", env=[{"name": "NAME", "value": "n"}]), EngineGuess(VLLM, "n")),
        (shell("vllm serve ${NAME}", env=[{"name": "OTHER", "value": "n"}]), EngineGuess(VLLM, None)),
        ({"image": "kserve/huggingfaceserver:v0.15", "args": ["--model_name=m"]}, EngineGuess(VLLM, "m", 8080)),
        (
            {"image": "ghcr.io/ggml-org/llama.cpp:server", "args": ["-hf", "g/m", "--metrics"]},
            EngineGuess(LLAMA_CPP, "g/m"),
        ),
        (
            {"image": "x", "command": ["/app/llama-server", "-a", "n"]},
            EngineGuess(LLAMA_CPP, "n", None, ("--metrics",)),
        ),
        (
            {"image": "lmsysorg/sglang", "command": ["python3", "-m", "sglang.launch_server", "--model-path", "a/b"]},
            EngineGuess(EngineType.SGLANG, "a/b", None, ("--enable-metrics",)),
        ),
        (
            {"image": "ghcr.io/huggingface/text-generation-inference:3", "args": ["--model-id=m", "-p", "81"]},
            EngineGuess(EngineType.TGI, "m", 81),
        ),
        (
            {
                "image": "ghcr.io/huggingface/text-embeddings-inference:cpu-1.8",
                "env": [{"name": "MODEL_ID", "value": "e"}],
            },
            EngineGuess(EngineType.TEI, "e"),
        ),
        (
            {"image": "nvcr.io/nvidia/tritonserver:25.01-vllm-python-py3", "args": ["--http-port=9000"]},
            EngineGuess(EngineType.TRITON, None, 9000),
        ),
        (
            {"image": "nvcr.io/nvidia/tensorrt-llm/release:1.0", "command": ["trtllm-serve", "a/b"]},
            EngineGuess(EngineType.TENSORRT_LLM, "a/b"),
        ),
        (
            {"image": "openmmlab/lmdeploy", "command": ["lmdeploy", "serve", "api_server", "a/b"]},
            EngineGuess(EngineType.LMDEPLOY, "a/b"),
        ),
        (
            {"image": "michaelf34/infinity", "args": ["v2", "--model-id", "a/b"]},
            EngineGuess(EngineType.INFINITY, "a/b"),
        ),
        ({"image": "ollama/ollama"}, EngineGuess(EngineType.OLLAMA)),
        ({"image": IMAGE, "args": ["--model", "sglang/m"]}, EngineGuess(VLLM, "sglang/m")),
        ({"image": "nginx", "args": ["--model=m"]}, EngineGuess()),
        ({"image": IMAGE, "args": ["--port", "99999999999999"]}, EngineGuess(VLLM)),
        ({"image": 3, "args": [None, 3], "env": [None, {"name": 3}]}, EngineGuess()),
        ("no container", EngineGuess()),
    ],
    ids=str,
)
def test_a_container_tells_engine_model_and_port(container: Any, guess: EngineGuess) -> None:
    """As far as its image, command and arguments do; nothing is made up."""
    assert engine_guess([container]) == guess


def test_every_engine_can_be_guessed() -> None:
    """An engine that is added is known here, too."""
    assert {program.type for program in PROGRAMS} == set(EngineType) - {EngineType.CUSTOM}


def test_a_flag_without_which_there_are_no_metrics_is_missed() -> None:
    """The trial would show nothing, and nobody would know why."""
    runs = deployment({"image": "llama.cpp", "args": ["--alias=m"]})

    (only,) = imported(horizontal_pod_autoscaler(), runs, choice=NOTHING_TOLD).imported

    assert any("without --metrics" in note for note in only.notes)


def test_the_engine_is_found_beside_other_containers() -> None:
    """A proxy in front of it comes first often."""
    assert engine_guess([{"image": "envoy"}, {"image": IMAGE, "args": ["--model=m"]}]) == EngineGuess(VLLM, "m")


@pytest.mark.parametrize("document", [{}, {"spec": None}, {"spec": {"template": {"spec": {"containers": {}}}}}])
def test_a_deployment_without_containers_tells_nothing(document: dict[str, Any]) -> None:
    """And is no error: the API server would refuse it, not we."""
    assert list(containers_of(document)) == []


def test_the_deployment_in_the_input_is_asked() -> None:
    """Whoever hands in both need not say anything."""
    runs = deployment({"image": IMAGE, "args": ["--served-model-name=m", "--port=81"]})

    spec = spec_of(horizontal_pod_autoscaler(), runs, choice=NOTHING_TOLD)

    assert spec["model"] == {"name": "m"}
    assert spec["targetRef"]["engine"] == {"type": "vLLM", "port": 81}


def test_an_image_of_ones_own_needs_the_engine_only() -> None:
    """Its arguments are read as that engine's."""
    runs = deployment({"image": "registry.example.com/ai:3", "args": ["--served-model-name", "m", "--port", "81"]})

    spec = spec_of(horizontal_pod_autoscaler(), runs, choice=Choice(VLLM))

    assert (spec["model"]["name"], spec["targetRef"]["engine"]) == ("m", {"type": "vLLM", "port": 81})


def test_the_person_knows_better() -> None:
    """What was guessed is dropped, and the arguments are read as those of the engine that was told."""
    runs = deployment({"image": IMAGE, "args": ["--model=m", "--port=81"]})

    spec = spec_of(horizontal_pod_autoscaler(), runs, choice=Choice(LLAMA_CPP, "n"))

    assert (spec["model"]["name"], spec["targetRef"]["engine"]) == ("n", {"type": "llamaCpp", "port": 81})


@pytest.mark.parametrize(
    ("containers", "choice", "asked"),
    [
        (None, NOTHING_TOLD, "kubectl get deployment chat -o yaml), or give --engine and --model"),
        (None, Choice(VLLM), "or give --model"),
        ([{"image": "nginx"}], NOTHING_TOLD, "give --engine and --model"),
        ([{"image": IMAGE}], NOTHING_TOLD, "give --model"),
        ([{"image": "nginx"}], Choice(None, "m"), "give --engine"),
    ],
)
def test_what_nobody_tells_is_asked_for(containers: Any, choice: Choice, asked: str) -> None:
    """No InferenceService is printed with a guess in it."""
    runs = [] if containers is None else [deployment(*containers)]

    assert refusal_of(horizontal_pod_autoscaler(), *runs, choice=choice).endswith(asked)
