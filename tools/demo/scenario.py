"""The piece that is played, as tables: the services, what is changed in their examples, and the load they get.

Everything about time is made to fit a few minutes: starts take seconds instead of minutes, the way down waits for
less than a minute instead of five. The physics are not: an engine on an L4 answers as slowly as an L4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api.names import ROUTING_LABEL, ROUTING_SERVING, SERVICE_LABEL

Document = dict[str, Any]

LOAD_SECONDS = 200.0
"""How long requests are sent: all pieces of traces are squeezed into this."""

ABOUT = (
    "Azure, 2023. In that time `chat` gets 26 minutes of a chat service, `summarize` short requests of the same, "
    "`legacy` a burst of a code completion service."
)

NAMESPACE = "default"
PROFILES = "profiles.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What answers on a port of a pod."""

    flavour: str
    port: int
    physics: str
    """Name of the replica model; `tidegate engine --help` lists them."""


L4 = Engine(flavour="vLLM", port=8000, physics="l4")
CPU = Engine(flavour="llamaCpp", port=8080, physics="cpu")
ENGINES = (L4, CPU)

STREAM_INTERVAL_SECONDS = 0.2
"""Least time between two events of an answer: each costs the client a quarter millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A piece of a trace, and how it is played."""

    trace: str
    """File in examples/traces."""

    seconds: float
    """How much of it is played, in the trace's own time."""

    rate: float
    """Requests per second, as a share of the recorded ones."""

    longest_prompt_tokens: int
    """Requests with longer prompts are left out: the model could not take them, or not in this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One InferenceService and its load."""

    name: str
    model: str
    example: str
    """File in examples/."""

    deployment: str
    pod_labels: Mapping[str, str]
    """Of the pods that requests may go to."""

    engine: Engine
    startup_seconds: int
    """How long a pod takes from its start until it is ready. Real ones load weights for minutes."""

    load: Load
    patches: Mapping[str, Document]
    """Kind of an object in the example to what is laid over it, as a merge patch. Each stage lays more over it: what
    makes its pods simulated engines."""

    must_reach_replicas: int
    """Fewest replicas it must have had, or, in mode Advisory, must have been advised."""

    told_changes: int = 2
    """How many of its changes are told at the end."""

    touched: bool = True
    """Whether its size may change at all: not in mode Advisory."""


_DOWN_SOON = {
    "scaleDown": {"stabilizationWindowSeconds": 20, "policies": [{"type": "Pods", "value": 2, "periodSeconds": 15}]}
}

CHAT = Part(
    name="chat",
    model="qwen3-8b",
    example="chat-gpu.yaml",
    deployment="chat",
    pod_labels={SERVICE_LABEL: "chat", ROUTING_LABEL: ROUTING_SERVING},
    engine=L4,
    startup_seconds=20,
    # 26 minutes of the chat trace, about 8 times as fast, at 0.4 of the recorded rate: 2,500 to 5,500 tokens/s.
    load=Load(trace="azure-2023-conversation.csv.gz", seconds=1560, rate=0.4, longest_prompt_tokens=7000),
    # Nobody says how much a replica can do: it is learned. (The simulated L4 drowns at 1,500 tokens/s of this trace.)
    patches={"InferenceService": {"spec": {"scaling": {"behavior": _DOWN_SOON}}}},
    must_reach_replicas=3,
    told_changes=3,
)

SUMMARIZE = Part(
    name="summarize",
    model="gemma-3-1b",
    example="summarize-cpu.yaml",
    deployment="summarize",
    pod_labels={SERVICE_LABEL: "summarize", ROUTING_LABEL: ROUTING_SERVING},
    engine=CPU,
    startup_seconds=10,
    # The short ones of the same trace: a CPU reads 250 tokens a second.
    load=Load(trace="azure-2023-conversation.csv.gz", seconds=1560, rate=0.06, longest_prompt_tokens=600),
    patches={"InferenceService": {"spec": {"scaling": {"behavior": _DOWN_SOON}}}},
    must_reach_replicas=1,
)

LEGACY = Part(
    name="legacy",
    model="mistral-7b",
    example="legacy-advisory.yaml",
    deployment="legacy-vllm",
    pod_labels={"app": "legacy-vllm"},
    engine=L4,
    startup_seconds=5,
    # A burst of the code completion trace, nearly as fast as it was, at 0.3 of its rate.
    load=Load(trace="azure-2023-code.csv.gz", seconds=200, rate=0.3, longest_prompt_tokens=7000),
    patches={"InferenceService": {"spec": {"scaling": {"tokenThroughput": {"targetPerReplica": 1500}}}}},
    must_reach_replicas=3,
    touched=False,
)

PARTS = (CHAT, SUMMARIZE, LEGACY)


def merged(document: Any, patch: Any) -> Any:
    """A document with a merge patch laid over it (RFC 7386): maps by key, null removes, all else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    base = document if isinstance(document, Mapping) else {}
    result = {key: value for key, value in base.items() if key not in patch}
    for key, value in patch.items():
        if value is not None:
            result[key] = merged(base.get(key), value)
    return result
