"""`tidegate import`: other autoscalers' objects as InferenceServices."""

import sys
from pathlib import Path
from typing import BinaryIO

import click

from tidegate.api.engine import EngineType

_ENGINES = [engine.value for engine in EngineType if engine is not EngineType.CUSTOM]


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--engine", type=click.Choice(_ENGINES), help="Engine in the pods. Default: what the Deployment in the input tells."
)
@click.option("--model", help="Name that clients send as model. Default: what the Deployment in the input tells.")
@click.option("--strict", is_flag=True, help="End with 1, too, if anything cannot be carried over.")
def import_(files: tuple[str, ...], engine: str | None, model: str | None, strict: bool) -> None:  # noqa: FBT001 - click's
    """Print an InferenceService for each autoscaler in FILES (YAML or JSON; - is standard input).

    Read are HorizontalPodAutoscalers, KEDA's ScaledObjects and KServe's InferenceServices, and the Deployments that
    they scale. What is printed is in mode Advisory: applied, it decides and explains and changes nothing. What could
    not be carried over stands in comments above each object, and on standard error.

    \b
    Example:
      kubectl get hpa,deployment -o yaml | tidegate import - > inference.yaml
      kubectl apply --server-side -f inference.yaml

    Ends with 1 if an autoscaler could not be imported, or none was there.
    """  # noqa: D301 - the backslash is click's mark for lines to be left as they are
    # Here, because `tidegate --help` must not pay for it.
    from tidegate.migration.documents import MAXIMUM_BYTES, InputError, KubernetesObject, read_objects  # noqa: PLC0415
    from tidegate.migration.importing import Choice, import_objects  # noqa: PLC0415
    from tidegate.migration.wording import account, as_yaml, plain  # noqa: PLC0415

    def read(stream: BinaryIO) -> bytes:
        return stream.read(MAXIMUM_BYTES + 1)

    try:
        objects: list[KubernetesObject] = []
        for file in files:
            if file == "-":
                objects += read_objects(read(sys.stdin.buffer), "standard input")
            else:
                with Path(file).open("rb") as stream:
                    objects += read_objects(read(stream), file)
    except (InputError, OSError) as error:
        raise click.ClickException(plain(str(error))) from error

    outcome = import_objects(objects, Choice(None if engine is None else EngineType(engine), model))
    click.echo("---\n".join(as_yaml(each) for each in outcome.imported), nl=False)
    for line in account(outcome):
        click.echo(line, err=True)
    if outcome.refused or not outcome.imported or (strict and outcome.lost_something):
        sys.exit(1)
