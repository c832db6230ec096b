"""What is to be said of a service's variants, and of what it costs. Pure."""

from collections.abc import Iterator, Mapping

from tidegate.api.cost_status import CostStatus
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.api.quantity import to_number
from tidegate.api.variant_status import AcceleratorStatus, VariantStatus
from tidegate.cli.sleeping import moment
from tidegate.scaling.wording import number

Row = tuple[str, str, str]

HEADER: Row = ("variant", "pods", "what it is, and how it is")


def variants(spec: InferenceServiceSpec, status: InferenceServiceStatus, now: float) -> list[Row]:
    """One row for each variant: its name, its pods, and the rest; none of a service that is run in one way only.

    Args:
        spec: what its user wants.
        status: what the operator said last.
        now: seconds since the epoch.
    """
    engines = {name: str(spec.of_variant(name).serving_engine.type) for name in spec.variant_names}
    return [(each.name, _pods(each), "; ".join(_said(each, engines, now))) for each in status.variants]


def cost(spec: InferenceServiceSpec, status: InferenceServiceStatus, now: float) -> list[str]:
    """What the service costs and may cost, in sentences; none where no price is known and nothing bounds it.

    Args:
        spec: what its user wants.
        status: what the operator said last.
        now: seconds since the epoch.
    """
    said = [] if status.cost is None else ["; ".join(_spent(status.cost, status, now))]
    budget = spec.scaling.budget
    if budget is not None:
        most = number(to_number(budget.max_cost_per_hour))
        said.append(f"it may cost {most} an hour at most: scaling.budget.maxCostPerHour")
    return said


def _pods(variant: VariantStatus) -> str:
    said = f"{variant.ready_replicas} of {variant.replicas} ready"
    return said if variant.desired_replicas == variant.replicas else f"{said}, {variant.desired_replicas} decided"


def _said(variant: VariantStatus, engines: Mapping[str, str], now: float) -> Iterator[str]:
    engine = engines.get(variant.name)
    on = _hardware(variant.accelerator)
    yield f"{engine} on {on}" if engine else "it is no longer in spec.variants"
    if variant.cost_per_hour is None:
        yield "no price"
    else:
        yield f"{number(float(variant.cost_per_hour))} an hour each"
    yield f"weight {variant.weight:,}"
    if variant.message is not None:
        yield variant.message
    elif variant.unavailable_since is not None:
        yield f"pods of it have no place since {moment(variant.unavailable_since, now)}"


def _hardware(given: AcceleratorStatus | None) -> str:
    return "CPU" if given is None else f"{given.profile} ({given.resource})"


def _spent(spent: CostStatus, status: InferenceServiceStatus, now: float) -> Iterator[str]:
    unit = status.signals.work_unit if status.signals else "as its engine counts"
    yield f"{number(float(spent.per_hour))} an hour with the pods of {moment(spent.time, now)}"
    if spent.last_day is not None:
        yield f"{number(float(spent.last_day))} in the 24 hours before"
    if spent.per_million_tokens is not None:
        yield f"{number(float(spent.per_million_tokens))} for a million tokens, idle time included"
    if spent.per_work_unit is not None:
        yield f"{number(float(spent.per_work_unit))} for each work unit ({unit}), idle time included"
