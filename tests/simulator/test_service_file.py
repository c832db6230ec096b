from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.crds import INFERENCE_SERVICES
from tidegate.migration.documents import InputError
from tidegate.simulator.service_file import RULES, read_service

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

SERVICE = """\
# A comment, and another object before it.
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
---
apiVersion: inference.tidegate.dev/v1alpha1
kind: InferenceService
metadata: {name: chat}
spec:
  model: {name: llama}
  engine: {type: vLLM, image: vllm}
  scaling:
    minReplicas: 2
    maxReplicas: 9
    tokenThroughput: {targetPerReplica: 4k}
    schedules:
    - {name: office, start: "0 8 * * 1-5", end: "0 18 * * 1-5", timeZone: Europe/Paris, minReplicas: 3}
"""


def test_the_policy_is_what_the_file_says(tmp_path: Path) -> None:
    """With the schema's defaults for the rest."""
    file = tmp_path / "infer.yaml"
    file.write_text(SERVICE)
    scaling = read_service(file).scaling
    assert (scaling.min_replicas, scaling.max_replicas) == (2, 9)
    assert scaling.token_throughput is not None
    assert scaling.token_throughput.target_per_replica == "4k"
    assert scaling.queue_depth.drain_seconds == 30


def test_what_kubectl_prints_can_be_rehearsed(tmp_path: Path) -> None:
    """An object from a cluster has a status, of any version, and metadata that nobody wrote; or it is in a List."""
    live = SERVICE.split("---")[1].replace("{name: chat}", "{name: chat, uid: x, managedFields: [{manager: kubectl}]}")
    file = tmp_path / "live.yaml"
    file.write_text(live + "status: {replicas: many, fromTheFuture: {}}\n")
    assert read_service(file).scaling.max_replicas == 9
    indented = live.strip().replace("\n", "\n  ")
    file.write_text(f"apiVersion: v1\nkind: List\nitems:\n- {indented}\n")
    assert read_service(file).scaling.max_replicas == 9


@pytest.mark.parametrize("name", ["chat-gpu", "summarize-cpu", "legacy-advisory", "sleeping", "model-cache"])
def test_the_examples_can_be_rehearsed(name: str) -> None:
    """They are what people start from."""
    assert read_service(EXAMPLES / f"{name}.yaml").scaling.max_replicas >= 1


BAD = {
    "a field nobody knows": ("minReplicas: 2", "minReplica: 2", "spec.scaling.minReplica: there is no such field"),
    "one in a list": ("{name: office", "{nane: x, name: office", "spec.scaling.schedules.0.nane: there is no such"),
    "a word for a number": ("maxReplicas: 9", "maxReplicas: nine", "spec.scaling.maxReplicas is 'nine'"),
    "a text for a number": ("maxReplicas: 9", 'maxReplicas: "9"', "spec.scaling.maxReplicas is '9'"),
    "a truth for a number": ("maxReplicas: 9", "maxReplicas: true", "spec.scaling.maxReplicas is 'True'"),
    "too many": ("maxReplicas: 9", "maxReplicas: 1001", "spec.scaling.maxReplicas is '1001'"),
    "an unknown mode": ("minReplicas: 2", "mode: Auto", "spec.scaling.mode is 'Auto'"),
    "no quantity": ("4k", "few", "spec.scaling.tokenThroughput.targetPerReplica"),
    "a minimum above the maximum": (
        "minReplicas: 2",
        "minReplicas: 10",
        "scaling.minReplicas: minReplicas is above max",
    ),
    "and above the default": (
        "minReplicas: 2\n    maxReplicas: 9",
        "minReplicas: 9",
        "minReplicas is above maxReplicas",
    ),
    "a schedule above it": (
        "minReplicas: 3}",
        "minReplicas: 10}",
        "scaling.schedules: minReplicas of a schedule is abo",
    ),
    "a span without end": ("0 18", "0 8", "schedules.0.end: start and end are the same: the span would never end"),
    "no such hour": ("0 18", "0 33", "spec.scaling.schedules.0.end: '0 33 * * 1-5' is not a time that comes"),
    "no such place": ("Europe/Paris", "Mars/Base", "schedules.0.timeZone: 'Mars/Base' is no time zone"),
    "asleep, and nobody to wake it": (
        "  scaling:\n    minReplicas: 2",
        "  routing: {mode: None}\n  scaling:\n    minReplicas: 0",
        "spec.scaling: minReplicas is 0, and without a gateway in the way nobody would wake the service",
    ),
    "neither engine nor target": ("  engine: {type: vLLM, image: vllm}\n", "", "spec: give exactly one of engine"),
    "no spec": ("spec:", "spce:", "spec: Field required"),
    "a list for a spec": ("spec:", "spec: []\nother:", "spec is '[]'"),
}


@pytest.mark.parametrize(("old", "new", "says"), BAD.values(), ids=BAD)
def test_what_the_api_server_refuses_is_refused(old: str, new: str, says: str, tmp_path: Path) -> None:
    """With the file, the line at which the object begins, the field and the value, in one line."""
    file = tmp_path / "infer.yaml"
    assert old in SERVICE
    file.write_text(SERVICE.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_service(file)
    assert str(caught.value).startswith(f"{file}:6: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_is_used_once(tmp_path: Path) -> None:
    """Schedules are a list by name."""
    file = tmp_path / "infer.yaml"
    schedule = SERVICE.splitlines(keepends=True)[-1]
    file.write_text(SERVICE + schedule)
    with pytest.raises(InputError, match=r"schedules\.1\.name: 'office' is there twice"):
        read_service(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no inference.tidegate.dev/v1alpha1 InferenceService; give a file with exactly one"),
        (
            SERVICE.replace("inference.tidegate.dev/v1alpha1", "serving.kserve.io/v1beta1"),
            "has no inference.tidegate.dev",
        ),
        (SERVICE + "---\n" + SERVICE, "has 2 inference.tidegate.dev/v1alpha1 InferenceService"),
        ("spec: [", ":2: is not YAML"),
        ("just words", ":1: is not a Kubernetes object"),
    ],
)
def test_a_file_has_one_service(text: str, says: str, tmp_path: Path) -> None:
    """Others' objects do not count, KServe's of the same name included."""
    file = tmp_path / "infer.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_service(file)
    assert says in str(caught.value)


def rules(schema: dict[str, Any]) -> set[str]:
    """The CEL rules of a schema and of all in it."""
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    own = {rule["rule"] for rule in schema.get("x-kubernetes-validations", ())}
    return own.union(*(rules(each) for each in inner))


def test_no_rule_of_the_policy_is_forgotten() -> None:
    """Those of quantities and times aside, which are checked by their types and by the schedules themselves."""
    document = yaml.safe_load(yaml.safe_dump(INFERENCE_SERVICES.to_document()))
    spec = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    of_policy = {
        rule for rule in rules(spec["properties"]["scaling"]) if "quantity(" not in rule and "matches(" not in rule
    }
    assert of_policy <= RULES.keys()
    assert RULES.keys() <= rules(spec)
