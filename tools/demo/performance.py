"""One run: set the stage, start the programs, play, say what happened."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from demo import summary
from demo.picture import Picture
from demo.play import Play
from demo.scenario import LOAD_SECONDS, NAMESPACE, PARTS, Part
from demo.stage import EXAMPLES, Stage
from demo.trace import timeline


class DemoError(Exception):
    """The demo did not show what it is to show; the message says what."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may choose.

    Attributes:
        speed: 2 plays the traces twice as fast, in half the time.
        duration_seconds: How long requests are sent; None = to the end of the traces.
        json_file: Where the summary goes, for machines.
        picture_file: Where a picture of the view goes, for documents.
    """

    speed: float = 1.0
    duration_seconds: float | None = None
    json_file: Path | None = None
    picture_file: Path | None = None

    @property
    def load_seconds(self) -> float:
        """How long requests are sent."""
        return min(self.duration_seconds or LOAD_SECONDS, LOAD_SECONDS / self.speed)


@dataclass(slots=True)
class Stopwatch:
    """How long each phase took, in seconds."""

    phases: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> float:
        """End a phase; gives its length."""
        now = time.monotonic()
        self.phases[name], self._last = now - self._last, now
        return self.phases[name]


def perform(options: Options, stage: Stage, console: Console, directory: Path) -> None:
    """Run the demo once. Afterwards the cluster is still there; programs of this machine are not.

    Raises:
        ToolsError: Something could not be started, or ended early.
        DemoError: It ran, but not as it should.
    """
    stage.check_machine()
    stopwatch = Stopwatch()
    timelines = {
        part.name: timeline(part.load, EXAMPLES / "traces", speed=options.speed, seconds=options.load_seconds)
        for part in PARTS
    }
    play = Play(timelines, options.load_seconds, console, Picture(options.picture_file))
    stage.set_up(directory)
    _say(console, f"  cluster, CRDs and examples are there after {stopwatch.lap('cluster'):.0f} s")
    untouched = [part for part in PARTS if not part.touched]
    sizes = {part.name: [_replicas(stage, part)] for part in untouched}
    with stage.programs(directory) as programs:
        _say(console, f"  operator and simulated engines run after {stopwatch.lap('programs'):.0f} s more")
        asyncio.run(play.run(stage, programs, stopwatch.lap))
        for part in untouched:
            sizes[part.name].append(_replicas(stage, part))
    complete = options.load_seconds == LOAD_SECONDS / options.speed
    found = summary.problems(PARTS, play.history.services, play.measures, sizes, complete=complete)
    console.rule("What happened")
    for text in summary.lines(PARTS, play.history.services, play.measures):
        _say(console, text)
    if options.json_file is not None:
        made = summary.document(PARTS, play.history.services, play.measures, found, stopwatch.phases)
        options.json_file.write_text(json.dumps(made, indent=2))
    if found:
        raise DemoError("\n".join(["this is not what should have happened:", *found, stage.tail()]))


def _replicas(stage: Stage, part: Part) -> int:
    where = ("get", "deployment", part.deployment, "--namespace", NAMESPACE)
    return int(stage.kubectl(*where, "--output=jsonpath={.spec.replicas}"))


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
