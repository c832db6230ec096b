"""Of each service, what the metrics page says of cost and of what was done for it.

`model_name` is the label by which OpenCost's `llm_*` series tell models apart, so that both fit into one query.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter

from tidegate.controller.records import ServiceRecord
from tidegate.controller.state import ServiceState
from tidegate.scaling.cost import cost_per_hour

Labels = tuple[tuple[str, str], ...]
Rows = Iterable[tuple[Labels, float]]


def cost_rows(part: str) -> Callable[[ServiceRecord, ServiceState], Rows]:
    """One part of what the pods of each variant have cost.

    Args:
        part: a field of `Spent`.
    """
    read = attrgetter(part)

    def rows(service: ServiceRecord, state: ServiceState) -> Rows:
        if not state.cost.is_known:
            return
        for variant, spent in state.cost.memory.totals.spent.items():
            yield (("variant", variant), _model(service)), read(spent)

    return rows


def hourly_rows(service: ServiceRecord, state: ServiceState) -> Rows:
    """What the pods of each variant cost now."""
    found = state.cost.found
    if found is None or not state.cost.is_known:
        return
    for variant, price in state.cost.memory.prices.items():
        if price is None:
            continue
        some = tuple(pod for pod in found.pods if pod.variant == variant)
        yield (("variant", variant), _model(service)), cost_per_hour(some, state.cost.memory.prices)


def saved_rows(service: ServiceRecord, state: ServiceState) -> Rows:
    """What was saved against a fixed size."""
    if state.cost.is_known:
        yield (_model(service),), state.cost.memory.totals.saved


def asleep_rows(service: ServiceRecord, state: ServiceState) -> Rows:
    """How long it slept."""
    if state.cost.is_known:
        yield (_model(service),), state.cost.memory.totals.asleep_seconds


def work_rows(service: ServiceRecord, state: ServiceState) -> Rows:
    """What was done: of tokens, those of prompts and those of answers."""
    if not state.cost.is_known:
        return
    totals, unit = state.cost.memory.totals, state.cost.memory.work_unit
    if unit == "tokens":
        yield (("unit", unit), ("direction", "in"), _model(service)), totals.prompt_work
        yield (("unit", unit), ("direction", "out"), _model(service)), totals.other_work
    else:
        yield (("unit", unit), ("direction", "all"), _model(service)), totals.prompt_work + totals.other_work


def request_rows(service: ServiceRecord, state: ServiceState) -> Rows:
    """How many requests that was."""
    if state.cost.is_known:
        yield (_model(service),), state.cost.memory.totals.requests


def _model(service: ServiceRecord) -> tuple[str, str]:
    return ("model_name", service.spec.model.name if service.spec is not None else "")
