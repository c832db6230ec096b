"""The commands. Each is imported when it is called, so that `--help` is quick."""

import importlib
import keyword
from collections.abc import Mapping

import click

from tidegate import __version__

COMMANDS: Mapping[str, str] = {
    "operator": "Run the operator: watch InferenceServices and keep their size.",
    "gateway": "Decide where the gateway's Envoy sends each request: hold it, wake its service, pick its pod.",
    "envoy": "Run the gateway's Envoy, which carries the bytes.",
    "engine": "Run simulated inference engines, for demos and tests.",
    "simulate": "Rehearse a scaling policy on a trace, beside its rivals.",
    "profiles": "Describe the accelerators of a cluster: propose profiles from its nodes.",
    "crds": "Print the CustomResourceDefinitions, or write them to files.",
    "import": "Turn HorizontalPodAutoscalers and ScaledObjects into InferenceServices.",
    "explain": "Say why a service has the size that it has, and what would change it.",
    "pin": "Pin a service to a number of replicas.",
    "unpin": "Let a pinned service follow its demand again.",
}
"""Name and one line of help of each command; the command `x` is `tidegate.cli.x:x`, or `x_` for a word of Python."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(importlib.import_module(f"tidegate.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Lazy)
@click.version_option(__version__, prog_name="tidegate")
def main() -> None:
    """Tidegate autoscales LLM inference on Kubernetes."""


def kubectl_plugin() -> None:
    """Run the same commands as `kubectl tidegate`: kubectl finds an executable of that name in the PATH."""
    main(prog_name="kubectl tidegate")
