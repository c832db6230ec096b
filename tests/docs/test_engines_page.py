"""docs/engines.md says what the tables say, and the tables say where they have it from."""

from pathlib import Path

import pytest

from engine_tables import PAGE, rewritten
from tidegate.engines.catalog import TABLES

ENGINES = Path(__file__).resolve().parents[2] / "operator" / "tidegate" / "engines"
MODULES = [path for path in sorted(ENGINES.glob("*.py")) if "= EngineTable(" in path.read_text()]


def test_the_generated_tables_are_up_to_date() -> None:
    """`python tools/engine_tables.py` would change nothing."""
    page = PAGE.read_text()
    assert rewritten(page) == page


def test_every_engine_has_a_row_in_what_to_know_and_what_was_verified() -> None:
    """A new engine is described by hand, too."""
    by_hand = PAGE.read_text().partition("## What to know of each")[2]
    for part in by_hand.split("## What was verified"):
        rows = [line for line in part.splitlines() if line.startswith("| ")]
        assert len(rows) == 1 + len(TABLES)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_table_says_where_its_names_come_from_and_how_the_engine_starts(module: Path) -> None:
    """In its docstring, where whoever changes it reads it."""
    docstring = module.read_text().split('"""')[1]
    assert "Starting:" in docstring
    assert "`" in docstring.partition("Starting:")[0]


def test_every_engine_has_a_module() -> None:
    """One file each."""
    assert len(MODULES) == len(TABLES)
