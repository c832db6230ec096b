"""Which signal a metric of an engine is, by the engines' own tables, whatever an adapter made of its name."""

from collections.abc import Mapping

from tidegate.engines.catalog import TABLES


def signal_of(metric_name: str) -> str | None:
    """The signal that a metric gives, by its name on the engine's page or as a metrics adapter renames it.

    Args:
        metric_name: for example `vllm:num_requests_waiting` or `vllm_num_requests_waiting`.

    Returns:
        A field of `Sample`, such as waiting or prompt_tokens; None for a metric of no known engine.
    """
    return _SIGNALS.get(_plain(metric_name))


def _plain(name: str) -> str:
    """Without what adapters change: `:` becomes `_`, and a counter's rate is named after what it counts."""
    plain = name.replace(":", "_")
    for ending in ("_per_second", "_rate", "_total"):
        plain = plain.removesuffix(ending)
    return plain


def _by_name() -> Mapping[str, str]:
    return {
        _plain(metric.name): signal
        for table in TABLES.values()
        for signal, metrics in table.metrics.items()
        for metric in metrics
        if not metric.only  # Some series of a metric that others share: its name alone says nothing.
    }


_SIGNALS = _by_name()
