"""Envoy's configuration as documents."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running_envoy import free_port
from tidegate.gateway.envoy.bootstrap import bootstrap
from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.listener_file import ListenerFile, ListenersRefusedError
from tidegate.gateway.envoy.listeners import repick_listener, service_listener, shared_listener
from tidegate.gateway.envoy.names import SERVICE_HEADER
from tidegate.gateway.envoy.program import EnvoyNotFoundError, command, find_envoy, prepare

CHAT = ("models", "chat")
EMBED = ("models", "embed")
names = st.from_regex(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
keys = st.tuples(names, names)
services = st.dictionaries(keys, st.integers(10_000, 32_767), max_size=6)


def _written(directory: Directory) -> dict[str, Any]:
    document = json.loads(directory.listener_file.read_text())
    return {listener["name"]: listener for listener in document["resources"]}


def test_envoy_accepts_every_document(tmp_path: Path) -> None:
    """All of them at once, as static ones, by Envoy's own validation."""
    try:
        program = find_envoy()
    except EnvoyNotFoundError as error:
        pytest.skip(str(error))
    directory = Directory(tmp_path)
    document = bootstrap(directory, maximum_connections=100, maximum_heap_bytes=1 << 30)
    del document["dynamic_resources"]
    listeners = [service_listener(CHAT, free_port()), shared_listener(free_port()), repick_listener(directory)]
    document["static_resources"]["listeners"] = [
        {key: value for key, value in listener.items() if key != "@type"} for listener in listeners
    ]
    directory.bootstrap.write_text(json.dumps(document))
    checked = subprocess.run(  # noqa: S603 - Envoy itself
        [program, "--mode", "validate", "--reject-unknown-dynamic-fields", "-c", directory.bootstrap],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@given(ports=services, more=services)
def test_no_listener_depends_on_other_services(
    tmp_path_factory: pytest.TempPathFactory, ports: dict[tuple[str, str], int], more: dict[tuple[str, str], int]
) -> None:
    """Envoy would cut the streams of one that is edited."""
    directory = Directory(tmp_path_factory.mktemp("d"))
    file = ListenerFile(directory, shared_port=8080)
    together = dict(ports)
    for key, port in more.items():
        if key not in together and port not in together.values():
            together[key] = port
    try:
        file.write(ports)
    except ListenersRefusedError:
        return
    before = _written(directory)
    file.write(together)
    after = _written(directory)
    assert before.items() <= after.items()
    assert set(after) == file.names(together)


@given(first=keys, second=keys)
def test_each_service_has_a_name_of_its_own(first: tuple[str, str], second: tuple[str, str]) -> None:
    """The header by which the picker knows the service is different where the services are."""

    def header(key: tuple[str, str]) -> str:
        manager = service_listener(key, 10_000)["filter_chains"][0]["filters"][0]["typed_config"]
        mutations = manager["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
        (value,) = [m["append"]["header"]["value"] for m in mutations if "append" in m]
        assert mutations[-1]["append"]["header"]["key"] == SERVICE_HEADER
        return str(value)

    assert (header(first) == header(second)) == (first == second)


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ({CHAT: 10_000, EMBED: 10_000}, "models/embed: port 10000 belongs to models/chat"),
        ({CHAT: 8080}, "models/chat: port 8080 belongs to the shared address"),
        ({CHAT: 0}, "models/chat: port 0 is none"),
        ({CHAT: 65_536}, "models/chat: port 65536 is none"),
    ],
)
def test_what_envoy_would_refuse_is_not_written(tmp_path: Path, ports: dict[tuple[str, str], int], words: str) -> None:
    """The file stays as it was, and the error names the service."""
    file = ListenerFile(Directory(tmp_path), shared_port=8080)
    file.write({CHAT: 10_001})
    before = Directory(tmp_path).listener_file.read_text()
    with pytest.raises(ListenersRefusedError, match=words):
        file.write(ports)
    assert Directory(tmp_path).listener_file.read_text() == before


