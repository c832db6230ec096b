"""docs/rivals.md says what the catalog says."""

from rivals_table import PAGE, rewritten
from tidegate.simulator.rivals.catalog import RIVALS


def test_the_generated_table_is_up_to_date() -> None:
    """`python tools/rivals_table.py` would change nothing."""
    page = PAGE.read_text()
    assert rewritten(page) == page


def test_every_rival_is_described_by_hand_too() -> None:
    """By its name, or with its family."""
    by_hand = PAGE.read_text().partition("## What to know of each")[2]
    missing = [name for name in RIVALS if f"`{name}`" not in by_hand and f"`{name.partition('-')[0]}-*`" not in by_hand]
    assert not missing
