"""What is shown while it runs: a live table on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.history import Change, History, Service
from demo.measures import WINDOW_SECONDS, Measures

PLAIN_SECONDS = 10.0
CURVE_COLUMNS = 48
RECENT_CHANGES = 6
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Row:
    """One service at one moment, in words."""

    name: str
    replicas: str
    sent: str
    seen: str
    queue: str
    first_token: str
    message: str


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is shown."""

    history: History
    measures: Mapping[str, Measures]
    curve: Sequence[float]
    """Tokens per second of the first part's timeline, in equal parts."""

    load_seconds: float
    now: float
    """Seconds since requests began."""

    clock: float
    """The same moment on the clock of the measures."""

    def rows(self) -> list[Row]:
        """The services, in the order of the scenario."""
        return [self._row(service, self.measures[name]) for name, service in self.history.services.items()]

    def _row(self, service: Service, measures: Measures) -> Row:
        decision = service.decision
        advisory = bool(decision) and not decision["applied"]
        times = [measures.time_to_first_token(percent, since=self.clock - WINDOW_SECONDS) for percent in (50, 95)]
        return Row(
            name=service.name,
            replicas=f"{service.ready} (advice {service.desired})"
            if advisory
            else f"{service.ready}/{service.desired}",
            sent=_number(measures.tokens_per_second(self.clock)),
            seen=_number(service.signal("arrivingPerSecond")),
            queue=_number(service.signal("waiting")),
            first_token=" / ".join(_seconds(time) for time in times),
            message=decision.get("message", "no decision yet"),
        )


def curve_text(curve: Sequence[float], share: float) -> Text:
    """The curve of demand as bars, the part that is over (0 to 1) brighter than what is to come."""
    top = max(curve, default=0) or 1
    bars = "".join(_BARS[min(len(_BARS) - 1, int(value / top * len(_BARS)))] for value in curve)
    done = round(len(bars) * max(0.0, min(1.0, share)))
    return Text.assemble((bars[:done], "bold cyan"), (bars[done:], "dim"))


def live(scene: Scene) -> RenderableType:
    """The whole view for a terminal, down to 80 columns and 24 lines."""
    progress = Text("demand for chat  ")
    progress.append(curve_text(scene.curve, scene.now / scene.load_seconds))
    over = scene.now >= scene.load_seconds
    progress.append("  all sent" if over else f"  {clock(scene.now)} of {clock(scene.load_seconds)}")
    rows = scene.rows()
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("SERVICE", style="bold", no_wrap=True)
    table.add_column("READY/DESIRED", no_wrap=True)
    for title in ("TOKENS/S", "SEEN", "QUEUE", "TTFT p50 / p95"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.name, row.replicas, row.sent, row.seen, row.queue, row.first_token)
    decisions = [Text.assemble((row.name, "bold"), f" {row.message}") for row in rows]
    recent = scene.history.changes[-RECENT_CHANGES:]
    changes = [
        Text(line(change), style="green" if change.applied else "yellow", no_wrap=True, overflow="ellipsis")
        for change in recent
    ]
    titles = [Text(title, style="dim") for title in ("\nLATEST DECISIONS", "\nCHANGES")]
    return Group(progress, Text(), table, titles[0], *decisions, titles[1], *changes)


def line(change: Change) -> str:
    """One change in one line."""
    return f"{clock(change.seconds)}  {change}"


def plain(scene: Scene) -> str:
    """One moment in one line, without colours."""
    parts = [
        f"{row.name} {row.replicas}: {row.sent} tokens/s (seen {row.seen}), queue {row.queue}, TTFT {row.first_token}"
        for row in scene.rows()
    ]
    return f"{clock(scene.now)}  " + " | ".join(parts)


LEGEND = (
    "Pods start within seconds here, not minutes. TOKENS/S is what is sent, prompts and answers; SEEN is what the "
    "operator makes of it from the engines' metrics; TTFT is the time to the first token at the client."
)


@contextmanager
def screen(console: Console) -> Iterator[Callable[[Scene], None]]:
    """Gives what draws scenes: over each other on a terminal, as lines elsewhere."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield PlainPrinter(console).show
        return
    with Live(console=console, auto_refresh=False) as display:
        yield lambda scene: display.update(live(scene), refresh=True)


class PlainPrinter:
    """Prints a line every few seconds, and one for each change as it is seen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = 0
        self._next = 0.0

    def show(self, scene: Scene) -> None:
        """Print what is new."""
        new = scene.history.changes[self._told :]
        self._told += len(new)
        for change in new:
            self._say(line(change))
        if scene.now >= self._next:
            self._next = scene.now + PLAIN_SECONDS
            self._say(plain(scene))

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def clock(seconds: float) -> str:
    """Minutes and seconds: `3:07`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
