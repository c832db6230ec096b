"""The lives of a namespace's pods, written down by a watch that knows nothing of the operator."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Thread

from custom_resources import CustomResources

_LINE = r"{.type}|{.object.metadata.uid}|{.object.metadata.creationTimestamp}{'\n'}"


@dataclass(slots=True)
class PodLives:
    """All that have been there, by uid, in seconds since the epoch.

    Attributes:
        created: As the API server says, in whole seconds.
        gone: When the watch told of the deletion.
    """

    created: dict[str, float] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)

    def are_over(self, count: int) -> bool:
        """Whether there were so many, and none is left."""
        return len(self.gone) == count == len(self.created)

    def hours(self) -> float:
        """All lives together."""
        return sum(self.gone[uid] - created for uid, created in self.created.items()) / 3600

    def note(self, line: str, now: float) -> None:
        """Take in what the watch says."""
        kind, uid, created = line.strip().split("|")
        self.created.setdefault(uid, datetime.fromisoformat(created).timestamp())
        if kind == "DELETED":
            self.gone[uid] = now


@contextmanager
def pod_lives(resources: CustomResources) -> Iterator[PodLives]:
    """Watch the namespace's pods until the block ends."""
    lives, cluster = PodLives(), resources.cluster
    command = [str(cluster.program), f"--kubeconfig={cluster.kubeconfig}", f"--namespace={resources.namespace}"]
    command += ["get", "pods", "--watch", "--output-watch-events", f"--output=jsonpath={_LINE}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watch:  # noqa: S603 - ours

        def read() -> None:
            for line in watch.stdout or ():
                lives.note(line, time.time())

        reader = Thread(target=read, daemon=True)
        reader.start()
        try:
            yield lives
        finally:
            watch.terminate()
            reader.join(timeout=10)
