"""Decimal numbers without floats: integers, or strings such as `"0.5"`, `"500m"` and `"12k"`, as in Kubernetes."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

_SUFFIXES = {"m": Decimal("0.001"), "k": Decimal(1000), "M": Decimal(1_000_000)}

POSITIVE_PATTERN = r"^([1-9][0-9]{0,8}(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9]0{0,2})[mkM]?$"
SHARE_PATTERN = r"^(0|1|0\.[0-9]{1,4}|[0-9]{1,3}m)$"

PositiveQuantity = Annotated[
    Annotated[int, Field(ge=1, le=1_000_000_000)] | Annotated[str, Field(max_length=16, pattern=POSITIVE_PATTERN)],
    "int-or-string",
]
"""A number above zero: `4000`, `"0.5"`, `"500m"`."""

ShareQuantity = Annotated[
    Annotated[int, Field(ge=0, le=1)] | Annotated[str, Field(max_length=16, pattern=SHARE_PATTERN)],
    "int-or-string",
]
"""A share between 0 and 1: `"0.1"`, `"100m"`."""


def to_number(quantity: int | str) -> float:
    """The value of a quantity that one of the patterns above has let through.

    Raises:
        ValueError: if it is not a number; the message quotes it.
    """
    text = str(quantity)
    suffix = _SUFFIXES.get(text[-1:])
    digits = text[:-1] if suffix else text
    if not digits.replace(".", "", 1).isdigit():
        raise ValueError(f"{quantity!r} is not a quantity: write an integer, or a string such as '0.5' or '500m'")
    return float(Decimal(digits) * (suffix or 1))
