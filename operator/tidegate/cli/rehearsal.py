"""What `tidegate simulate` does with its options: read, replay, tell."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tidegate.api.engine import Engine, EngineType
from tidegate.api.inference_service import InferenceServiceSpec, Model
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.api.scaling import Mode, Scaling
from tidegate.migration.documents import InputError
from tidegate.migration.wording import plain
from tidegate.simulator.comparison import Document, Load, compare
from tidegate.simulator.comparison import Progress as OnProgress
from tidegate.simulator.dated import DatedMixedPolicy, DatedPolicy
from tidegate.simulator.model_file import replica_model
from tidegate.simulator.models import MODELS, ReplicaModel
from tidegate.simulator.policy import MixedPolicy, OnOneVariant
from tidegate.simulator.replay import SetUp
from tidegate.simulator.report import PlotlyMissingError, write_report
from tidegate.simulator.rivals.catalog import AnyPolicy, RivalContext, rivals_named
from tidegate.simulator.service_file import read_service
from tidegate.simulator.summary import conclusion, table
from tidegate.simulator.tidegate_fleet_policy import TidegateFleetPolicy
from tidegate.simulator.tidegate_policy import TidegatePolicy
from tidegate.simulator.trace import Trace, read_trace
from tidegate.simulator.trouble import Trouble, parse_fault
from tidegate.simulator.wanted_hardware import (
    VariantOption,
    hardware_of,
    parse_variants,
    read_profiles,
    united,
    with_variants,
)

MOST_REPLICAS = 40
"""Where neither a service nor an option says."""

STARTUP_SECONDS = 60.0
"""The cold start of the models that ship, unless told otherwise."""

FEWEST_REPLICAS = 1
"""A replay has no gateway: of a service that sleeps nobody would hold the requests, and nobody would wake it."""

STANDARD_OUTPUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The options of the command, as they were given."""

    trace: str
    trace_format: str
    copies: int
    jitter_seconds: float
    services: Sequence[str]
    replica_model: str
    variants: Sequence[str]
    profiles: str | None
    rivals: Sequence[str]
    faults: Sequence[str]
    initial_replicas: int | None
    max_replicas: int | None
    startup_seconds: float | None
    scrape_interval_seconds: float
    metrics_delay_seconds: float
    routing: str
    seed: int
    first_token_seconds: float
    inter_token_seconds: float


def rehearse(inputs: Inputs, *, json_output: str | None, report: str | None) -> None:
    """Replay the trace through all policies, write what was asked for, and tell people.

    Args:
        inputs: the options of the command.
        json_output: file for the figures; `-` is standard output, and the table then goes to standard error.
        report: file for the page.

    Raises:
        click.ClickException: if anything that was given cannot be used; nothing has been replayed then.
    """
    for path in (json_output, report):
        if path is not None and path != STANDARD_OUTPUT and not Path(path).parent.is_dir():
            raise click.ClickException(f"{path}: there is no folder {Path(path).parent}; make it first")
    try:
        load, policies, set_up = _prepared(inputs)
        for sentence in (*_account(load, set_up), *_never_asleep(inputs)):
            click.echo(plain(sentence), err=True)
        with _progress(policies) as on_progress:
            document = compare(load, policies, set_up, set_up.hardware[DEFAULT_VARIANT].replica_model, on_progress)
    except (InputError, ValueError, OSError) as error:
        raise click.ClickException(plain(str(error))) from error
    for line in (*table(document), "", *conclusion(document)):  # First: a disk that is full must not cost it.
        click.echo(line, err=json_output == STANDARD_OUTPUT)
    try:
        _write(document, json_output, report)
    except (ValueError, OSError, PlotlyMissingError) as error:
        raise click.ClickException(plain(str(error))) from error


