"""``tidegate engine``: simulated inference engines."""

import os

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


@click.command(epilog=_EPILOG, context_settings={"ignore_unknown_options": True})
@click.option(
    "--type",
    "flavour",
    help="Be one engine of this type (vLLM, llamaCpp, ...), in a pod of its own: it takes the flags that Tidegate "
    "starts that engine with, such as --port and --served-model-name.",
)
@click.option("--hardware", help="Physics of that one engine (rtx4090, l4, cpu, painter). Default: by its type.")
@click.option(
    "--listen",
    "listeners",
    multiple=True,
    metavar="FLAVOUR:PORT[:REPLICA_MODEL]",
    help="Instead of --type: flavour, port and physics. May be given several times. Default: vLLM:8000.",
)
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104 - each local address is an engine
@click.option(
    "--model-name", "model_names", multiple=True, help="Served model; others are 404. Not given: any name is served."
)
@click.option(
    "--startup-seconds",
    type=click.FloatRange(min=0),
    help="Time until an engine is ready, from the first contact with it; with --type from the start. Default: the "
    "replica model's, 0.",
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
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ENGINE_FLAGS]...")
def engine(
    *,
    flavour: str | None,
    hardware: str | None,
    listeners: tuple[str, ...],
    host: str,
    model_names: tuple[str, ...],
    startup_seconds: float | None,
    time_scale: float,
    stream_interval_seconds: float,
    admin_host: str,
    admin_port: int | None,
    arguments: tuple[str, ...],
) -> None:
    """Serve simulated inference engines: OpenAI's API and a real engine's metrics, no model.

    With --type it is one engine, as an ordinary pod runs it. With --listen every local address that clients connect to
    is an engine of its own, created at first contact: on a cluster whose pods have loopback addresses one process
    listening on 0.0.0.0 is every pod.

    \b
    Examples:
      tidegate engine --type vLLM --hardware l4 --port 8001 --served-model-name chat
      tidegate engine --listen vLLM:8000 --listen llamaCpp:8080 --admin-port 9901
      curl -X PUT localhost:9901/faults/127.0.0.1 -d '{"slow": 3, "metrics": "truncated"}'
    """  # noqa: D301 - the backslash is click's mark for lines to be left as they are
    import uvloop  # noqa: PLC0415 - `tidegate --help` must not pay for it

    from tidegate.api.engine import EngineType  # noqa: PLC0415 - as above
    from tidegate.simulator.command_line import started_as  # noqa: PLC0415 - as above
    from tidegate.simulator.fleet import Fleet, Listener  # noqa: PLC0415 - as above
    from tidegate.simulator.serving import serve_engines  # noqa: PLC0415 - as above

    metrics_port = None
    if flavour is not None:
        if listeners:
            raise click.UsageError("--type and --listen exclude each other; give one of them")
        try:
            told = started_as(flavour, arguments, os.environ)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        model_names = told.model_names or model_names
        listeners = (f"{flavour}:{told.port}" + (f":{hardware}" if hardware else ""),)
        metrics_port = told.metrics_port
    elif hardware is not None or arguments:
        unexpected = arguments[0] if arguments else "--hardware"
        raise click.UsageError(f"{unexpected} needs --type, the engine to be")
    try:
        parsed = [
            Listener.parse(text, startup_seconds=startup_seconds, metrics_port=metrics_port)
            for text in listeners or (f"{EngineType.VLLM}:8000",)
        ]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    fleet = Fleet(
        model_names=model_names,
        time_scale=time_scale,
        stream_interval_seconds=stream_interval_seconds,
        alone=flavour is not None,
    )
    try:
        uvloop.run(
            serve_engines(fleet, parsed, host=host, admin_host=admin_host, admin_port=admin_port, announce=click.echo)
        )
    except OSError as error:
        raise click.ClickException(f"cannot listen: {error}; choose another port or address") from error
