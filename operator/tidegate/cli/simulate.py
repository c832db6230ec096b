"""`tidegate simulate`: a policy rehearsed on a trace, beside its rivals."""

import math
from typing import Any

import click


class _Number(click.FloatRange):
    """A number within bounds. Not a number is within all of them, as far as comparisons go."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail("nan is not a number", param, ctx)
        return number


_FILE = click.Path(exists=True, dir_okay=False)
_OUTPUT = click.Path(dir_okay=False, allow_dash=True)


@click.command()
@click.option("--trace", type=_FILE, help="The requests to replay; gzip is read as it is.")
@click.option(
    "--format",
    "trace_format",
    type=click.Choice(["auto", "azure", "mooncake", "csv"]),
    default="auto",
    show_default=True,
    help="Format of the trace: azure (CSV: TIMESTAMP,ContextTokens,GeneratedTokens), mooncake (JSON lines: timestamp "
    "in ms, input_length, output_length), csv (time_seconds,prompt_tokens,output_tokens). auto: its first line tells.",
)
@click.option(
    "--multiply",
    "copies",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Replay each request K times.",
)
@click.option(
    "--jitter-seconds",
    type=_Number(0, 3600),
    default=4.0,
    show_default=True,
    help="The copies of a request come at random within so long after it.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is random.")
@click.option(
    "--service",
    "services",
    multiple=True,
    type=_FILE,
    help="An InferenceService: its scaling block is the policy. May be given several times, to compare them. Default: "
    "the defaults of the schema.",
)
@click.option(
    "--replica-model",
    default="rtx4090",
    show_default=True,
    metavar="NAME|FILE",
    help="What a replica can do: a model that ships with Tidegate, or a YAML file with alphaMs, betaMs, cMs, kvTokens, "
    "tokenBudget, maxSequences and startupSeconds.",
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME=MODEL[,COST[,MAX]]",
    help="A variant of the service, by its name (default: what its own engine is), and the replica model of it. COST "
    "is what a replica costs for an hour, MAX the most there may be. One that the service has not is added. May be "
    "given several times; each variant is replayed alone, too.",
)
@click.option(
    "--profiles",
    type=_FILE,
    help="AcceleratorProfiles: the prices of variants that name one of them and have no costPerHour.",
)
@click.option(
    "--rival",
    "rivals",
    multiple=True,
    metavar="NAME[=TARGET]",
    help="Replay the same requests through this policy, too. May be given several times; all: every one there is. "
    "A name that is unknown lists those that are known.",
)
@click.option(
    "--initial-replicas",
    type=click.IntRange(1, 1000),
    help="Replicas that are ready at the start. Default: minReplicas of the service.",
)
@click.option(
    "--max-replicas",
    type=click.IntRange(1, 1000),
    help="Most replicas, for every policy. Default: maxReplicas of the service; without --service 40.",
)
@click.option(
    "--startup-seconds",
    type=_Number(0, 86_400),
    help="Cold start: from the order of a replica until it is ready. Default: that of the replica model's "
    "file; 60 for the models that ship.",
)
@click.option(
    "--scrape-interval",
    "scrape_interval_seconds",
    type=_Number(1, 3600),
    default=5.0,
    show_default=True,
    help="Seconds between two readings of a replica's metrics.",
)
@click.option(
    "--metrics-delay",
    "metrics_delay_seconds",
    type=_Number(0, 3600),
    default=0.0,
    show_default=True,
    help="Seconds until a policy sees them: their way through a Prometheus.",
)
@click.option(
    "--routing",
    type=click.Choice(["least-loaded", "random", "sticky"]),
    default="least-loaded",
    show_default=True,
    help="Which replica gets a request: least-loaded is what a gateway that counts does, sticky what keep-alive "
    "connections do without one.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND:VALUE[@FROM[..UNTIL]]",
    help="What goes wrong, from a second of the trace on. May be given several times. The kinds are listed above.",
)
@click.option(
    "--ttft-ms",
    type=_Number(1, 3_600_000),
    default=2000.0,
    show_default=True,
    help="The promise for each request: most time to its first token.",
)
@click.option(
    "--itl-ms",
    type=_Number(0.1, 3_600_000),
    default=100.0,
    show_default=True,
    help="The promise for each request: most time between its tokens, on average.",
)
@click.option(
    "--json",
    "json_output",
    type=_OUTPUT,
    help="Write all figures, series and decisions to this file; - is standard output.",
)
@click.option("--report", type=click.Path(dir_okay=False), help="Write one HTML file with plots, for a browser.")
@click.option(
    "--recording",
    type=click.Path(exists=True),
    help="Instead of --trace: decide again what an operator has recorded, a file or the directory of them. With "
    "--service: what that policy would have decided.",
)
@click.option("--name", metavar="NAMESPACE/NAME", help="The service of --recording; default: all that are in it.")
def simulate(
    *,
    trace: str | None,
    trace_format: str,
    copies: int,
    jitter_seconds: float,
    seed: int,
    services: tuple[str, ...],
    replica_model: str,
    variants: tuple[str, ...],
    profiles: str | None,
    rivals: tuple[str, ...],
    initial_replicas: int | None,
    max_replicas: int | None,
    startup_seconds: float | None,
    scrape_interval_seconds: float,
    metrics_delay_seconds: float,
    routing: str,
    faults: tuple[str, ...],
    ttft_ms: float,
    itl_ms: float,
    json_output: str | None,
    report: str | None,
    recording: str | None,
    name: str | None,
) -> None:
    """Rehearse a policy: replay a trace in virtual time, with the very rule that the operator runs.

    Each replica is a model of an engine with continuous batching; every policy sees what it would see in a cluster. At
    the end a table says how often each one kept the promise, and at what cost.

    \b
    Faults:
      metrics-gap:60@600        no reading of metrics succeeds, for 60 s from 600 s on
      scrape-failures:5         5 percent of them fail, at random
      slow-replica:3@600        one replica takes three times as long for each step
      output-doubles:2@1800     answers are twice as long
      prefix-cache:0.5@1800     half of each prompt is found in the cache
      clients-give-up:10        clients leave after 10 s without a first token
      unschedulable:4@600..900  no more than 4 replicas find a node
      no-room:l4@600..900       no more replicas of the variant l4 find a node

    \b
    Examples:
      tidegate simulate --trace examples/traces/azure-2023-conversation.csv.gz --multiply 3
      tidegate simulate --trace mine.csv --service infer.yaml --rival all --report out.html
      tidegate simulate --trace mine.csv --variant default=a100,3.67 --variant l4=l4,0.71
      tidegate simulate --recording recording-000001.jsonl --name default/chat --service changed.yaml
    """  # noqa: D301 - the backslash is click's mark for lines to be left as they are
    if recording is not None:
        from tidegate.cli.recording import Flight, decide_again  # noqa: PLC0415 - `tidegate --help` must not pay for it

        _refuse_options_of_a_trace()
        if len(services) > 1:
            raise click.UsageError("--recording takes one --service")
        decide_again(Flight(recording=recording, service=next(iter(services), None), name=name))
        return
    if name is not None:
        raise click.UsageError("--name is for --recording")
    if trace is None:
        raise click.UsageError("give --trace, the requests to replay (examples/traces has some), or --recording")
    from tidegate.cli.rehearsal import Inputs, rehearse  # noqa: PLC0415 - as above

    rehearse(
        Inputs(
            trace=trace,
            trace_format=trace_format,
            copies=copies,
            jitter_seconds=jitter_seconds,
            services=services,
            replica_model=replica_model,
            variants=variants,
            profiles=profiles,
            rivals=rivals,
            faults=faults,
            initial_replicas=initial_replicas,
            max_replicas=max_replicas,
            startup_seconds=startup_seconds,
            scrape_interval_seconds=scrape_interval_seconds,
            metrics_delay_seconds=metrics_delay_seconds,
            routing=routing,
            seed=seed,
            first_token_seconds=ttft_ms / 1000,
            inter_token_seconds=itl_ms / 1000,
        ),
        json_output=json_output,
        report=report,
    )


def _refuse_options_of_a_trace() -> None:
    context = click.get_current_context()
    for option in context.command.params:
        name = option.name or ""
        is_given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if is_given and name not in {"recording", "services", "name"}:
            raise click.UsageError(f"{option.opts[0]} goes with --trace, and would do nothing with --recording")
