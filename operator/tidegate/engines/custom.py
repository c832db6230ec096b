"""Engines that Tidegate does not know: the user names their metrics."""

from collections.abc import Mapping

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Metric
from tidegate.scaling.sample import COUNTER_NAMES, SIGNAL_NAMES, ArrivalMethod


def custom_table(names: Mapping[str, str], *, port: int, work_unit: str = "tokens") -> EngineTable:
    """Build the table of a custom engine.

    A counter is looked for under the given name and then with `_total` behind it: client libraries append that to the
    name in the source, which is the name people have at hand.

    Args:
        names: signal (a field of `Sample`) to the metric's name; what the engine does not offer is left out.
        port: port of the engine's API and, unless replaced, of its metrics page.
        work_unit: what work is counted in: `tokens`, `requests`, or whatever `work_done` counts.

    Returns:
        A table without flags and without a health path: neither is known.

    Raises:
        ValueError: a name is given for something that is no signal.
    """
    unknown = sorted(set(names) - set(SIGNAL_NAMES))
    if unknown:
        known = ", ".join(SIGNAL_NAMES)
        raise ValueError(f"metrics.names: {', '.join(unknown)} is not a signal; known signals are {known}")
    return EngineTable(
        type=EngineType.CUSTOM,
        port=port,
        metrics_port=port,
        metrics={signal: _aliases(signal, name) for signal, name in names.items()},
        optional=frozenset(names) & {"steps", "seconds_worked"},
        arrivals=arrival_method(names),
        work_unit=work_unit,
    )


def arrival_method(names: Mapping[str, str]) -> ArrivalMethod:
    """Tell how arrivals can be seen when just these signals are named; the most exact way wins."""
    if "requests_received" in names:
        return ArrivalMethod.REQUEST_COUNTER
    if "waiting" in names or "running" in names:
        if "requests_ended" in names or {"requests_finished", "requests_failed"} <= set(names):
            return ArrivalMethod.ENDED_AND_GAUGES
        if "requests_finished" in names:
            return ArrivalMethod.FINISHED_AND_GAUGES
    return ArrivalMethod.TOKENS_ONLY


def _aliases(signal: str, name: str) -> tuple[Metric, ...]:
    if signal in COUNTER_NAMES and not name.endswith("_total"):
        return (Metric(name=name), Metric(name=f"{name}_total"))
    return (Metric(name=name),)
