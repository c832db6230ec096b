"""Why a service's own budget cannot be kept, whatever happens. Pure."""

from collections.abc import Mapping

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.api.quantity import to_number
from tidegate.scaling.budget import ROUNDING
from tidegate.scaling.wording import number


def budget_fault(spec: InferenceServiceSpec, prices: Mapping[str, float | None]) -> str:
    """Say what is wrong with `scaling.budget`; empty where nothing is.

    Args:
        spec: the service's.
        prices: what a replica of each variant costs for an hour; None where nobody says. Variants of whose hardware
            nothing is known are not in it: another check tells of them.
    """
    if spec.scaling.budget is None:
        return ""
    written = spec.scaling.budget.max_cost_per_hour
    field = f"spec.scaling.budget.maxCostPerHour: {written}"
    for variant, price in prices.items():
        if price is None:
            return f"{field} cannot be kept, for nobody says what a replica costs: {_where_to_say(spec, variant)}"
    if not prices:
        return ""
    cheapest = min(price for price in prices.values() if price is not None)
    if cheapest <= to_number(written) * (1 + ROUNDING):
        return ""
    whose = "a replica of the cheapest variant" if len(prices) > 1 else "one replica"
    return (
        f"{field} is less than {whose} costs, {number(cheapest)} an hour: raise it to {number(cheapest)} at least, or "
        "give the service cheaper hardware"
    )


def _where_to_say(spec: InferenceServiceSpec, variant: str) -> str:
    path = "spec.costPerHour" if variant == DEFAULT_VARIANT else f"spec.variants[name={variant}].costPerHour"
    accelerator = spec.of_variant(variant).accelerator
    if accelerator is None:
        return f"set {path}, or remove the budget"
    return f"set {path}, or costPerHour in AcceleratorProfile {accelerator.profile}, or remove the budget"
