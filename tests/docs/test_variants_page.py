"""Numbers of docs/variants.md are those of the code."""

import re
from pathlib import Path

import pytest

from tidegate.api.scaling import Scaling
from tidegate.api.variant import MAXIMUM_VARIANTS
from tidegate.scaling.cheapest import Option, cheapest
from tidegate.scaling.choice import PAYS_WITHIN_SECONDS, WORTH_SAVING
from tidegate.scaling.fleet_seats import TRIED_AGAIN_SECONDS
from tidegate.scaling.packing import MOST_STEPS
from tidegate.scaling.worth import SAME_WEIGHT

PAGE = (Path(__file__).parents[2] / "docs" / "variants.md").read_text()
ROWS = re.findall(r"^\| ([0-9.]+) \| (\d+) \| (\d+) \| (\d+) \| ([0-9.]+) \|$", PAGE, re.MULTILINE)
COSTS = (0.80, 0.34, 3.45)
OPTIONS = [
    Option(cost=cost, capacity=capacity, least=0, most=most)
    for cost, capacity, most in zip(COSTS, (2.0, 0.5, 10.0), (8, 2, 8), strict=True)
]


def test_there_are_sets() -> None:
    """An empty table would pass what follows."""
    assert len(ROWS) == 9


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_sets_are_the_cheapest(row: tuple[str, ...]) -> None:
    """For what the page says that replicas do and cost."""
    needed, *sizes, cost = row
    found = cheapest(OPTIONS, float(needed), fewest=1, most=8)
    assert (found.replicas, found.covers, found.proven) == (tuple(map(int, sizes)), True, True)
    assert f"{sum(size * each for size, each in zip(found.replicas, COSTS, strict=True)):.2f}" == cost


@pytest.mark.parametrize(
    ("says", "is_so"),
    [
        ("saves 5 % at least", WORTH_SAVING == 0.05),
        ("what it saves in half an hour", PAYS_WITHIN_SECONDS == 1800),
        ("is not tried again for an hour", TRIED_AGAIN_SECONDS == 3600),
        ("off by a fifth", SAME_WEIGHT == 0.2),
        ("after 20,000 steps", MOST_STEPS == 20_000),
        ("`scaling.fallbackAfterSeconds` (180)", Scaling().fallback_after_seconds == 180),
        ("At most eight, beside default", MAXIMUM_VARIANTS == 8),
    ],
)
def test_its_numbers_are_those_of_the_rule(says: str, is_so: bool) -> None:  # noqa: FBT001 - a column of a table
    """A constant that changes takes the page along."""
    assert says in PAGE
    assert is_so