def _prepared(inputs: Inputs) -> tuple[Load, list[AnyPolicy], SetUp]:
    """Everything that a replay needs.

    Raises:
        InputError, ValueError, OSError: if something given cannot be used; the message says what and why.
    """
    faults = tuple(parse_fault(text) for text in inputs.faults)
    options = parse_variants(inputs.variants)
    specs = {name: with_variants(_as_replayed(spec, inputs.max_replicas), options) for name, spec in _specs(inputs)}
    profiles = {} if inputs.profiles is None else read_profiles(inputs.profiles)
    models = _models(inputs, options)
    initial = inputs.initial_replicas or max(spec.scaling.min_replicas for spec in specs.values())
    hardware = united([hardware_of(spec, models, profiles, initial) for spec in specs.values()])
    for fault in faults:
        if fault.variant and fault.variant not in hardware:
            raise ValueError(f"--fault {fault}: there is no variant {fault.variant}; give {' or '.join(hardware)}")
    set_up = SetUp(
        model=hardware[DEFAULT_VARIANT].model,
        variants=hardware,
        initial_replicas=initial,
        max_replicas=max(spec.scaling.max_replicas for spec in specs.values()),
        scrape_interval_seconds=inputs.scrape_interval_seconds,
        metrics_delay_seconds=inputs.metrics_delay_seconds,
        routing=inputs.routing,
        seed=inputs.seed,
        first_token_seconds=inputs.first_token_seconds,
        inter_token_seconds=inputs.inter_token_seconds,
        faults=faults,
    )
    if set_up.initial_replicas > set_up.max_replicas:
        raise ValueError(
            f"--initial-replicas is {set_up.initial_replicas}, which is above the most there may be, "
            f"{set_up.max_replicas}; lower it, or raise --max-replicas"
        )
    trace = read_trace(inputs.trace, inputs.trace_format)
    multiplied = trace.multiplied(inputs.copies, jitter_seconds=inputs.jitter_seconds, seed=inputs.seed)
    load = Load(
        trace=multiplied.within(set_up.context_tokens), copies=inputs.copies, jitter_seconds=inputs.jitter_seconds
    )
    trouble = Trouble(faults)
    sent = tuple(trouble.as_sent(request, set_up.context_tokens) for request in load.trace.requests)
    policies = [
        *(_policy(name, spec, set_up, trace) for name, spec in specs.items()),
        *_on_one_variant(specs, set_up, trace),
        *rivals_named(inputs.rivals, RivalContext(sent, set_up)),
    ]
    return load, policies, set_up


def _models(inputs: Inputs, options: Mapping[str, VariantOption]) -> dict[str, tuple[str, ReplicaModel]]:
    """What replicas can do, by variant: `default` from either of two options, the others from one."""
    named = {DEFAULT_VARIANT: inputs.replica_model} | {name: each.replica_model for name, each in options.items()}
    return {name: (text, _model(text, inputs.startup_seconds)) for name, text in named.items()}


def _model(text: str, startup_seconds: float | None) -> ReplicaModel:
    model = replica_model(text)
    if startup_seconds is not None:
        return replace(model, startup_seconds=startup_seconds)
    if text in MODELS:  # They start at once, for those who wait for an engine with a clock.
        return replace(model, startup_seconds=model.startup_seconds or STARTUP_SECONDS)
    return model


def _specs(inputs: Inputs) -> Iterator[tuple[str, InferenceServiceSpec]]:
    """Name and policy of each run of Tidegate's own."""
    if not inputs.services:
        scaling = Scaling(max_replicas=inputs.max_replicas or MOST_REPLICAS)
        engine = Engine(type=EngineType.VLLM, image="simulated")
        yield "tidegate", InferenceServiceSpec(model=Model(name="simulated"), engine=engine, scaling=scaling)
    for path in dict.fromkeys(inputs.services):
        yield ("tidegate" if len(inputs.services) == 1 else f"tidegate {path}"), read_service(path)


