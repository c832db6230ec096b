"""`tidegate operator`."""

import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidegate.cli.process_options import kubeconfig_option, log_options
from tidegate.cli.prometheus import prometheus_options

if TYPE_CHECKING:
    from tidegate.api.inference_service import MetricsSource
    from tidegate.metrics.prometheus_options import PrometheusOptions


def _finite(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    """For no range is NaN out of it."""
    if value is not None and not isfinite(value):
        raise click.BadParameter(f"{value} is no amount: write one such as 12.5, or leave the option out for none")
    return value


@click.command(context_settings={"auto_envvar_prefix": "TIDEGATE"})
@kubeconfig_option
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    envvar="TIDEGATE_NAMESPACE",
    help="Look after this namespace only; may be repeated.",
)
@click.option("--tick-seconds", type=click.FloatRange(1, 60), default=5.0, show_default=True, help="Pace of the loop.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address of /metrics, /healthz and /readyz.")  # noqa: S104
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    # Beside a Service named tidegate, Kubernetes gives each pod TIDEGATE_PORT=tcp://...
    allow_from_autoenv=False,
    help="Their port.",
)
@click.option("--leader-elect/--no-leader-elect", help="Work only while holding a Lease; the others follow.")
@click.option("--lease-name", default="tidegate-operator", show_default=True, help="Name of the Lease.")
@click.option("--lease-namespace", help="Its namespace; default: the pod's own, else default.")
@click.option(
    "--lease-duration-seconds",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    help="Followers take over a Lease that was not renewed for so long.",
)
@click.option(
    "--renew-deadline-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    help="A leader that could not renew for so long stops.",
)
@click.option(
    "--retry-period-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=2,
    show_default=True,
    help="Pause between two attempts.",
)
@prometheus_options
@click.option(
    "--gateway",
    metavar="NAMESPACE/INSTALL",
    help="Where the gateways' Leases are, and the name of their install. Default: there are no gateways.",
)
@click.option(
    "--routing-mode",
    type=click.Choice(["Gateway", "Direct", "None"]),
    default="None",
    show_default=True,
    help="Of services that do not say.",
)
@click.option(
    "--gateway-ports",
    metavar="FIRST-LAST",
    default="10000-32767",
    show_default=True,
    help="Ports of services on the gateways, one for each.",
)
@click.option(
    "--max-cost-per-hour-per-namespace",
    type=click.FloatRange(min=0),
    callback=_finite,
    help="What the services of a namespace may cost together, in the currency of their prices, where its annotation "
    "inference.tidegate.dev/max-cost-per-hour does not say. Default: anything.",
)
@click.option(
    "--recording-directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep what was seen and decided there, for `tidegate simulate --recording`. Default: it is not kept.",
)
@click.option(
    "--recording-max-bytes",
    type=int,
    default=268435456,
    show_default=True,
    help="Bytes of all files together; the oldest file goes when another one begins.",
)
@click.option("--recording-files", type=int, default=8, show_default=True, help="Files to divide them among.")
@log_options
def operator(  # one parameter per option
    kubeconfig: str | None,
    namespaces: tuple[str, ...],
    tick_seconds: float,
    host: str,
    port: int,
    leader_elect: bool,  # noqa: FBT001 - click passes by name
    lease_name: str,
    lease_namespace: str | None,
    lease_duration_seconds: int,
    renew_deadline_seconds: float,
    retry_period_seconds: float,
    metrics_source: "MetricsSource",
    prometheus: "PrometheusOptions | None",
    gateway: str | None,
    routing_mode: str,
    gateway_ports: str,
    max_cost_per_hour_per_namespace: float | None,
    recording_directory: Path | None,
    recording_max_bytes: int,
    recording_files: int,
    log_format: str,
    log_level: str,
) -> None:
    """Run the operator: watch InferenceServices and keep their size.

    Each option but --port can be given as an environment variable, too: TIDEGATE_TICK_SECONDS is --tick-seconds.
    """
    import asyncio  # noqa: PLC0415 - `--help` must not pay for it

    from tidegate.api.routing import RoutingMode  # noqa: PLC0415
    from tidegate.cluster.connection import NoClusterError, pod_namespace  # noqa: PLC0415
    from tidegate.cluster.error import ClusterError  # noqa: PLC0415
    from tidegate.cluster.lease import LeaseTimes  # noqa: PLC0415
    from tidegate.controller.gateway_ports import PortRange  # noqa: PLC0415
    from tidegate.controller.gateways import GatewayInstall  # noqa: PLC0415
    from tidegate.controller.logs import configure_logs  # noqa: PLC0415
    from tidegate.controller.operator import LeaderElection, Options, run  # noqa: PLC0415
    from tidegate.controller.recorder import RecordingOptions  # noqa: PLC0415

    configure_logs(log_format, log_level)
    try:
        times = LeaseTimes(
            lease_duration_seconds=lease_duration_seconds,
            renew_deadline_seconds=renew_deadline_seconds,
            retry_period_seconds=retry_period_seconds,
        )
        install = None if gateway is None else GatewayInstall.parse(gateway)
        ports = PortRange.parse(gateway_ports)
        recording = (
            RecordingOptions(directory=recording_directory, max_bytes=recording_max_bytes, files=recording_files)
            if recording_directory is not None
            else None
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    election = LeaderElection(lease_name=lease_name, lease_namespace=lease_namespace or pod_namespace(), times=times)
    options = Options(
        kubeconfig=kubeconfig,
        namespaces=namespaces,
        tick_seconds=tick_seconds,
        host=host,
        port=port,
        leader_election=election if leader_elect else None,
        metrics_source=metrics_source,
        prometheus=prometheus,
        gateway=install,
        routing_mode=RoutingMode(routing_mode),
        gateway_ports=ports,
        max_cost_per_hour_per_namespace=max_cost_per_hour_per_namespace,
        recording=recording,
    )
    try:
        # Not uvloop: where connecting fails or is given up, it leaves a descriptor to two owners (its issue 738); an
        # operator that was cut off from its API server ended with SIGABRT, or by a cancellation that nobody asked for.
        asyncio.run(run(options))
    except (NoClusterError, ClusterError, OSError) as error:
        click.echo(f"tidegate operator: {error}", err=True)
        sys.exit(1)
