"""Hashes that say whether anything changed, and which version of this code turned inputs into bodies."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.engine import Engine
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import BODY_HASH_ANNOTATION
from tidegate.engines.catalog import TABLES
from tidegate.workloads.owner import Document

RENDER_VERSION = "2"
"""Version of the code that turns inputs into a Deployment's body.

Raise it with every change of the body for unchanged inputs (a test insists). Pods are not restarted for it: see
`tidegate.workloads.healing.is_held_back`.
"""

_PRICES = {"cost_per_hour", "spot_cost_per_hour"}
_DIGITS = 16
"""Of 64 in a SHA-256: 64 bits tell apart the few bodies that one child ever has."""


def inputs_hash(spec: InferenceServiceSpec, profile: AcceleratorProfileSpec | None) -> str:
    """Hash what the user wrote about the pods: a change of it is what rolls them.

    Left out: sizes, scaling, pins, prices, and where metrics are read, because no pod is different for them (but for an
    engine that is started with the port of its metrics). Values equal to their default count as not written, so that a
    later version's new fields change no hash.

    Args:
        spec: the service's spec.
        profile: the profile that its accelerator names, None without one.

    Returns:
        16 hexadecimal digits.
    """
    on_spot = spec.accelerator is not None and spec.accelerator.spot
    unused = _PRICES if on_spot else _PRICES | {"spot_node_labels"}
    written = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    inputs = {
        "model": written["model"]["name"],
        "engine": _engine(spec.engine, written.get("engine", {})),
        "template": written.get("template"),
        "accelerator": written.get("accelerator"),
        "profile": profile and profile.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=unused),
    }
    # An empty template is none: neither of them says anything about the pods.
    return digest({name: value for name, value in inputs.items() if value})


def _engine(engine: Engine | None, written: Document) -> Document:
    kept = {key: value for key, value in written.items() if key != "metrics"}
    table = TABLES.get(engine.type) if engine else None
    if engine and table and table.is_told_metrics_port and engine.metrics.port is not None:
        kept["metrics"] = {"port": engine.metrics.port}
    return kept


def with_body_hash(body: Document) -> Document:
    """Return the body with an annotation that holds the hash of all the rest of it."""
    metadata = body["metadata"]
    annotations = {key: value for key, value in metadata["annotations"].items() if key != BODY_HASH_ANNOTATION}
    bare = {**body, "metadata": {**metadata, "annotations": annotations}}
    annotated = {**annotations, BODY_HASH_ANNOTATION: digest(bare)}
    return {**bare, "metadata": {**metadata, "annotations": annotated}}


def body_hash_of(body: Mapping[str, Any]) -> str:
    """The hash that `with_body_hash` has put into a body."""
    return str(body["metadata"]["annotations"][BODY_HASH_ANNOTATION])


def digest(value: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that stand for a document, whatever the order of its fields."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]