def test_the_same_listeners_are_not_written_again(tmp_path: Path) -> None:
    """Also by a picker that has just started: Envoy reads the file at every change."""
    assert ListenerFile(Directory(tmp_path), shared_port=8080).write({CHAT: 10_000})
    file = ListenerFile(Directory(tmp_path), shared_port=8080)
    assert not file.write({CHAT: 10_000})
    assert file.write({CHAT: 10_001})


def test_nothing_else_is_left_in_the_watched_directory(tmp_path: Path) -> None:
    """Envoy watches it: a half-written file beside the real one must not be there."""
    directory = Directory(tmp_path)
    file = ListenerFile(directory, shared_port=None)
    file.write({CHAT: 10_000})
    file.rewrite()
    assert list(directory.listeners.iterdir()) == [directory.listener_file]
    assert set(_written(directory)) == {"repick", "models/chat:10000"}


def test_writing_again_mends_what_somebody_else_wrote(tmp_path: Path) -> None:
    """But a picker that knows no services yet leaves alone what the one before it wrote."""
    directory = Directory(tmp_path)
    file = ListenerFile(directory, shared_port=None)
    file.write({CHAT: 10_000})
    directory.listener_file.write_text('{"resources":[]}')
    file.rewrite()
    assert set(_written(directory)) == {"repick", "models/chat:10000"}
    ListenerFile(directory, shared_port=None).rewrite()
    assert set(_written(directory)) == {"repick", "models/chat:10000"}


def test_preparing_keeps_the_listeners_that_there_are(tmp_path: Path) -> None:
    """An Envoy that starts again beside a dead picker serves what it served."""
    directory = Directory(tmp_path / "new")
    prepare(directory, listen_host="127.0.0.1", shared_port=8080, maximum_heap_bytes=None)
    assert set(_written(directory)) == {"repick", "shared"}
    ListenerFile(directory, shared_port=8080, listen_host="127.0.0.1").write({CHAT: 10_000})
    prepare(directory, listen_host="127.0.0.1", shared_port=8080, maximum_heap_bytes=1 << 30)
    assert "models/chat:10000" in _written(directory)
    document = json.loads(directory.bootstrap.read_text())
    monitors = [monitor["name"] for monitor in document["overload_manager"]["resource_monitors"]]
    assert monitors == [
        "envoy.resource_monitors.global_downstream_max_connections",
        "envoy.resource_monitors.fixed_heap",
    ]


def test_streams_of_removed_listeners_have_hours(tmp_path: Path) -> None:
    """And draining is asked for at once, not more and more often over those hours."""
    arguments = command(Path("envoy"), Directory(tmp_path), concurrency=3)
    assert arguments[arguments.index("--drain-time-s") + 1] == "14400"
    assert arguments[arguments.index("--drain-strategy") + 1] == "immediate"
    assert arguments[arguments.index("--concurrency") + 1] == "3"


@pytest.mark.parametrize(
    ("listener", "arrives_within"),
    [
        (service_listener(CHAT, 10_000), "3900s"),
        (shared_listener(8080), "300s"),
        (repick_listener(Directory(Path("/d"))), "3900s"),
    ],
    ids=["service", "shared", "repick"],
)
def test_no_bound_of_envoy_ends_a_hold(listener: dict[str, Any], arrives_within: str) -> None:
    """The longest hold is an hour, and where the body waits with it, so is the time in which that arrives."""
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert (manager["stream_idle_timeout"], manager["request_timeout"]) == ("3900s", arrives_within)
    (picker,) = [each for each in manager["http_filters"] if each["name"] == "envoy.filters.http.ext_proc"]
    assert picker["typed_config"]["message_timeout"] == "3600s"
    picked, _ = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert (picked["route"]["timeout"], picked["route"]["idle_timeout"]) == ("0s", "3600s")
