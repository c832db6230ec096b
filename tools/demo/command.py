"""The command: options, signals, what is left behind, exit codes."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click
from rich.console import Console

from building import ToolsError
from demo.stage import Stage, alone, state_directory

if TYPE_CHECKING:
    from demo.performance import Options

INTERRUPTED = 130


@click.command()
@click.option(
    "--speed",
    type=click.FloatRange(0.25, 4),
    default=1.0,
    show_default=True,
    help="2 plays the traces twice as fast, in half the time.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=10),
    metavar="SECONDS",
    help="Stop sending requests after this long. Default: at the end of the traces, 200 at speed 1.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write what happened to this file, for machines.",
)
@click.option(
    "--picture",
    "picture_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a picture of the live view to this SVG file.",
)
@click.option(
    "--cluster",
    type=click.Choice(["kwok", "kind"]),
    default="kwok",
    show_default=True,
    help="Where: a control plane without Docker, or kind, with real pods.",
)
@click.option("--down", is_flag=True, help="Only remove the cluster that an earlier demo left.")
def demo(
    *,
    speed: float,
    duration: float | None,
    json_file: Path | None,
    picture_file: Path | None,
    cluster: str,
    down: bool,
) -> None:
    """Watch Tidegate scale: a real control plane, the operator, simulated engines and a production trace."""
    console = Console(highlight=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Shells let background jobs start with it ignored.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _as_interrupt)
    for name in ("NO_PROXY", "no_proxy"):  # Everything is on this machine, whatever proxies the environment names.
        os.environ[name] = "127.0.0.1,localhost"
    directory = state_directory()
    try:
        stage = _stage(cluster)
        with alone(directory):
            if down:
                stage.take_down()
                _say(console, "The demo's cluster is gone.")
                return
            _say(console, stage.about)
            from demo.performance import Options  # noqa: PLC0415 - OpenAI's client takes seconds to import

            _perform(Options(speed, duration, json_file, picture_file), stage, console, directory)
    except ToolsError as error:
        _say(console, f"error: {error}", style="red")
        raise SystemExit(1) from error


def _stage(cluster: str) -> Stage:
    """Imported when it is played on: kind's needs nothing of kwok's, nor the other way round."""
    if cluster == "kind":
        from demo.kind_stage import KindStage  # noqa: PLC0415

        return KindStage()
    from demo.kwok_stage import KwokStage  # noqa: PLC0415

    return KwokStage()


def _perform(options: "Options", stage: Stage, console: Console, directory: Path) -> None:
    from demo.performance import DemoError, perform  # noqa: PLC0415 - as above

    try:
        perform(options, stage, console, directory)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Cleaning up takes a second or two, and must not stop half-way.
        stage.take_down()
        _say(console, "Interrupted. Everything the demo started is gone: engines, operator and cluster.")
        raise SystemExit(INTERRUPTED) from None
    except (ToolsError, DemoError) as error:
        _say(console, f"error: {error}", style="red")
        _tell_what_is_left(stage, console, directory)
        raise SystemExit(1) from error
    _tell_what_is_left(stage, console, directory)


def _tell_what_is_left(stage: Stage, console: Console, directory: Path) -> None:
    exports = stage.exports_left()
    if exports is None:
        return
    console.rule("Look around")
    for text in (
        stage.left,
        *(f"  {line}" for line in exports.splitlines()),
        "  kubectl get infer,pods",
        "  kubectl describe infer chat",
        "  .venv/bin/tidegate explain chat       # why it has this size, and what would change that",
        f"Logs, and the objects that were applied: {directory}",
        "`make demo-down` removes it all, with the same CLUSTER.",
    ):
        _say(console, text)


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, soft_wrap=True)


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def main() -> None:
    """Run the command; ends the process with its exit code."""
    demo.main(prog_name="make demo")
