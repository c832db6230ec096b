import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from go_that_writes_scripts import install

import building
import pins
from building import Progress, build
from pins import KIND, KUBERNETES, KWOK, Source

SOURCES = {source.module: source for source in (tool.source for tool in pins.TOOLS.values())}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The module of kind, in a place where it can be changed."""
    shutil.copytree(KIND.directory, tmp_path / "modules" / "kind")
    monkeypatch.setattr(pins, "MODULES_DIRECTORY", tmp_path / "modules")
    return KIND


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """An environment with a cache of its own, and without the tools that this machine may have already."""
    elsewhere = [each for each in os.environ["PATH"].split(os.pathsep) if not (Path(each) / "kind").exists()]
    return {"TIDEGATE_CACHE": str(tmp_path / "cache"), "PATH": os.pathsep.join((str(tmp_path / "go"), *elsewhere))}


class TestFingerprint:
    """The name of a built directory changes with what goes into it."""

    @pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go"])
    def test_it_changes_with_each_file_of_the_build(self, source: Source, name: str) -> None:
        """Another pin, another checksum, another main."""
        before = source.fingerprint()
        with (source.directory / name).open("a") as file:
            file.write("// changed\n")
        assert source.fingerprint() != before

    def test_it_changes_with_the_flags(self, source: Source) -> None:
        """A binary that was told another version is another binary."""
        assert replace(source, variables=("main.version={version}",)).fingerprint() != source.fingerprint()

    def test_it_stays_with_everything_else(self, source: Source) -> None:
        """A note beside go.mod rebuilds nothing."""
        before = source.fingerprint()
        (source.directory / "README.md").write_text("a note\n")
        assert source.fingerprint() == before


@pytest.mark.parametrize("module", SOURCES)
def test_go_mod_pins_the_version_with_a_checksum(module: str) -> None:
    """The version in file names and flags is the one that go builds, and go.sum holds its hash."""
    source = SOURCES[module]
    assert f"\n{source.requires} {source.version} h1:" in "\n" + (source.directory / "go.sum").read_text()


def test_kubernetes_is_told_its_version() -> None:
    """Without these flags clients and kwokctl take it for v0.0.0."""
    flags = KUBERNETES.build_arguments()[-1]
    assert f"k8s.io/component-base/version.gitVersion={KUBERNETES.version}" in flags
    assert "version.gitMajor=1 " in flags


class TestBuild:
    """Built once, complete or not at all."""

    def test_commands_of_one_binary_are_links_to_it(self, tmp_path: Path, variables: dict[str, str]) -> None:
        """kube-apiserver, kubectl and the others are one file that acts by its name."""
        install(tmp_path / "go")
        directory = build(KUBERNETES, wanted_by="kubectl", environment=variables)
        assert sorted(path.name for path in directory.iterdir() if path.is_symlink()) == sorted(KUBERNETES.links)
        assert (directory / "kubectl").resolve() == directory / "kubernetes"

    def test_many_at_a_time_build_once(self, tmp_path: Path, variables: dict[str, str]) -> None:
        """The others wait for the first, and get what it built."""
        log = install(tmp_path / "go", behaviour="sleep 0.3")
        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(lambda _: build(KWOK, wanted_by="kwok", environment=variables), range(4)))
        assert len(found) == 1
        assert len(log.read_text().splitlines()) == len(KWOK.packages)

    def test_left_overs_of_a_killed_build_are_removed(self, tmp_path: Path, variables: dict[str, str]) -> None:
        """They are told by their names from directories that are complete."""
        install(tmp_path / "go")
        final = building.built_directory(KIND, variables)
        left_over = final.with_name(f"{final.name}.part-killed")
        left_over.mkdir(parents=True)
        build(KIND, wanted_by="kind", environment=variables)
        assert final.is_dir()
        assert not left_over.exists()

    def test_an_interrupt_ends_go_and_leaves_nothing(self, tmp_path: Path, variables: dict[str, str]) -> None:
        """Ctrl-C in the middle: no compiler goes on, no directory is left, and the next call builds."""
        note = tmp_path / "compiler"
        install(tmp_path / "go", behaviour=f"sh -c 'echo $$ > {note}; exec sleep 60'")
        command = [sys.executable, str(pins.MODULES_DIRECTORY / "binaries.py"), "kind"]
        with subprocess.Popen(command, env={**os.environ, **variables}, stderr=subprocess.DEVNULL) as process:  # noqa: S603
            _wait_until(lambda: process.poll() is not None or (note.exists() and note.read_text().endswith("\n")))
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
        _wait_until(lambda: not _runs(int(note.read_text())))
        assert [path.suffix for path in (tmp_path / "cache" / "tools").iterdir()] == [".lock"]


class TestProgress:
    """How far a build is, for a person and for a log."""

    def test_a_log_gets_a_line_every_ten_seconds(self) -> None:
        """With what was counted so far."""
        written: list[str] = []
        clock = [0.0]
        progress = Progress("kind v0.30.0", packages=7, write=written.append, moving=False, now=lambda: clock[0])
        progress.follow(
            ["go: downloading example.com/a v1\n", "example.com/a/x\n", "example.com/a/y\n", "# a warning\n"]
        )
        for clock[0] in (4.0, 10.0, 12.0, 19.0):
            progress.tick()
        assert written == ["kind v0.30.0: 10 s, 1 modules downloaded, 2 of at most 7 packages compiled\n"]

    def test_a_terminal_gets_one_line_that_moves(self) -> None:
        """Each second, over the last one."""
        written: list[str] = []
        clock = [0.0]
        progress = Progress("kind v0.30.0", write=written.append, moving=True, now=lambda: clock[0])
        for clock[0] in (1.0, 1.5, 2.0):
            progress.tick()
        assert written == ["\r\033[Kkind v0.30.0: 1 s", "\r\033[Kkind v0.30.0: 2 s"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TIDEGATE_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/tidegate"),
        ({"HOME": "/c"}, "/c/.cache/tidegate"),
        ({"TIDEGATE_CACHE": "here", "HOME": "/c"}, f"{Path.cwd()}/here"),
    ],
)
def test_the_cache_directory_follows_the_environment(variables: dict[str, str], expected: str) -> None:
    """Our own variable, then the desktop standard's, then the home directory; always absolute."""
    assert building.cache_directory(variables) == Path(expected)


def _runs(process_id: int) -> bool:
    try:
        return "sleep" in Path(f"/proc/{process_id}/cmdline").read_text()
    except OSError:
        return False


def _wait_until(condition, seconds: float = 30) -> None:  # noqa: ANN001 - any callable
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
