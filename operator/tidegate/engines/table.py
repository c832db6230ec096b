"""The table that describes an engine: where its metrics are, what they are called, how it is started."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.api.engine import EngineType
from tidegate.scaling.sample import ArrivalMethod

COUNTERS = frozenset({"requests_received", "requests_finished", "prompt_tokens", "generated_tokens", "work_done"})
"""Signals that only rise until the engine restarts."""

GAUGES = frozenset({"waiting", "running", "kv_usage"})
"""Signals that rise and fall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """An argument that an engine must be started with to be found and read."""

    spellings: tuple[str, ...]
    """Every name the engine knows the flag by, with its dashes. The first is the one Tidegate writes."""

    value: str | None = None
    """What follows the flag; `{model}` and `{port}` are filled in. None for a flag that takes no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTable:
    """All that Tidegate knows about an engine. What differs between engines is here, as data."""

    type: EngineType

    port: int
    """Port of the engine's API."""

    metrics_port: int
    """Port of the metrics page."""

    metrics_path: str = "/metrics"

    health_path: str | None = None
    """Path that answers 200 once the model is loaded; None when no such path is known."""

    metrics: Mapping[str, tuple[str, ...]]
    """Signal (a field of `Sample`) to the names it has had on the page, newest first.

    A signal that is not here is one that the engine does not offer: its absence from a sample means nothing.
    """

    arrivals: ArrivalMethod
    """How the arrival of requests shows in the metrics."""

    work_unit: str = "tokens"
    """What work is counted in. `tokens`: prompt and generated tokens; `requests`: each counts 1; else `work_done`."""

    model_label: str | None = None
    """Label that holds the model's name, where one page can speak of several models."""

    flags: tuple[Flag, ...] = ()
    """Arguments to start the engine with, unless the user gave them."""
