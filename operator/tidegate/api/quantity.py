"""Decimal numbers without floats: integers, or strings such as `"0.5"`, `"500m"` and `"12k"`, as in Kubernetes."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from tidegate.api.model import Rule

MAXIMUM_QUANTITY = 1_000_000_000

_SUFFIXES = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("num", start=-3)},
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(2) ** (10 * power) for power, suffix in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([KMGTPE]i|[numkMGTPE]?|[eE][+-]?[0-9]{1,3})")


def to_number(quantity: int | str) -> float:
    """The value of a quantity.

    Raises:
        ValueError: if it is not a quantity as Kubernetes writes them; the message quotes it.
    """
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        raise ValueError(f"{quantity!r} is not a quantity: write an integer, or a string such as '0.5' or '500m'")
    digits, suffix = found.groups()
    scale = _SUFFIXES.get(suffix)
    return float(Decimal(digits) * (Decimal(f"1{suffix}") if scale is None else scale))


def _above_zero(quantity: int | str) -> int | str:
    if not 0 < to_number(quantity) <= MAXIMUM_QUANTITY:
        raise ValueError(f"{quantity!r} {_POSITIVE_RULE.message}")
    return quantity


def _not_negative(quantity: int | str) -> int | str:
    if not 0 <= to_number(quantity) <= MAXIMUM_QUANTITY:
        raise ValueError(f"{quantity!r} {_NON_NEGATIVE_RULE.message}")
    return quantity


def _schema(rule: Rule) -> dict[str, Any]:
    return {"x-kubernetes-validations": [rule.to_document()]}


# A rule, where a pattern would do to tell numbers from words: "should match ^([1-9][0-9]..." tells people nothing.
_POSITIVE_RULE = Rule(
    "isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))"
    " && !quantity(string(self)).isGreaterThan(quantity('1G'))",
    "is not a number above zero, at most a billion: write an integer, or a string such as '0.5', '500m' or '12k'",
    subject="string(self)",
)
_NON_NEGATIVE_RULE = Rule(
    "isQuantity(string(self)) && !quantity(string(self)).isLessThan(quantity('0'))"
    " && !quantity(string(self)).isGreaterThan(quantity('1G'))",
    "is not a number, or is negative, or above a billion: write an integer, or a string such as '0.1' or '100m'",
    subject="string(self)",
)

PositiveQuantity = Annotated[
    int | Annotated[str, Field(max_length=16)],
    AfterValidator(_above_zero),
    Field(json_schema_extra=_schema(_POSITIVE_RULE)),
]
"""A number above zero, at most a billion: `4000`, `"0.5"`, `"500m"`, `"12k"`."""

NonNegativeQuantity = Annotated[
    int | Annotated[str, Field(max_length=16)],
    AfterValidator(_not_negative),
    Field(json_schema_extra=_schema(_NON_NEGATIVE_RULE)),
]
"""A number that is not negative, at most a billion: `0`, `"0.1"`, `"100m"`."""
