"""``tidegate envoy``: the gateway's Envoy."""

import os
from pathlib import Path

import click


@click.command()
@click.option(
    "--directory",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Shared with `tidegate gateway`: configuration and sockets. Made if need be.",
)
@click.option("--listen-host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104 - pods listen on all
@click.option(
    "--shared-port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Port of the address that all services share.",
)
@click.option(
    "--concurrency", type=click.IntRange(1, 128), default=1, show_default=True, help="Envoy's worker threads."
)
@click.option(
    "--maximum-heap-bytes",
    type=click.IntRange(min=1 << 26),
    help="Beyond nine tenths of this, new requests are answered 503. Default: memory is not bounded.",
)
@click.option(
    "--maximum-connections",
    type=click.IntRange(min=1),
    help="Connections of clients at once; one more is closed at once. Default: half of the descriptors that a process "
    "may open, for each request needs one to the client and one to the pod.",
)
@click.option("--bootstrap-only", is_flag=True, help="Write the configuration, and start nothing.")
def envoy(
    *,
    root: Path,
    listen_host: str,
    shared_port: int,
    concurrency: int,
    maximum_heap_bytes: int | None,
    maximum_connections: int | None,
    bootstrap_only: bool,
) -> None:
    """Run Envoy, which carries the gateway's bytes; `tidegate gateway` beside it decides where they go.

    This process becomes Envoy. Where Envoy's official image runs it, --bootstrap-only writes what it needs.
    """
    from tidegate.gateway.envoy.directory import Directory  # noqa: PLC0415 - quick help
    from tidegate.gateway.envoy.program import (  # noqa: PLC0415 - quick help
        EnvoyNotFoundError,
        command,
        find_envoy,
        prepare,
        raise_descriptor_limit,
    )

    directory = Directory(root.absolute())
    try:
        prepare(
            directory,
            listen_host=listen_host,
            shared_port=shared_port,
            maximum_heap_bytes=maximum_heap_bytes,
            connections=maximum_connections,
        )
    except OSError as error:
        raise click.ClickException(f"--directory {root}: {error}; it must be writable.") from error
    if bootstrap_only:
        return
    try:
        program = find_envoy()
    except EnvoyNotFoundError as error:
        raise click.ClickException(str(error)) from error
    raise_descriptor_limit()
    os.execv(program, command(program, directory, concurrency=concurrency))  # noqa: S606 - Envoy replaces this process
