"""``tidegate engine``: simulated inference engines."""

import click

_EPILOG = """
\b
Administration (ADDRESS is a local address, or all):
  GET    /engines          every engine and its load
  PUT    /faults/ADDRESS   break it; the body is a JSON object of
                           slow: FACTOR, hang: true, error500: true,
                           metrics: truncated | notText | huge | neverEnding |
                                    nan | missing | error500
  DELETE /faults/ADDRESS   mend it
  POST   /reset/ADDRESS    forget it, as if the pod was killed
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--listen",
    "listeners",
    multiple=True,
    default=("vLLM:8000",),
    show_default=True,
    metavar="FLAVOUR:PORT[:REPLICA_MODEL]",
    help="Flavour (vLLM, llamaCpp, Custom), port and physics (rtx4090, l4, cpu, painter). May be given several times.",
)
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104 - each local address is an engine
@click.option(
    "--model-name", "model_names", multiple=True, help="Served model; others are 404. Not given: any name is served."
)
@click.option(
    "--startup-seconds",
    type=click.FloatRange(min=0),
    help="Time until an engine is ready, from the first contact with it. Default: the replica model's, 0.",
)
@click.option(
    "--time-scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Engine seconds per second; its metrics count engine seconds.",
)
@click.option(
    "--stream-interval-seconds",
    type=click.FloatRange(min=0),
    default=0.05,
    show_default=True,
    help="Least time between two events of a stream; tokens in between are sent together. 0: one event per token.",
)
@click.option("--admin-host", default="127.0.0.1", show_default=True, help="Address of the administration.")
@click.option(
    "--admin-port",
    type=click.IntRange(0, 65535),
    help="Port of the administration: faults, reset, a list of engines. Default: none.",
)
def engine(
    *,
    listeners: tuple[str, ...],
    host: str,
    model_names: tuple[str, ...],
    startup_seconds: float | None,
    time_scale: float,
    stream_interval_seconds: float,
    admin_host: str,
    admin_port: int | None,
) -> None:
    """Serve simulated inference engines: OpenAI's API and a real engine's metrics, no model.

    Every local address that clients connect to is an engine of its own, created at first contact. On a cluster whose
    pods have loopback addresses one process listening on 0.0.0.0 is every pod.

    \b
    Example:
      tidegate engine --listen vLLM:8000 --listen llamaCpp:8080 --admin-port 9901
      curl -X PUT localhost:9901/faults/127.0.0.1 -d '{"slow": 3, "metrics": "truncated"}'
    """  # noqa: D301 - the backslash is click's mark for lines to be left as they are
    import uvloop  # noqa: PLC0415 - `tidegate --help` must not pay for it

    from tidegate.simulator.fleet import Fleet, Listener  # noqa: PLC0415 - as above
    from tidegate.simulator.serving import serve_engines  # noqa: PLC0415 - as above

    try:
        parsed = [Listener.parse(text, startup_seconds=startup_seconds) for text in listeners]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from error
    fleet = Fleet(model_names=model_names, time_scale=time_scale, stream_interval_seconds=stream_interval_seconds)
    try:
        uvloop.run(
            serve_engines(fleet, parsed, host=host, admin_host=admin_host, admin_port=admin_port, announce=click.echo)
        )
    except OSError as error:
        raise click.ClickException(f"cannot listen: {error}; choose another port or address") from error
