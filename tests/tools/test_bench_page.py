import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).resolve().parents[2] / "tools" / "bench"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """`python tools/bench`, imported under a name of its own."""
    specification = importlib.util.spec_from_file_location("bench_command", BENCH / "__main__.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCH)  # As Python does for a program of this directory.
        specification.loader.exec_module(module)
    return module


def headings(page: str) -> list[str]:
    """The headings of its parts."""
    return [line for line in page.splitlines() if line.startswith("## ")]


def test_every_bench_is_a_program_that_is_there(bench: ModuleType) -> None:
    """The table names files of the directory."""
    for one in (*bench.BENCHES.values(), bench.FLEET):
        assert (BENCH / one.command[0]).is_file()


def test_writing_one_bench_leaves_the_others_as_they_are(bench: ModuleType) -> None:
    """A part that was measured anew takes the place of the old one; parts keep the order of the table."""
    names = list(bench.BENCHES)
    page = ""
    for name in ("fleet", *reversed(names)):
        page = bench.page_with(page, name, bench.section(name, bench.FLEET, f"{name} 1 ms\n"))
    assert headings(page) == [f"## {name}" for name in (*names, "fleet")]

    page = bench.page_with(page, names[1], bench.section(names[1], bench.FLEET, "2 ms\n"))

    assert headings(page) == [f"## {name}" for name in (*names, "fleet")]
    assert f"{names[1]} 1 ms" not in page
    assert f"{names[0]} 1 ms" in page
    assert page.count("2 ms") == 1


def test_the_same_figures_make_the_same_page(bench: ModuleType) -> None:
    """Writing twice leaves no difference."""
    part = bench.section("decide", bench.BENCHES["decide"], "1 pods: 60 us\n")
    page = bench.page_with("", "decide", part)
    assert bench.page_with(page, "decide", part) == page


def test_tables_stay_tables_and_what_is_for_programs_is_left_out(bench: ModuleType) -> None:
    """Markdown is shown as such, all else as it was printed; a last line of JSON is not for people."""
    table = bench.section("overload", bench.FLEET, "| a | b |\n|---|---|\n| 1 | 2 |\n")
    plain = bench.section("scrape", bench.FLEET, '  1 pod: 1 ms\n{"cost": 1}\n')
    assert "```" not in table
    assert "```text\n  1 pod: 1 ms\n```" in plain


def test_the_page_says_of_each_bench_what_it_measures(bench: ModuleType) -> None:
    """In the words of the table; a bench that is not published yet has no part."""
    page = bench.PAGE.read_text()
    told = {name: one.what for name, one in bench.BENCHES.items() if f"\n## {name}\n" in page}
    assert told
    assert [name for name, what in told.items() if f"\n## {name}\n\n{what}\n" not in page] == []
