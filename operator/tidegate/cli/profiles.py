"""`tidegate profiles`: what describes the hardware of a cluster."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import click

from tidegate.cli.patch_service import kubeconfig_option

if TYPE_CHECKING:
    from tidegate.accelerators.detect import Proposal


@click.group()
def profiles() -> None:
    """Describe the accelerators of a cluster."""


@profiles.command()
@kubeconfig_option
def detect(kubeconfig: str | None) -> None:
    """Propose AcceleratorProfiles from the labels and resources of the cluster's nodes.

    Prints them as YAML, each with what could not be told as comments. Nothing is written to the cluster: read it, fill
    in what is missing, and apply it.
    """
    from tidegate.accelerators.detect import ALWAYS  # noqa: PLC0415 - `--help` must not pay for it
    from tidegate.accelerators.detect import detect as propose  # noqa: PLC0415 - as above

    nodes = _nodes(kubeconfig)
    proposals, unknown = propose(nodes)
    resources = ", ".join(unknown)
    if not proposals:
        known = f" ({resources}: nothing is known of these)" if unknown else ""
        raise click.ClickException(
            f"none of {len(nodes)} nodes offers an accelerator that is known{known}: is a device plugin installed? "
            "A profile can be written by hand, too: see docs/accelerators.md"
        )
    click.echo("# Proposed from the labels and resources of nodes. Not told by any node:")
    for clause in ALWAYS:
        click.echo(f"# - {clause}")
    if unknown:
        click.echo(f"# - what these resources are: {resources}")
    for proposal in proposals:
        click.echo("---")
        click.echo(_text(proposal), nl=False)


def _text(proposal: "Proposal") -> str:
    import yaml  # noqa: PLC0415 - as above

    from tidegate.api.names import API_VERSION  # noqa: PLC0415

    count = len(proposal.nodes)
    named = ", ".join(proposal.nodes[:3]) + (", ..." if count > 3 else "")  # noqa: PLR2004 - a few, to recognise them by
    lines = [f"# {count} node{'s' if count > 1 else ''}: {named}"]
    lines += [f"# Could not tell {doubt}" for doubt in proposal.doubts]
    document = {
        "apiVersion": API_VERSION,
        "kind": "AcceleratorProfile",
        "metadata": {"name": proposal.name},
        "spec": proposal.spec,
    }
    return "\n".join(lines) + "\n" + str(yaml.safe_dump(document, sort_keys=False))


def _nodes(kubeconfig: str | None) -> list[dict[str, Any]]:
    """All nodes.

    Raises:
        click.ClickException: if there is no cluster, or nodes may not be listed.
    """
    from tidegate.cluster.client import ClusterClient  # noqa: PLC0415 - as above
    from tidegate.cluster.connection import NoClusterError, load_configuration  # noqa: PLC0415
    from tidegate.cluster.error import ClusterError  # noqa: PLC0415
    from tidegate.cluster.resources import NODES  # noqa: PLC0415

    async def read() -> list[dict[str, Any]]:
        async with contextlib.aclosing(ClusterClient(await load_configuration(kubeconfig))) as client:
            return [node async for node in client.list_documents(NODES)]

    try:
        return asyncio.run(read())
    except (ClusterError, NoClusterError) as error:
        raise click.ClickException(str(error)) from error
