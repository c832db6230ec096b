import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from simulated_document import HOSTILE, RECORD, change, document, run

from tidegate.simulator.report import write_report

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1280, 1000
PANELS = 5
LINES = 7
"""Of each policy; the gap in its time to the first token makes two of that one."""


@dataclass
class Visit:
    """A page that was opened, and all that it complained of or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium that is installed on this machine."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"NOT TESTED in a browser: none of {', '.join(PROGRAMS)} is installed; install Debian's chromium")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []  # Its sandbox refuses to run as root.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def visit(request: pytest.FixtureRequest, chromium: Browser, tmp_path: Path) -> Iterator[Visit]:
    """A report of Tidegate, a policy with a hostile name, and three more, in a light and in a dark browser."""
    path = tmp_path / "report.html"
    hostile = run(HOSTILE, [{**change(300, 4, 7), "because": HOSTILE}])
    rest = [run(f"static={size}") for size in (5, 6, 7)]
    write_report(document(run("Tidegate", [change(200, 4, 7, RECORD)]), hostile, *rest, name=HOSTILE), path)
    page = chromium.new_page(color_scheme=request.param, viewport={"width": WIDTH, "height": HEIGHT})
    visit = Visit(page)
    page.on("console", lambda message: visit.complaints.append(message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("request", lambda asked: visit.asked_for.append(asked.url))
    page.goto(path.as_uri())
    page.wait_for_selector("#plots .main-svg .point")
    yield visit
    page.close()


def test_it_loads_alone_and_without_a_complaint(visit: Visit) -> None:
    """One file is all it asks for, the console stays empty, and no name that it shows is run as a script."""
    visit.page.wait_for_timeout(200)
    assert visit.complaints == []
    assert len(visit.asked_for) == 1
    title: str = visit.page.title()
    assert title.startswith("tidegate simulate: <script>")
    assert visit.page.locator("h1").inner_text() == f"{HOSTILE}: 5 policies"


def test_every_plot_is_drawn_in_the_colours_of_its_policies(visit: Visit) -> None:
    """Each plot area holds pixels of lines, and the page is as dark as the reader's theme."""
    areas = visit.page.locator("#plots .nsewdrag")
    assert areas.count() == PANELS
    for index in range(PANELS):
        image = Image.open(BytesIO(areas.nth(index).screenshot())).convert("RGB")
        pixels = image.width * image.height
        counts = sorted(image.getcolors(pixels) or [], reverse=True)
        paper, drawn = counts[0][1], pixels - counts[0][0]
        assert drawn > pixels / 200, f"plot {index} is blank"
        dark = visit.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert (sum(paper) < 3 * 60) == dark or index == 0  # The first is an area: much of it is no paper.


def test_a_pointer_on_a_change_reads_its_record(visit: Visit) -> None:
    """Sentence, proposals of the terms and limits are in the box, and what a policy is called is plain text there."""
    marks = visit.page.locator("#plots .point")
    boxes = []
    for index in range(marks.count()):
        marks.nth(index).hover(force=True)
        visit.page.wait_for_selector("#plots .hoverlayer .hovertext")
        boxes.append(" ".join(visit.page.locator("#plots .hoverlayer text").all_text_contents()))
        visit.page.mouse.move(1, 1)
    (record,) = [box for box in boxes if "4 → 7: 9,200 tokens/s are arriving" in box]
    assert "drain: 7. 41 requests wait" in record
    assert "behavior: 9 → 7. no more than 3 at once" in record
    assert any("<script>document.title='owned'</script>" in box and "%{x}" in box for box in boxes)
    assert visit.page.locator("#plots .hoverlayer a").count() == 0


def test_ticking_a_policy_shows_it_in_every_plot(visit: Visit) -> None:
    """Four of five policies are shown at first; a tick adds the fifth, none leaves only the arrivals."""
    lines = visit.page.locator("#plots .js-line")
    at_first = lines.count()
    visit.page.get_by_role("checkbox", name="static=7").check()
    assert lines.count() == at_first + LINES
    visit.page.get_by_role("button", name="none").click()
    assert lines.count() == 1


def test_the_page_follows_a_change_of_theme(visit: Visit) -> None:
    """Whoever turns the lights off sees the plots turn dark without loading the page again."""
    background = "getComputedStyle(document.querySelector('#plots .main-svg')).backgroundColor"
    seen = []
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme)
        visit.page.wait_for_timeout(100)
        seen.append(visit.page.evaluate(background))
    assert seen == ["rgb(255, 255, 255)", "rgb(18, 22, 28)"]
