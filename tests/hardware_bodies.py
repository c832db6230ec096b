"""What hardware makes of a body: the Deployment of a service with an accelerator, without what it has on CPU."""

from typing import Any

from mechanism_rows import profile_of
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.workloads.claim_template import claim_template
from tidegate.workloads.deployment import deployment
from tidegate.workloads.granted import granted
from tidegate.workloads.owner import Owner

Document = dict[str, Any]

OWNER = Owner(name="chat", namespace="default", uid="5f1a3c52-1d0c-4c2e-9d0e-0b8f6f0f7a11")
CASES: dict[str, tuple[str, Document]] = {
    "whole": ("whole", {"count": 2, "placement": "Spread"}),
    "any-whole": ("any-whole", {}),
    "time-slicing": ("time-slicing", {"fraction": "0.25"}),
    "time-slicing-by-label": ("time-slicing-by-label", {"memory": "10Gi"}),
    "mps": ("mps", {"fraction": "0.25"}),
    "mig-mixed": ("mig-mixed", {"memory": "10Gi"}),
    "mig-single": ("mig-single", {"fraction": "0.25"}),
    "hami": ("hami", {"fraction": "0.25"}),
    "volcano": ("volcano", {"memory": "10Gi"}),
    "kai": ("kai", {"fraction": "0.25"}),
    "run-ai": ("run-ai", {"memory": "10Gi"}),
    "dra": ("dra", {"memory": "40Gi"}),
    "dra-mig": ("dra-mig", {"memory": "10Gi"}),
    "dra-shares": ("dra-shares", {"memory": "10Gi"}),
    "amd-partitions": ("amd-partitions", {"fraction": "0.1"}),
    "neuron-cores": ("neuron-cores", {"fraction": "0.5"}),
    "intel-shared": ("intel-shared", {"fraction": "0.25"}),
    "tpu": ("tpu", {"count": 8}),
}
"""Golden file -> profile, and what is asked for."""


def spec_of(case: str, **changes: Any) -> InferenceServiceSpec:
    """The spec of a case's service."""
    profile, asks = CASES[case]
    document = {
        "model": {"name": "llama"},
        "engine": {"type": "vLLM", "image": "vllm/vllm-openai:v0.11.0"},
        "accelerator": {"profile": profile, **asks},
        **changes,
    }
    return InferenceServiceSpec.model_validate(document)


def bodies(case: str, owner: Owner = OWNER) -> list[Document]:
    """All that is applied for a case: the template of its claim, if it has one, and its Deployment."""
    spec, profile = spec_of(case), profile_of(CASES[case][0])
    claim = granted(spec, profile).allocation.additions.claim
    return [*([claim_template(owner, claim)] if claim else []), deployment(owner, spec, profile)]


def made_by_hardware(case: str) -> list[Document]:
    """The same, the Deployment without what it would be on CPU."""
    on_cpu = deployment(OWNER, spec_of(case, accelerator=None), None)
    *templates, body = bodies(case)
    return [*({"kind": each["kind"], "spec": each["spec"]} for each in templates), _without(body, on_cpu)]


def _without(body: Any, plain: Any) -> Any:
    """What a document has that another one does not; hashes are left out."""
    if isinstance(body, dict) and isinstance(plain, dict):
        parts = {key: _without(value, plain.get(key)) for key, value in body.items() if not key.endswith("-hash")}
        return {key: part for key, part in parts.items() if part not in (None, {}, [])}
    if isinstance(body, list) and isinstance(plain, list) and len(body) == len(plain) == 1:
        return [part for part in (_without(body[0], plain[0]),) if part]
    if isinstance(body, list) and isinstance(plain, list):
        return [item for item in body if item not in plain]
    return None if body == plain else body
