"""InferenceServices as `tidegate explain` finds them."""

from typing import Any

NOW = 1_795_274_648.0
"""2026-11-21 15:24:08 UTC."""

CONDITIONS = {"Ready": "True", "SpecValid": "True", "MetricsAvailable": "True", "ConflictingScaler": "False"}
"""As they should be."""

MESSAGE = "3 → 5: 9,200 tokens/s are arriving and each replica is given 1,900"


def condition(kind: str, status: str, reason: str = "R", message: str = "") -> dict[str, str]:
    """One condition."""
    time = "2026-11-21T15:20:01Z"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time}


def proposal(term: str, replicas: int, because: str = "so") -> dict[str, Any]:
    """What one term said."""
    return {"term": term, "replicas": replicas, "because": because}


def limit(name: str, before: int, after: int, because: str = "so") -> dict[str, Any]:
    """A limit that bit."""
    return {"name": name, "from": before, "to": after, "because": because}


def decision(size: int = 5, *proposals: dict[str, Any], limits: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """The last decision."""
    return {
        "time": "2026-11-21T15:20:05Z",
        "from": 3,
        "to": size,
        "reason": "ScaledUp",
        "message": MESSAGE,
        "applied": True,
        "proposals": list(proposals) or [proposal("throughput", size), proposal("queue", 1)],
        "limits": list(limits),
    }


def service(scaling: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """An InferenceService at rest; `status` replaces parts of what the operator said."""
    at_rest = {
        "observedGeneration": 3,
        "replicas": 5,
        "readyReplicas": 4,
        "desiredReplicas": 5,
        "conditions": [condition(kind, good) for kind, good in CONDITIONS.items()],
        "signals": {
            "workUnit": "tokens",
            "arrivingPerSecond": "9200",
            "servedPerSecond": "6100",
            "requestsPerSecond": "4.1",
            "waiting": 4,
            "running": 96,
            "kvCachePercent": 40,
            "podsSampled": 4,
            "podsReady": 4,
        },
        "decision": decision(),
    }
    return {
        "metadata": {"namespace": "shop", "name": "chat", "generation": 3},
        "spec": {
            "model": {"name": "llama"},
            "engine": {"type": "vLLM", "image": "i"},
            "scaling": {"tokenThroughput": {"targetPerReplica": "1900"}, **(scaling or {})},
            **spec,
        },
        "status": {**at_rest, **(status or {})},
    }
