"""`tidegate simulate --recording`: a flight decided again, and told to people."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from tidegate.controller.recorder import header
from tidegate.migration.documents import InputError
from tidegate.migration.wording import plain
from tidegate.scaling.recording import Service
from tidegate.simulator.recording import Recording, RecordingError, Step, open_recording
from tidegate.simulator.redecide import Differing, OtherPolicy, Otherwise, Redecided, SamePolicy
from tidegate.simulator.service_file import read_service

MOST_FIELDS = 8
"""Of one decision that differs; the rest are counted."""

MOST_CHANGES = 200
"""Rows of the table; the rest are counted."""

OPEN_LOOP = (
    "What was recorded does not react to another size: with more replicas a queue would have been shorter, with fewer "
    "longer. It says what the other policy would have wanted, look by look, not how it would have gone on; for that, "
    "replay a trace (--trace)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """The options of the command, as they were given."""

    recording: str
    service: str | None
    name: str | None


def decide_again(flight: Flight) -> None:
    """Decide a recording again, and say whether it came to the same, or what another policy would have decided.

    Ends the process with 1 where decisions of the same policy differ.

    Raises:
        click.ClickException: if the recording or the service's file cannot be read.
    """
    same = SamePolicy()
    try:
        other = None if flight.service is None else OtherPolicy(read_service(flight.service))
        recording = open_recording(Path(flight.recording))
        for sentence in _foreign(recording):
            click.echo(f"warning: {sentence}", err=True)
        for step in _watched(recording.steps(_named(flight.name))):
            same.see(step)
            if other is not None:
                _refuse_several(flight.recording, same.outcome.services)
                other.see(step)
    except (RecordingError, InputError, OSError) as error:
        raise click.ClickException(plain(str(error))) from error
    _tell_notes(recording)
    if not same.outcome.decisions:
        of = f" of {flight.name}" if flight.name else ""
        raise click.ClickException(f"{flight.recording}: no decision{of} in it can be decided again")
    for line in _account(same.outcome):
        click.echo(line)
    if other is not None:
        for line in _table(other.outcome):
            click.echo(line)
    elif same.outcome.differing:
        sys.exit(1)


def _tell_notes(recording: Recording) -> None:
    for note in recording.notes:
        click.echo(f"warning: {plain(note)}", err=True)
    if recording.left_out:
        click.echo(f"warning: {_looks(recording.left_out)} left out: lines before them are missing", err=True)


def _watched(steps: Iterable[Step]) -> Iterator[Step]:
    """Show on a terminal that it goes on."""
    console = Console(stderr=True)
    with Progress("{task.description}", console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("deciding again")
        for number, step in enumerate(steps, 1):
            progress.update(task, description=f"deciding again: {number:,} decisions, {_clock(step.time)}")
            yield step


def _named(name: str | None) -> Service | None:
    if name is None:
        return None
    namespace, slash, rest = name.partition("/")
    if not (namespace and slash and rest):
        raise RecordingError(f"--name {name}: give it as NAMESPACE/NAME")
    return namespace, rest


def _refuse_several(path: str, services: set[Service]) -> None:
    if len(services) > 1:
        names = " and ".join(sorted("/".join(service) for service in services))
        raise RecordingError(f"{path}: has several services, {names} among them, and --service is for one: add --name")


def _foreign(recording: Recording) -> Iterator[str]:
    """Say where it was recorded on something else than this."""
    here = header(0, 0.0)
    told = set()
    for segment in recording.segments:
        for field, what in (("version", "by Tidegate"), ("python", "on"), ("platform", "on")):
            then = getattr(segment.header, field)
            if then != getattr(here, field) and (field, then) not in told:
                told.add((field, then))
                yield f"recorded {what} {plain(then)}, and this is {getattr(here, field)}: decisions may differ"


def _account(again: Redecided) -> Iterator[str]:
    decisions = f"{again.decisions:,} decision{'s' if again.decisions != 1 else ''}"
    if len(again.services) > 1:
        decisions += f" about {len(again.services):,} services"
    if not again.differing:
        yield f"{decisions}, all identical"
        return
    yield f"{decisions}, {again.differing:,} of them different; the first of them:"
    for differing in again.first:
        yield from _difference(differing)
    if again.differing > len(again.first):
        yield f"... and {again.differing - len(again.first):,} more"


def _difference(differing: Differing) -> Iterator[str]:
    step = differing.step
    yield plain(f"{_clock(step.time)} {'/'.join(step.service)} ({step.where})")
    for path, recorded, now in differing.fields[:MOST_FIELDS]:
        yield "  " + plain(f"{path}: {_short(recorded)} was recorded, now {_short(now)}")
    if len(differing.fields) > MOST_FIELDS:
        yield f"  ... and {len(differing.fields) - MOST_FIELDS:,} more fields"


def _table(other: Otherwise) -> Iterator[str]:
    if not other.differing:
        yield f"The other policy decides the same sizes at all of {_looks(other.looks)}."
    else:
        yield f"The other policy decides another size at {other.differing:,} of {_looks(other.looks)}:"
        yield f"{'time (UTC)':<19}  there  decided  otherwise  because"
        for row in other.changes[:MOST_CHANGES]:
            sizes = f"{row.there:>5}  {row.decided:>7}  {row.otherwise:>9}"
            because = "" if row.decided == row.otherwise else plain(row.because)
            yield f"{_clock(row.time)}  {sizes}  {because}".rstrip()
        if len(other.changes) > MOST_CHANGES:
            yield f"... and {len(other.changes) - MOST_CHANGES:,} more changes"
    hours = other.recorded_seconds / 3600
    yield (
        f"replica-hours in {hours:,.2f} recorded hours: {other.there_seconds / 3600:,.2f} there were, "
        f"{other.decided_seconds / 3600:,.2f} as decided then, {other.otherwise_seconds / 3600:,.2f} otherwise"
    )
    yield OPEN_LOOP


def _looks(amount: int) -> str:
    return f"{amount:,} look{'s' if amount != 1 else ''}"


def _clock(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:197]}..."  # noqa: PLR2004 - a line or two on a terminal
