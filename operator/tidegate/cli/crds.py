"""`tidegate crds`: the CustomResourceDefinitions as YAML."""

from pathlib import Path

import click

from tidegate.api.crds import manifests


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a file for each into this directory, instead of printing them.",
)
def crds(output: Path | None) -> None:
    """Print the CustomResourceDefinitions, for `kubectl apply --server-side -f -`."""
    texts = manifests()
    if output is None:
        click.echo("---\n".join(texts.values()), nl=False)
        return
    output.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (output / name).write_text(text)
