"""Calls `tidegate simulate` in this process, and a policy for it."""

from pathlib import Path

from click.testing import CliRunner, Result

from tidegate.cli import main

SERVICE = """\
apiVersion: inference.tidegate.dev/v1alpha1
kind: InferenceService
metadata: {name: chat}
spec:
  model: {name: llama}
  engine: {type: vLLM, image: vllm}
  scaling: {minReplicas: 3, maxReplicas: 5}
"""


def call(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])
