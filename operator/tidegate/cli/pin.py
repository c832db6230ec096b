"""`tidegate pin`: a person's hand on a service."""

import click

from tidegate.cli.patch_service import kubeconfig_option, namespace_option, patch_service


@click.command()
@click.argument("name")
@click.argument("replicas", type=click.IntRange(0, 1000))
@namespace_option
@kubeconfig_option
def pin(name: str, replicas: int, namespace: str | None, kubeconfig: str | None) -> None:
    """Pin service NAME to a number of REPLICAS, whatever its demand and bounds; 0 switches it off."""
    where = patch_service(namespace, name, {"spec": {"replicas": replicas}}, kubeconfig)
    click.echo(f"{name} is pinned to {replicas}; `tidegate unpin {name} -n {where}` lets it follow its demand again")
