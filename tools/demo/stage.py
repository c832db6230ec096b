"""The stage: a cluster of the demo's own with the examples on it, made to fit; what one has to offer."""

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import yaml

from building import ToolsError, cache_directory
from demo.programs import REPOSITORY, Program
from demo.scenario import NAMESPACE, PARTS, PROFILES, Document, Part, merged
from demo.watching import Pod

CLUSTER_NAME = "tidegate-demo"
EXAMPLES = REPOSITORY / "examples"

Placed = Callable[[Part, str], Document]
"""(part, kind of one of its objects) -> what is laid over the object, so that its pods are simulated engines."""


class Stage(Protocol):
    """A kind of cluster that the demo can play on."""

    about: str
    """What is set up, as a sentence."""

    left: str
    """What is left at the end, as a sentence."""

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig, after `set_up`."""

    def check_machine(self) -> None:
        """Refuse what cannot work, before anything is started.

        Raises:
            ToolsError: With the way out.
        """

    def set_up(self, directory: Path) -> None:
        """Bring up a cluster with the examples on it. One that an earlier demo left is made anew.

        Args:
            directory: For logs, and for what was applied.

        Raises:
            ToolsError: The cluster did not start, or refused an object.
        """

    def programs(self, directory: Path) -> AbstractContextManager[Sequence[Program]]:
        """What must run on this machine beside the cluster, for the length of a `with` block."""

    def url(self, part: Part, pod: Pod) -> str:
        """Where a part is reached from here: at this pod of it, or where Kubernetes picks one for each connection."""

    def arrives(self, address: str) -> None:
        """A pod has got an address, perhaps one that another had before."""

    def tail(self) -> str:
        """The end of the logs, for people who wonder what went wrong."""

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl; gives what it printed.

        Raises:
            ToolsError: It failed; with what it said.
        """

    def take_down(self) -> None:
        """Remove the cluster."""

    def exports_left(self) -> str | None:
        """Shell lines that lead to the cluster and to its kubectl; None if it does not run."""


def state_directory() -> Path:
    """Where the demo keeps its logs and what it applied. Made if it is not there."""
    directory = cache_directory(os.environ) / "demo"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keep other demos of this user off this machine for the length of a `with` block.

    Raises:
        ToolsError: One is running.
    """
    with (directory / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ToolsError(
                f"a demo is running already (process {file.read().strip() or 'unknown'}); press Ctrl-C where it runs, "
                "or wait for its end"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def apply_examples(stage: Stage, placed: Placed, directory: Path, others: Sequence[Document] = ()) -> None:
    """Apply profiles and examples, and what the stage wants beside them; keep a copy of what was applied.

    Raises:
        ToolsError: One was refused.
    """
    objects = directory / "objects.yaml"
    objects.write_text(yaml.safe_dump_all([*documents(placed), *others], sort_keys=False))
    stage.kubectl("apply", "--server-side", "--namespace", NAMESPACE, "--filename", str(objects))


def documents(placed: Placed) -> list[Document]:
    """The objects that are applied: profiles, and examples with the scenario's and the stage's patches over them."""
    found = list(_read(EXAMPLES / PROFILES))
    for part in PARTS:
        for document in _read(EXAMPLES / part.example):
            kind = document["kind"]
            found.append(merged(merged(document, part.patches.get(kind, {})), placed(part, kind)))
    return found


def kubectl(program: Path, kubeconfig: Path, *arguments: str) -> str:
    """Run kubectl on a cluster; gives what it printed.

    Raises:
        ToolsError: It failed; with what it said.
    """
    command = [str(program), "--kubeconfig", str(kubeconfig), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ToolsError(f"`kubectl {' '.join(arguments)}` failed:\n{answer.stderr.strip()}")
    return answer.stdout


def _read(path: Path) -> list[Any]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]
