"""What documents show is what there is: objects that can be applied, files as they are, and a way to every page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import API_VERSION

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ROOMS = ("charts", "docs", "e2e", "examples", "tests", "tools")
EVERYWHERE = sorted([*ROOT.glob("*.md"), *(page for room in ROOMS for page in (ROOT / room).rglob("*.md"))])
SPECS = {"InferenceService": InferenceServiceSpec, "AcceleratorProfile": AcceleratorProfileSpec}


def shown(page: Path) -> Iterator[Any]:
    """Every object in a page's YAML blocks that says what it is."""
    for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for document in yaml.safe_load_all(block):
            if isinstance(document, dict) and {"apiVersion", "kind"} <= document.keys():
                yield document


def within(document: Any, part: Any) -> bool:
    """Whether all of a part is in a document, which may say more."""
    if isinstance(part, dict):
        return isinstance(document, dict) and all(key in document and within(document[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(document, list) and len(document) == len(part) and all(map(within, document, part))
    return str(document) == str(part)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_objects_that_pages_show_can_be_applied(page: Path) -> None:
    """Each field is known under this name, and its value is one it may have."""
    for document in shown(page):
        if document["apiVersion"] == API_VERSION:
            read = SPECS[document["kind"]].model_validate(document["spec"])
            assert within(read.model_dump(mode="json", by_alias=True), document["spec"])


def test_there_are_objects_to_apply() -> None:
    """A page without any passes the test above; not all of them are."""
    kinds = {document["kind"] for page in DOCS.rglob("*.md") for document in shown(page)}

    assert "InferenceService" in kinds


@pytest.mark.parametrize("page", EVERYWHERE, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """No document points at a file that is not there."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_every_page_is_reached_from_the_index(page: Path) -> None:
    """By one link, or two: decisions have an index of their own."""
    index = DOCS / "README.md"
    reached = {index, *linked(index)}
    reached |= {target for each in reached for target in linked(each)}

    assert page in reached


@pytest.mark.parametrize("page", EVERYWHERE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_into_pages_find_their_headings(page: Path) -> None:
    """A heading that is reworded takes its links along."""
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text())
    missing = [anchor for path, anchor in links if anchor not in anchors(page.parent / path if path else page)]

    assert missing == []


def test_the_tutorial_shows_the_files_that_it_applies() -> None:
    """Whoever reads along sees what happens."""
    (chat,) = shown(DOCS / "tutorial.md")

    assert chat == yaml.safe_load((DOCS / "tutorial" / "chat.yaml").read_text())


def linked(page: Path) -> set[Path]:
    """The pages that a page links to."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
    return {path for link in links if (path := (page.parent / link).resolve()).suffix == ".md" and path.exists()}


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE) if page.exists() else []
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
