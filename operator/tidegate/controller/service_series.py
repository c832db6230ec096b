"""What the metrics page says of each service: a table of series, and the text that they make.

The text is written here and not by prometheus-client, which takes twelve times as long for a fleet
(`python tools/bench metrics-page`).
"""

import asyncio
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.quantity import to_number
from tidegate.controller.cost_series import (
    asleep_rows,
    cost_rows,
    hourly_rows,
    request_rows,
    saved_rows,
    work_rows,
)
from tidegate.controller.records import ServiceRecord
from tidegate.controller.state import ServiceState
from tidegate.scaling.decision import Decision
from tidegate.scaling.observation import Observation
from tidegate.scaling.sample import Sample

Row = tuple[ServiceRecord, ServiceState]

Labels = tuple[tuple[str, str], ...]
"""Labels of a series beside `namespace` and `service`."""

ROWS_AT_ONCE = 250
"""So many services are written before others have their turn: some milliseconds."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A service that was looked at and could be decided on."""

    spec: InferenceServiceSpec
    observation: Observation
    decision: Decision


@dataclass(frozen=True, slots=True)
class Single:
    """A gauge of which a service has one series, or none: a signal that is missing is not zero."""

    name: str
    text: str
    value: Callable[[Looked], float | None]


@dataclass(frozen=True, slots=True)
class Several:
    """A metric of which a service may have several series."""

    name: str
    text: str
    labels: tuple[str, ...]
    values: Callable[[ServiceRecord, ServiceState], Iterable[tuple[Labels, float]]]
    kind: str = "gauge"


def _draining(observation: Observation) -> int:
    return sum(pod.draining for pod in observation.pods)


def _written(observation: Observation) -> int:
    return observation.replicas + _draining(observation)


def _target_work(looked: Looked) -> float | None:
    policy = looked.spec.scaling.token_throughput
    return None if policy is None else to_number(policy.target_per_replica)


def _oldest_sample(looked: Looked) -> float | None:
    pods = looked.observation.ready_pods
    return min((pod.reading.time for pod in pods if isinstance(pod.reading, Sample)), default=None)


def _info(service: ServiceRecord, state: ServiceState) -> Iterable[tuple[Labels, float]]:
    spec, engine = service.spec, state.table.type if state.table else ""
    if spec is not None:
        yield (("model", spec.model.name), ("engine", engine), ("mode", spec.scaling.mode)), 1


def _conditions(service: ServiceRecord, _: ServiceState) -> Iterable[tuple[Labels, float]]:
    for condition in service.status.get("conditions") or ():
        yield tuple((name, condition[name]) for name in ("type", "status", "reason")), 1


def _proposals(_: ServiceRecord, state: ServiceState) -> Iterable[tuple[Labels, float]]:
    for proposal in state.decision.proposals if state.decision else ():
        yield (("term", proposal.term),), proposal.replicas


def _not_starting(_: ServiceRecord, state: ServiceState) -> Iterable[tuple[Labels, float]]:
    for each in state.not_starting:
        yield (("reason", each.reason),), each.pods


def _scale_changes(_: ServiceRecord, state: ServiceState) -> Iterable[tuple[Labels, float]]:
    for (direction, reason), count in state.size_changes.items():
        yield (("direction", direction), ("reason", reason)), count


SINGLE = (
    Single("tidegate_replicas", "Size as written, pods that drain included.", lambda it: _written(it.observation)),
    Single("tidegate_ready_replicas", "Pods that take requests.", lambda it: len(it.observation.ready_pods)),
    Single("tidegate_draining_pods", "Pods that finish before they leave.", lambda it: _draining(it.observation)),
    Single(
        "tidegate_desired_replicas",
        "Size decided last; in mode Advisory the size it would have.",
        lambda it: it.decision.to_replicas,
    ),
    Single("tidegate_minimum_replicas", "scaling.minReplicas.", lambda it: it.spec.scaling.min_replicas),
    Single("tidegate_maximum_replicas", "scaling.maxReplicas.", lambda it: it.spec.scaling.max_replicas),
    Single(
        "tidegate_arriving_work_per_second",
        "Work units (tokens, unless the engine has others) per second of the requests that arrive.",
        lambda it: it.decision.traffic.arriving_per_second,
    ),
    Single(
        "tidegate_served_work_per_second",
        "Work units per second that the engines did.",
        lambda it: it.decision.traffic.served_per_second,
    ),
    Single(
        "tidegate_replica_target_work_per_second",
        "Work units per second that one replica is given: scaling.tokenThroughput.targetPerReplica.",
        _target_work,
    ),
    Single(
        "tidegate_arriving_requests_per_second",
        "Requests that arrive.",
        lambda it: it.decision.traffic.requests_per_second,
    ),
    Single(
        "tidegate_abandoned_requests_per_second",
        "Requests that vanished without finishing.",
        lambda it: it.decision.traffic.abandoned_per_second,
    ),
    Single(
        "tidegate_waiting_requests",
        "Requests accepted by the engines but not started.",
        lambda it: it.decision.traffic.waiting,
    ),
    Single(
        "tidegate_replica_target_waiting_requests",
        "Requests that may wait for each replica: scaling.queueDepth.targetPerReplica.",
        lambda it: to_number(it.spec.scaling.queue_depth.target_per_replica),
    ),
    Single("tidegate_running_requests", "Requests being worked on.", lambda it: it.decision.traffic.running),
    Single(
        "tidegate_kv_cache_usage_ratio",
        "Share of the KV cache in use, mean over the pods: 0 to 1.",
        lambda it: it.decision.traffic.kv_usage,
    ),
    Single(
        "tidegate_sampled_pods",
        "Ready pods whose metrics are fresh and can be believed.",
        lambda it: len(it.decision.health.fresh),
    ),
    Single(
        "tidegate_oldest_sample_timestamp_seconds",
        "When that ready pod was read whose last good page is the oldest.",
        _oldest_sample,
    ),
    Single("tidegate_last_decision_timestamp_seconds", "When the size was last decided.", lambda it: it.decision.time),
)

