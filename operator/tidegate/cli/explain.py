"""`tidegate explain`: why a service has the size that it has."""

import asyncio
import contextlib
import json
import shutil
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from tidegate.cli.patch_service import kubeconfig_option, namespace_option

if TYPE_CHECKING:
    from tidegate.cluster.error import ClusterError


@click.command()
@click.argument("name")
@namespace_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people or programs.",
)
@kubeconfig_option
def explain(name: str, namespace: str | None, output: str, kubeconfig: str | None) -> None:
    """Explain the size of service NAME, and what would change it.

    What there is now and why, what each term of the rule said, which limits bit, what was learned, and the last ten
    changes. It reads that one object and nothing else: the right to get it is enough.
    """
    from tidegate.cli import explanation as facts  # noqa: PLC0415 - `--help` must not pay for it
    from tidegate.cli.explanation_text import text_of  # noqa: PLC0415 - as above

    document = _read(namespace, name, kubeconfig)
    try:
        explanation = facts.explain_service(document, time.time())
    except facts.UnreadableServiceError as error:
        raise click.ClickException(f"{name} cannot be read: {error}") from error
    if output == "json":
        click.echo(json.dumps(facts.to_json(explanation), indent=2, ensure_ascii=False))
    else:
        click.echo(text_of(explanation, shutil.get_terminal_size((100, 24)).columns), nl=False)


def _read(namespace: str | None, name: str, kubeconfig: str | None) -> dict[str, Any]:
    """Read an InferenceService.

    Raises:
        click.ClickException: if there is no cluster, no such service, no right to see it, or no answer.
    """
    from tidegate.cluster.client import ClusterClient  # noqa: PLC0415 - see patch_service
    from tidegate.cluster.connection import NoClusterError, current_namespace, load_configuration  # noqa: PLC0415
    from tidegate.cluster.error import ClusterError  # noqa: PLC0415 - as above
    from tidegate.cluster.resources import INFERENCE_SERVICES  # noqa: PLC0415 - as above

    async def ask() -> dict[str, Any]:
        async with contextlib.aclosing(ClusterClient(await load_configuration(kubeconfig))) as client:
            return await client.read(INFERENCE_SERVICES, where, name)

    try:
        where = namespace or current_namespace(kubeconfig)
        return asyncio.run(ask())
    except NoClusterError as error:
        raise click.ClickException(str(error)) from error
    except ClusterError as error:
        raise click.ClickException(_trouble(error, where, name)) from error


def _trouble(error: "ClusterError", namespace: str, name: str) -> str:
    """What went wrong, and what to do about it."""
    if error.is_absent and error.reason == "NotFound":
        return (
            f"there is no InferenceService {name!r} in namespace {namespace!r}; `kubectl get infer -A` lists those "
            "there are, and -n gives another namespace"
        )
    if error.is_absent:
        return (
            "this cluster does not know InferenceServices: the CustomResourceDefinition is missing; install the "
            "chart, or apply the output of `tidegate crds`; or is it another cluster than you mean (kubectl config "
            "current-context)?"
        )
    if error.status == HTTPStatus.FORBIDDEN:
        return (
            f"you may not see it: {error.message}; the ClusterRole `view` gives the right to get InferenceServices, "
            "where the chart was installed with rbac.aggregateClusterRoles"
        )
    if error.status == HTTPStatus.UNAUTHORIZED:
        return f"the cluster does not know you: {error.message}; log in again, and try `kubectl get infer {name}`"
    return str(error)
