"""`tidegate operator`."""

import sys

import click


@click.command()
@click.option(
    "--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Default: in-cluster, else $KUBECONFIG."
)
@click.option("--namespace", "namespaces", multiple=True, help="Look after this namespace only; may be repeated.")
@click.option("--tick-seconds", type=click.FloatRange(1, 60), default=5.0, show_default=True, help="Pace of the loop.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address of /metrics, /healthz and /readyz.")  # noqa: S104
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Their port.")
@click.option("--log-format", type=click.Choice(["json", "console"]), default="json", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def operator(  # one parameter per option
    kubeconfig: str | None,
    namespaces: tuple[str, ...],
    tick_seconds: float,
    host: str,
    port: int,
    log_format: str,
    log_level: str,
) -> None:
    """Run the operator: watch InferenceServices and keep their size."""
    import uvloop  # noqa: PLC0415 - `--help` must not pay for it

    from tidegate.cluster.client import ClusterError  # noqa: PLC0415
    from tidegate.cluster.connection import NoClusterError  # noqa: PLC0415
    from tidegate.controller.logs import configure_logs  # noqa: PLC0415
    from tidegate.controller.operator import Options, run  # noqa: PLC0415

    configure_logs(log_format, log_level)
    options = Options(kubeconfig=kubeconfig, namespaces=namespaces, tick_seconds=tick_seconds, host=host, port=port)
    try:
        uvloop.run(run(options))
    except (NoClusterError, ClusterError, OSError) as error:
        click.echo(f"tidegate operator: {error}", err=True)
        sys.exit(1)
