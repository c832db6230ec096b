"""The lives of a namespace's pods, written down by somebody who knows nothing of what the operator makes of them."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Thread
from typing import NamedTuple

from model_namespace import ModelNamespace

_LABEL = r"{.object.metadata.labels.inference\.tidegate\.dev/%s}"
_READY = '{.object.status.conditions[?(@.type=="Ready")].status}'
_ENDED = "{.object.status.containerStatuses[*].state.terminated.finishedAt}"
_FIELDS = (
    "{.type}",
    "{.object.metadata.uid}",
    _LABEL % "service",
    _LABEL % "variant",
    "{.object.metadata.creationTimestamp}",
    _READY,
    _ENDED,
)
_LINE = "|".join(_FIELDS) + r"{'\n'}"


@dataclass(slots=True)
class Life:
    """One pod. Times in seconds since the epoch.

    Attributes:
        service: Whose it is.
        variant: Of which kind.
        created: As the API server says, in whole seconds.
        seen_at: When it was there first.
        ready_at: When it was ready first.
        ended_at: When its containers had ended, as its node says, in whole seconds: what it had is free from then on.
        gone_at: When it was deleted.
    """

    service: str
    variant: str
    created: float
    seen_at: float
    ready_at: float | None = None
    ended_at: float | None = None
    gone_at: float | None = None

    def __str__(self) -> str:
        ready = "never" if self.ready_at is None else f"{self.ready_at - self.created:.1f} s"
        life = "for ever" if self.gone_at is None else f"{self.gone_at - self.created:.1f} s"
        ran = "" if self.ended_at is None else f", its containers {self.ended_at - self.created:.0f} s"
        return f"{self.service}/{self.variant} from {self.created:.0f}: ready after {ready}, lived {life}{ran}"


class Cost(NamedTuple):
    """What pods have cost.

    Attributes:
        least: Until the seconds in which their containers ended.
        most: Until these seconds were over: within them lies the end.
        deleted: Until they were deleted.
    """

    least: float
    most: float
    deleted: float


@dataclass(slots=True)
class Lives:
    """All that have been there, oldest first."""

    by_uid: dict[str, Life] = field(default_factory=dict)

    def of(self, service: str, variant: str | None = None) -> list[Life]:
        """Those of a service, or of one variant of it."""
        found = list(self.by_uid.values())
        return [life for life in found if life.service == service and variant in {None, life.variant}]

    def cost(self, service: str, prices: Mapping[str, float]) -> "Cost":
        """What the pods of a service have cost that are all gone: of each its life times the price of its variant.

        A life is over with the pod's containers, or else when it is deleted, a second or two later.
        """
        least = most = deleted = 0.0
        for life in self.of(service):
            assert life.gone_at is not None, f"{life} is there still"
            ended_at = life.gone_at if life.ended_at is None else life.ended_at
            price = prices[life.variant] / 3600
            least += (ended_at - life.created) * price
            most += (min(ended_at + 1, life.gone_at) - life.created) * price
            deleted += (life.gone_at - life.created) * price
        return Cost(least, most, deleted)

    def note(self, line: str, now: float) -> None:
        """Take in what a watch says."""
        event, uid, service, variant, created, ready, ended = line.rstrip("\n").split("|")
        if not service:
            return
        began = datetime.fromisoformat(created).timestamp()
        life = self.by_uid.setdefault(uid, Life(service, variant, began, now))
        if ready == "True" and life.ready_at is None:
            life.ready_at = now
        if ended:
            life.ended_at = max(datetime.fromisoformat(each).timestamp() for each in ended.split())
        if event == "DELETED":
            life.gone_at = now


@contextmanager
def lives_of_pods(here: ModelNamespace) -> Iterator[Lives]:
    """Write down the lives of pods until the block ends."""
    lives = Lives()
    where = ["--kubeconfig", str(here.cluster.kubeconfig), "--namespace", here.namespace]
    command = [str(here.cluster.program), *where, "get", "pods", "--watch", "--output-watch-events"]
    with subprocess.Popen([*command, "--output", f"jsonpath={_LINE}"], stdout=subprocess.PIPE, text=True) as process:

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lives.note(line, time.time())

        thread = Thread(target=read, daemon=True)
        thread.start()
        try:
            yield lives
        finally:
            process.kill()
            thread.join()
