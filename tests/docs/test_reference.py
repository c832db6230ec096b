from pathlib import Path

import pytest

import reference
from tidegate.api.conditions import Reason

PAGES = reference.pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_up_to_date(name: str) -> None:
    """It says what this version's API server and terminal say; `make generate` writes it."""
    assert (reference.DOCS / "reference" / name).read_text() == PAGES[name], "run `make generate`"


def test_there_are_no_other_pages() -> None:
    """A kind or a command that went away leaves no page behind."""
    assert {path.name for path in Path(reference.DOCS, "reference").iterdir()} == PAGES.keys()


def test_every_reason_is_listed_with_its_condition() -> None:
    """A reader of the fields sees what a condition can say."""
    page = PAGES["inferenceservice.md"]

    assert [reason.value for reason in Reason if reason.value not in page] == []


def test_every_field_of_the_spec_is_there() -> None:
    """Down to the deepest."""
    page = PAGES["inferenceservice.md"]

    for field in ("### spec.scaling.behavior.scaleUp.policies[]", "`periodSeconds` (required)", "`targetPerReplica`"):
        assert field in page
