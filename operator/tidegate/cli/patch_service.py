"""What `pin` and `unpin` share: their options, and one merge-patch in the name of the person at the terminal."""

import asyncio
import contextlib
from typing import Any

import click

namespace_option = click.option("-n", "--namespace", help="Its namespace. Default: that of the kubeconfig's context.")
kubeconfig_option = click.option(
    "--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Default: $KUBECONFIG, else ~/.kube/config."
)


def patch_service(namespace: str | None, name: str, patch: dict[str, Any], kubeconfig: str | None) -> str:
    """Patch an InferenceService.

    Args:
        namespace: its namespace; None for that of the kubeconfig's context.
        name: its name.
        patch: a merge patch.
        kubeconfig: a file; None for the usual places.

    Returns:
        Its namespace.

    Raises:
        click.ClickException: if there is no cluster, no such service, or the API server refuses.
    """
    from tidegate.cluster.client import ClusterClient  # noqa: PLC0415 - `--help` must not pay for it
    from tidegate.cluster.connection import NoClusterError, current_namespace, load_configuration  # noqa: PLC0415
    from tidegate.cluster.error import ClusterError  # noqa: PLC0415 - as above
    from tidegate.cluster.resources import INFERENCE_SERVICES  # noqa: PLC0415

    async def send() -> str:
        where = namespace or current_namespace(kubeconfig)
        async with contextlib.aclosing(ClusterClient(await load_configuration(kubeconfig))) as client:
            await client.patch(INFERENCE_SERVICES, where, name, patch)
        return where

    try:
        return asyncio.run(send())
    except (ClusterError, NoClusterError) as error:
        raise click.ClickException(str(error)) from error