def _as_replayed(spec: InferenceServiceSpec, most: int | None) -> InferenceServiceSpec:
    """The policy as it is replayed: carried out whatever its mode, within --max-replicas, and never asleep."""
    changed: dict[str, Any] = {"mode": Mode.AUTOMATIC, "min_replicas": max(FEWEST_REPLICAS, spec.scaling.min_replicas)}
    if most is not None:
        if most < spec.scaling.min_replicas:
            raise ValueError(
                f"--max-replicas is {most}, which is below minReplicas, {spec.scaling.min_replicas}; raise it"
            )
        changed["max_replicas"] = most
    return spec.model_copy(update={"scaling": spec.scaling.model_copy(update=changed)})


def _policy(name: str, spec: InferenceServiceSpec, set_up: SetUp, trace: Trace) -> AnyPolicy:
    if spec.variants:
        costs = {variant: set_up.hardware[variant].cost_per_hour for variant in spec.variant_names}
        mixed = TidegateFleetPolicy(spec, costs, name)
        return DatedMixedPolicy(mixed, trace.clock_seconds) if spec.scaling.schedules else mixed
    policy = TidegatePolicy(spec, name)
    return DatedPolicy(policy, trace.clock_seconds) if spec.scaling.schedules else policy


def _on_one_variant(specs: Mapping[str, InferenceServiceSpec], set_up: SetUp, trace: Trace) -> Iterator[OnOneVariant]:
    """What each variant would do alone, under the bounds of the one service that is rehearsed."""
    if len(specs) != 1:
        return
    (spec,) = specs.values()
    for variant in spec.variant_names if spec.variants else ():
        own = spec.of_variant(variant)
        bounds = {"min_replicas": spec.scaling.min_replicas, "schedules": spec.scaling.schedules}
        alone = own.model_copy(update={"scaling": own.scaling.model_copy(update=bounds)})
        policy = _policy(f"only {variant}", alone, set_up, trace)
        if not isinstance(policy, MixedPolicy):
            yield OnOneVariant(policy, variant, initial_replicas=set_up.initial_replicas)


def _account(load: Load, set_up: SetUp) -> Iterator[str]:
    """What is replayed, and what of the trace is not."""
    trace = load.trace
    minutes = trace.requests[-1].time_seconds / 60
    yield f"{trace.name} ({trace.format.value}): {len(trace.requests):,} requests in {minutes:,.1f} minutes"
    context = f"than the context of {set_up.context_tokens:,} tokens that the replica model has"
    if trace.refused:
        yield f"left out: {trace.refused:,} requests that are longer {context}; an engine refuses them"
    trouble = Trouble(set_up.faults)
    if cut := sum(trouble.is_cut(request, set_up.context_tokens) for request in trace.requests):
        yield f"cut short: {cut:,} answers that the fault makes longer {context}"


def _never_asleep(inputs: Inputs) -> Iterator[str]:
    """Which policies are not replayed as they are written, because they would sleep."""
    for name, spec in _specs(inputs):
        if not spec.scaling.min_replicas:
            yield (
                f"{name}: minReplicas is 0, and is replayed as {FEWEST_REPLICAS}: a replay has no gateway that holds "
                "requests and wakes; neither what sleeping saves nor what waking takes is in the figures"
            )


@contextmanager
def _progress(policies: Sequence[AnyPolicy]) -> Iterator[OnProgress | None]:
    """A bar for each policy on standard error, if that is a terminal; it is gone in the end."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {policy.name: bars.add_task(escape(policy.name), total=1.0) for policy in policies}
        yield lambda name, share: bars.update(tasks[name], completed=share)


def _write(document: Document, json_output: str | None, report: str | None) -> None:
    if json_output is not None:
        text = json.dumps(document, indent=1, allow_nan=False) + "\n"
        if json_output == STANDARD_OUTPUT:
            click.echo(text, nl=False)
        else:
            Path(json_output).write_text(text, "utf-8")
    if report is not None:
        write_report(document, report)