SEVERAL = (
    Several("tidegate_service_info", "1; the labels say what is served.", ("model", "engine", "mode"), _info),
    Several(
        "tidegate_condition",
        "1 for each condition as it stands in status.",
        ("type", "status", "reason"),
        _conditions,
    ),
    Several("tidegate_proposed_replicas", "Size that one term of the rule asks for.", ("term",), _proposals),
    Several(
        "tidegate_pods_not_starting",
        "Pods that do not start, by the reason that the condition Ready would give.",
        ("reason",),
        _not_starting,
    ),
    Several(
        "tidegate_cost_total",
        "What pods have cost from their creation to their end, in the currency of the prices.",
        ("variant", "model_name"),
        cost_rows("cost"),
        kind="counter",
    ),
    Several(
        "tidegate_idle_cost_total",
        "The part of it in which they were ready and nobody used the service.",
        ("variant", "model_name"),
        cost_rows("idle"),
        kind="counter",
    ),
    Several(
        "tidegate_cold_start_cost_total",
        "The part of it in which they were not ready yet.",
        ("variant", "model_name"),
        cost_rows("cold_start"),
        kind="counter",
    ),
    Several("tidegate_cost_per_hour", "What its pods cost now.", ("variant", "model_name"), hourly_rows),
    Several(
        "tidegate_cost_saved_total",
        "What it would have cost more to run, all the time, what the last day needed at most.",
        ("model_name",),
        saved_rows,
        kind="counter",
    ),
    Several(
        "tidegate_scaled_to_zero_seconds_total",
        "Time without replicas, on purpose.",
        ("model_name",),
        asleep_rows,
        kind="counter",
    ),
    Several("tidegate_work_total", "Work done.", ("unit", "direction", "model_name"), work_rows, kind="counter"),
    Several("tidegate_requests_total", "Requests that were answered.", ("model_name",), request_rows, kind="counter"),
    Several(
        "tidegate_scale_changes_total",
        "Changes of the size since this process leads, by direction (up, down) and reason.",
        ("direction", "reason"),
        _scale_changes,
        kind="counter",
    ),
)


async def service_series(rows: Iterable[Row]) -> bytes:
    """Write the series of all services, in Prometheus' text format. Others have their turn in between."""
    families = [[_head(each.name, each.text, "gauge").encode()] for each in SINGLE]
    families += [[_head(each.name, each.text, each.kind).encode()] for each in SEVERAL]
    left = iter(rows)
    while some := tuple(itertools.islice(left, ROWS_AT_ONCE)):
        for parts, lines in zip(families, _lines(some), strict=True):
            parts.append("".join(lines).encode())
        await asyncio.sleep(0)
    return b"".join(part for parts in families for part in parts)


def _lines(rows: Iterable[Row]) -> list[list[str]]:
    """The lines of each metric, in the order of the tables."""
    single: list[list[str]] = [[] for _ in SINGLE]
    several: list[list[str]] = [[] for _ in SEVERAL]
    for service, state in rows:
        namespace, name = service.key
        labels = f'namespace="{namespace}",service="{name}"'
        looked = _looked(service, state)
        if looked is not None:
            for each, lines in zip(SINGLE, single, strict=True):
                value = each.value(looked)
                if value is not None:
                    lines.append(f"{each.name}{{{labels}}} {value}\n")
        for metric, lines in zip(SEVERAL, several, strict=True):
            for more, value in metric.values(service, state):
                lines.append(f"{metric.name}{{{labels}{_text(more)}}} {value}\n")
    return [*single, *several]


def _looked(service: ServiceRecord, state: ServiceState) -> Looked | None:
    if service.spec is None or state.observation is None or state.decision is None:
        return None
    return Looked(service.spec, state.observation, state.decision)


def _head(name: str, text: str, kind: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


@functools.lru_cache(maxsize=4096)
def _text(labels: Labels) -> str:
    """Names of Kubernetes objects need no escapes; what people write may, in a version that allows more than this."""
    return "".join([f',{name}="{value.translate(_ESCAPES)}"' for name, value in labels])


_ESCAPES: Mapping[int, str] = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
