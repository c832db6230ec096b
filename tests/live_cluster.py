"""What tests see of a running control plane."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from api_server import ApiServer


@dataclass(frozen=True, slots=True)
class LiveCluster:
    """A running control plane.

    Attributes:
        name: Name for `tools/cluster.py`.
        kubeconfig: An administrator's kubeconfig.
        program: The kubectl of its version.
        api: Plain JSON client.
    """

    name: str
    kubeconfig: Path
    program: Path
    api: ApiServer

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl against it; with check, a failure fails the test and shows what kubectl said."""
        answer = subprocess.run(  # noqa: S603 - our own kubectl, arguments written in tests
            [self.program, "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **variables},
        )
        assert not check or answer.returncode == 0, f"kubectl {' '.join(arguments)}: {answer.stderr}"
        return answer
