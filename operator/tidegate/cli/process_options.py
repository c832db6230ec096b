"""Options that `tidegate operator` and `tidegate gateway`, the processes in a cluster, have in common."""

from collections.abc import Callable
from typing import Any

import click

kubeconfig_option = click.option(
    "--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Default: in-cluster, else $KUBECONFIG."
)

_FORMAT = click.option("--log-format", type=click.Choice(["json", "console"]), default="json", show_default=True)
_LEVEL = click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of its log."""
    return _FORMAT(_LEVEL(command))
