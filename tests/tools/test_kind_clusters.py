"""kind clusters, as far as they can be tested without Docker."""

import base64
import json
import os
from pathlib import Path

import pytest

import kind_cluster
from building import ToolsError


def test_without_docker_it_says_what_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And that there is a cluster that needs none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolsError, match=r"no docker on PATH; install it, or use `make cluster`"):
        kind_cluster.up("test")


def test_a_daemon_that_does_not_answer_is_told_in_dockers_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Installed is not started."""
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolsError, match=r"start it\. `docker info` says: Cannot connect to the Docker daemon"):
        kind_cluster.load("image:1")


def test_a_name_that_does_not_fit_is_refused() -> None:
    """Before Docker is asked."""
    with pytest.raises(ToolsError, match="--name is 'No'"):
        kind_cluster.up("No")


@pytest.mark.parametrize("arguments", [["load"], ["up", "image:1"]])
def test_only_load_takes_an_image(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A usage error."""
    with pytest.raises(SystemExit):
        kind_cluster.main(arguments)
    assert "load needs an IMAGE; other commands take none" in capsys.readouterr().err


def test_ports_are_published_on_the_loopback_address_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of the first node; kind picks the ports of this machine."""
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / "cache"))
    programs = {"docker": "exit 0", "kind": f"if [ $1 = create ]; then cat > {tmp_path}/configuration; exit 1; fi"}
    for name, script in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("TIDEGATE_TOOLS_DIRECTORY", str(tmp_path))
    (tmp_path / "kubectl").symlink_to(tmp_path / "kind")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ToolsError, match="create cluster"):
        kind_cluster.up("test", workers=1, published_ports=[30080])
    first, second = json.loads((tmp_path / "configuration").read_text())["nodes"]
    assert first["extraPortMappings"] == [{"containerPort": 30080, "listenAddress": "127.0.0.1"}]
    assert second == {"role": "worker"}


def test_certificates_are_moved_to_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Readable by their owner alone; the kubeconfig names them."""
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    cluster = kind_cluster.cluster_named("test")
    cluster.directory.mkdir(parents=True)
    names = ("certificate-authority", "client-certificate", "client-key")
    lines = [f"  {name}-data: {base64.b64encode(name.encode()).decode()}" for name in names]
    (cluster.directory / "kind.yaml").write_text("\n".join(["  server: https://127.0.0.1:1", *lines]))
    kind_cluster.write_kubeconfig(cluster)
    text = cluster.kubeconfig.read_text()
    assert "-data" not in text
    for name in names:
        file = cluster.directory / f"{name}.pem"
        assert f"{name}: {file}\n" in f"{text}\n"
        assert file.read_text() == name
        assert file.stat().st_mode & 0o077 == 0
