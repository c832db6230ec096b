"""The pods of a service: the engine's container, its probes and its end. Each number says why it is that number."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidegate.accelerators.pod_additions import CPU, PodAdditions
from tidegate.api.engine import Engine
from tidegate.engines.arguments import engine_arguments
from tidegate.engines.catalog import TABLES, engine_table
from tidegate.engines.table import EngineTable, Flag
from tidegate.workloads.conflict import (
    ENGINE_CONTAINER,
    PORT_NAME,
    refuse_broken_template,
    refuse_duplicate_engine,
)
from tidegate.workloads.hardware import container_parts, metadata, pod_parts, with_node_requirements
from tidegate.workloads.overlay import overlay
from tidegate.workloads.owner import Document

STARTUP_PERIOD_SECONDS = 2
"""Adds its half to every start, which is time that requests wait; a refused connection costs the kubelet nothing."""

READINESS_PERIOD_SECONDS = 5
READINESS_TIMEOUT_SECONDS = 5
READINESS_FAILURES = 6
"""Half a minute of silence before a pod gets no new connections. An overloaded engine answers its health path late;
taking it out early hands its load to the next one, which then is late as well."""

LIVENESS_PERIOD_SECONDS = 30
LIVENESS_TIMEOUT_SECONDS = 20
LIVENESS_FAILURES = 10
"""Five minutes of unbroken silence before a restart: it throws away every running answer and minutes of loading, so
only an engine that hangs for good should meet it. One that died ends its container without this."""

PRE_STOP_SLEEP_SECONDS = 60
"""Between leaving the Service and SIGTERM. Routers need a few seconds of it to see that the pod is gone; the rest lets
running answers end (1,500 tokens at 25 tokens/s), because vLLM and llama.cpp cut them off at SIGTERM."""

TERMINATION_GRACE_SECONDS = 360
"""From deletion to SIGKILL: the sleep, and five minutes for engines that do finish their streams after SIGTERM. An
engine that exits earlier gives its hardware back earlier."""

METRICS_PATH = "/metrics"
"""Where every Prometheus looks first."""


def pod_template(
    *,
    labels: Mapping[str, str],
    engine: Engine,
    model_name: str,
    additions: PodAdditions = CPU,
    share_flags: Sequence[Flag] = (),
    claim_template: str | None = None,
    user_template: Mapping[str, Any] | None = None,
) -> Document:
    """Make the PodTemplateSpec of a service.

    Args:
        labels: labels of the pods, those of the selectors among them.
        engine: what to run.
        model_name: the name that clients send as `model`.
        additions: what the pods need for their hardware.
        share_flags: how the engine is told its share of that.
        claim_template: name of the template of their claim, where they have one.
        user_template: parts of a PodTemplateSpec to lay over it; these win.

    Raises:
        TemplateConflictError: the user's template would break the service.
        ValueError: a Custom engine lacks what its table needs.
    """
    table = engine_table(engine)
    table = replace(table, flags=(*table.flags, *share_flags))
    theirs = user_template or {}
    pod = theirs.get("spec") or {}
    grace_seconds = pod.get("terminationGracePeriodSeconds", TERMINATION_GRACE_SECONDS)
    ours: Document = {
        "metadata": metadata(additions, labels, _scraping(engine, table)),
        "spec": {
            "containers": [_engine_container(engine, table, model_name, additions, grace_seconds)],
            "terminationGracePeriodSeconds": TERMINATION_GRACE_SECONDS,
            # Engines need nothing from the API server: a token would only be there to be stolen.
            "automountServiceAccountToken": False,
            # vLLM reads VLLM_PORT, which a Service called `vllm` would set to a URL, and then does not start.
            "enableServiceLinks": False,
            # Not runAsNonRoot: official images, vllm/vllm-openai among them, run as root. `template` can demand it.
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            **pod_parts(additions, labels, claim_template),
        },
    }
    refuse_duplicate_engine(theirs)
    merged = overlay(ours, theirs)
    merged["spec"] = with_node_requirements(merged["spec"], additions.node_requirements)
    refuse_broken_template(merged, labels=labels, port=table.port)
    return merged


def _scraping(engine: Engine, table: EngineTable) -> dict[str, str]:
    """Where a Prometheus finds the metrics of an engine that has them elsewhere than at its port and /metrics, or none.

    Said of engines that are so by themselves. A spec that says it of others rolls no pods, so it cannot be told here.
    """
    usual = TABLES.get(engine.type)
    if usual is None:
        return {}
    rows = (
        ("prometheus.io/scrape", "false", not usual.metrics),
        ("prometheus.io/port", str(table.metrics_port), bool(usual.metrics) and usual.metrics_port != usual.port),
        ("prometheus.io/path", usual.metrics_path, bool(usual.metrics) and usual.metrics_path != METRICS_PATH),
    )
    return {name: value for name, value, differs in rows if differs}


def _engine_container(
    engine: Engine, table: EngineTable, model_name: str, additions: PodAdditions, grace_seconds: Any
) -> Document:
    handler: Document = {"tcpSocket": {"port": PORT_NAME}}
    if table.health_path is not None:
        handler = {"httpGet": {"path": table.health_path, "port": PORT_NAME}}
    container: Document = {
        "name": ENGINE_CONTAINER,
        "image": engine.image,
        # The protocol is part of the list's key in server-side apply: never leave it to a default.
        "ports": [{"name": PORT_NAME, "containerPort": table.port, "protocol": "TCP"}],
        "startupProbe": {
            **handler,
            "periodSeconds": STARTUP_PERIOD_SECONDS,
            # Not above the period: probes of one pod run one after another, and a late one would stretch the budget.
            "timeoutSeconds": STARTUP_PERIOD_SECONDS,
            "failureThreshold": -(-engine.startup_timeout_seconds // STARTUP_PERIOD_SECONDS),
        },
        "readinessProbe": {
            **handler,
            "periodSeconds": READINESS_PERIOD_SECONDS,
            "timeoutSeconds": READINESS_TIMEOUT_SECONDS,
            "failureThreshold": READINESS_FAILURES,
        },
        "livenessProbe": {
            **handler,
            "periodSeconds": LIVENESS_PERIOD_SECONDS,
            "timeoutSeconds": LIVENESS_TIMEOUT_SECONDS,
            "failureThreshold": LIVENESS_FAILURES,
        },
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        **_pre_stop(grace_seconds),
    }
    arguments = engine_arguments(table, engine.args, model_name)
    if arguments:
        container["args"] = arguments
    if table.environment:
        container["env"] = [
            {"name": name, "value": table.fill(value, model_name)} for name, value in table.environment.items()
        ]
    container.update(container_parts(additions))
    return container


def _pre_stop(grace_seconds: Any) -> Document:
    """The sleep before SIGTERM, at most half of a shorter grace the user sets: a longer one is refused."""
    seconds = PRE_STOP_SLEEP_SECONDS
    if isinstance(grace_seconds, int):
        seconds = min(seconds, grace_seconds // 2)
    return {"lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}} if seconds > 0 else {}
