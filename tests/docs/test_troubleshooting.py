import re
from pathlib import Path

from tidegate.api.conditions import ConditionType, Reason
from tidegate.metrics.failure import ScrapeReason

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()


def test_every_reason_has_an_entry() -> None:
    """Whoever finds a reason in a condition finds it on the page, and the page has no reason that cannot occur."""
    entries = set(re.findall(r"\*\*([A-Z][A-Za-z]+)\*\*", PAGE))

    assert entries == {reason.value for reason in Reason}


def test_every_condition_has_a_section() -> None:
    """The page is ordered by the conditions there are."""
    sections = set(re.findall(r"^## ([A-Z][A-Za-z]+)$", PAGE, flags=re.MULTILINE))

    assert sections == {kind.value for kind in ConditionType}


def test_every_failed_scrape_has_a_row() -> None:
    """What a scrape can fail with is in the table under Missing."""
    assert [reason for reason in ScrapeReason if f"`{reason.value}`" not in PAGE] == []
