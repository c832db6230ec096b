"""Several policies over the same requests, and the document that says what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .outcome import outcome_document
from .policy import MixedPolicy, Policy
from .replay import SetUp, replay
from .trace import Trace
from .trouble import Trouble

Document = dict[str, Any]
Progress = Callable[[str, float], None]
"""Called with a policy's name and the share of its replay that is done, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What arrives, and where it came from."""

    trace: Trace
    """The trace as it is replayed: multiplied, without what is too long."""

    copies: int = 1
    jitter_seconds: float = 0.0


def compare(
    load: Load,
    policies: Sequence[Policy | MixedPolicy],
    set_up: SetUp,
    replica_model: str,
    on_progress: Progress | None = None,
) -> Document:
    """Replay a trace through each policy in turn.

    Args:
        load: what arrives.
        policies: who decides; each is used up by its replay.
        set_up: everything else, the same for all.
        replica_model: what people call `set_up.model`.
        on_progress: told now and then how far it is.

    Returns:
        What `tidegate simulate --json` writes: ``trace``, ``setUp`` and ``runs``; the same arguments give the same
        document. Times are in the unit that their name ends with.
    """
    runs = []
    for policy in policies:
        told = None if on_progress is None else _named(on_progress, policy.name)
        runs.append(outcome_document(replay(load.trace.requests, policy, set_up, told)))
        if told is not None:
            told(1.0)
    return {
        "trace": _trace_document(load, set_up),
        "setUp": _set_up_document(set_up, replica_model),
        "runs": runs,
    }


def _named(on_progress: Progress, name: str) -> Callable[[float], None]:
    return lambda share: on_progress(name, share)


def _trace_document(load: Load, set_up: SetUp) -> Document:
    requests = load.trace.requests
    trouble = Trouble(set_up.faults)
    return {
        "name": load.trace.name,
        "format": load.trace.format.value,
        "requests": len(requests),
        "refused": load.trace.refused,
        "cut": sum(trouble.is_cut(request, set_up.context_tokens) for request in requests),
        "copies": load.copies,
        "jitterSeconds": load.jitter_seconds,
        "durationSeconds": round(requests[-1].time_seconds, 3),
        "promptTokens": sum(request.prompt_tokens for request in requests),
        "outputTokens": sum(request.output_tokens for request in requests),
    }


def _set_up_document(set_up: SetUp, replica_model: str) -> Document:
    priced = any(each.cost_per_hour is not None for each in set_up.variants.values())
    variants = {
        name: {
            "replicaModel": each.replica_model,
            "startupSeconds": each.model.startup_seconds,
            "costPerHour": each.cost_per_hour,
            "maxReplicas": each.max_replicas,
        }
        for name, each in set_up.variants.items()
    }
    return {
        "replicaModel": replica_model,
        "startupSeconds": set_up.model.startup_seconds,
        "initialReplicas": set_up.initial_replicas,
        "maxReplicas": set_up.max_replicas,
        "scrapeIntervalSeconds": set_up.scrape_interval_seconds,
        "metricsDelaySeconds": set_up.metrics_delay_seconds,
        "routing": set_up.routing,
        "seed": set_up.seed,
        "ttftMs": _milliseconds(set_up.first_token_seconds),
        "itlMs": _milliseconds(set_up.inter_token_seconds),
        "faults": [str(fault) for fault in set_up.faults],
        **({"variants": variants} if priced or set_up.is_mixed else {}),
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
