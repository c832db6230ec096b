"""`tidegate unpin`: back to demand."""

import click

from tidegate.cli.patch_service import kubeconfig_option, namespace_option, patch_service


@click.command()
@click.argument("name")
@namespace_option
@kubeconfig_option
def unpin(name: str, namespace: str | None, kubeconfig: str | None) -> None:
    """Let service NAME follow its demand again."""
    # On the object itself: a null on /scale would not unset the field but set it to 0.
    patch_service(namespace, name, {"spec": {"replicas": None}}, kubeconfig)
    click.echo(f"{name} follows its demand")
