"""`tidegate gateway`."""

import ipaddress
import re
import secrets
import socket
import sys
from pathlib import Path

import click

from tidegate.cli.process_options import kubeconfig_option, log_options

_LEASE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@click.command(context_settings={"auto_envvar_prefix": "TIDEGATE_GATEWAY"})
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Shared with `tidegate envoy`: configuration and sockets.",
)
@click.option(
    "--install",
    default="tidegate-gateway",
    show_default=True,
    help="NAMESPACE/NAME of the gateways that belong together; their Leases are in that namespace. Without NAMESPACE/: "
    "in the pod's own, else default.",
)
@click.option(
    "--identity",
    envvar="POD_NAME",
    help="Name of this gateway and of its Lease, unlike all others'. Default: $POD_NAME, else made of the host's name.",
)
@click.option(
    "--address",
    envvar="POD_IP",
    required=True,
    help="IP address where other machines reach this gateway. Default: $POD_IP.",
)
@click.option(
    "--slice-address",
    help="IP address to write into EndpointSlices instead, which take no loopback addresses. Default: --address.",
)
@click.option("--node-name", envvar="NODE_NAME", default="", help="Node where it runs. Default: $NODE_NAME.")
@click.option("--listen-host", default="0.0.0.0", show_default=True, help="Address where its Envoy listens.")  # noqa: S104 - pods listen on all
@click.option(
    "--shared-port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Port of the address that all services share; the same as of `tidegate envoy`.",
)
@click.option("--host", default="0.0.0.0", show_default=True, help="Address of /metrics, /healthz and /readyz.")  # noqa: S104 - pods listen on all
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=9090,
    show_default=True,
    # Beside a Service named tidegate-gateway, Kubernetes gives each pod TIDEGATE_GATEWAY_PORT=tcp://...
    allow_from_autoenv=False,
    help="Their port.",
)
@click.option(
    "--maximum-held-bytes",
    type=click.IntRange(min=1),
    default=268435456,
    show_default=True,
    help="Bytes of all requests that are held, headers and bodies; beyond, they are answered 503.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="How long to wait for the last answers after SIGTERM.",
)
@kubeconfig_option
@click.option(
    "--namespace", "namespaces", multiple=True, help="Look after services of this namespace only; may be repeated."
)
@log_options
def gateway(  # one parameter per option
    *,
    directory: Path,
    install: str,
    identity: str | None,
    address: str,
    slice_address: str | None,
    node_name: str,
    listen_host: str,
    shared_port: int,
    host: str,
    port: int,
    maximum_held_bytes: int,
    drain_seconds: float,
    kubeconfig: str | None,
    namespaces: tuple[str, ...],
    log_format: str,
    log_level: str,
) -> None:
    """Decide where Envoy sends each request: hold it, wake its service, pick its pod.

    Runs beside `tidegate envoy`, which carries the bytes, and may end and start again while that goes on.
    """
    import asyncio  # noqa: PLC0415 - `--help` must not pay for it

    from tidegate.cluster.connection import NoClusterError, pod_namespace  # noqa: PLC0415
    from tidegate.cluster.reading import joined  # noqa: PLC0415
    from tidegate.controller.logs import configure_logs  # noqa: PLC0415
    from tidegate.gateway.members import Member  # noqa: PLC0415
    from tidegate.gateway.options import Options  # noqa: PLC0415
    from tidegate.gateway.process import run  # noqa: PLC0415

    _check_address("--address", address)
    _check_address("--slice-address", slice_address or address)
    name = identity or f"{socket.gethostname().lower()}-{secrets.token_hex(4)}"
    if not _LEASE_NAME.fullmatch(name):
        raise click.UsageError(
            f"--identity {name!r} cannot be the name of a Lease; use small letters, digits, '-' and '.'"
        )
    lease_namespace, _, install_name = install.rpartition("/")
    configure_logs(log_format, log_level)
    metrics_host = address if ipaddress.ip_address(host).is_unspecified else host
    options = Options(
        directory=directory.absolute(),
        install=install_name,
        namespace=lease_namespace or pod_namespace(),
        own=Member(name=name, address=slice_address or address, metrics=joined(metrics_host, port), node=node_name),
        kubeconfig=kubeconfig,
        namespaces=namespaces,
        listen_host=listen_host,
        shared_port=shared_port,
        host=host,
        port=port,
        maximum_held_bytes=maximum_held_bytes,
        drain_seconds=drain_seconds,
    )
    try:
        # Not uvloop: where connecting fails or is given up, it leaves a descriptor to two owners (its issue 738), and a
        # picker gives up connections all the time, those of its health checks first.
        asyncio.run(run(options))
    except (NoClusterError, OSError) as error:
        click.echo(f"tidegate gateway: {error}", err=True)
        sys.exit(1)


def _check_address(option: str, address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise click.UsageError(f"{option} {address!r} is no IP address; give one such as 10.0.0.7") from None
