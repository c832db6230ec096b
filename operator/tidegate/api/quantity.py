"""Decimal numbers without floats: integers, or strings such as `"0.5"`, `"500m"` and `"12k"`, as in Kubernetes."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import Field

POSITIVE_PATTERN = (
    r"^([1-9][0-9]{0,8}(\.[0-9]{1,3})?m?|[1-9][0-9]{0,5}(\.[0-9]{1,3})?k|0\.([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9])k?)$"
)
NON_NEGATIVE_PATTERN = r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?$"

PositiveQuantity = Annotated[
    Annotated[int, Field(ge=1, le=1_000_000_000)] | Annotated[str, Field(max_length=16, pattern=POSITIVE_PATTERN)],
    "int-or-string",
]
"""A number above zero, at most a billion: `4000`, `"0.5"`, `"500m"`, `"12k"`."""

NonNegativeQuantity = Annotated[
    Annotated[int, Field(ge=0, le=1_000_000_000)] | Annotated[str, Field(max_length=16, pattern=NON_NEGATIVE_PATTERN)],
    "int-or-string",
]
"""Any quantity of Kubernetes that is not negative: `0`, `"0.1"`, `"100m"`."""

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
