"""What a gateway knows of one pod beside what the cluster says: its load, whether it answers, whether it refused."""

from tidegate.gateway.routed_service import ModelPod

EJECTION_SECONDS = 1.0
"""How long a pod that refused a connection gets no other."""

LONGEST_EJECTION_SECONDS = 8.0
"""At most, when it refuses time after time: each time doubles."""


class PodLoad:
    """One pod, and the requests that this gateway has with it."""

    __slots__ = ("answered", "ejected_until", "in_flight", "inherited", "lent", "pod", "refusals")

    def __init__(self, pod: ModelPod) -> None:
        self.pod = pod
        self.in_flight = 0
        """Uses that were sent to it and have not ended."""

        self.inherited = 0
        """Requests that a picker before this one sent to its address and that have not ended."""

        self.answered = False
        """Our own probe had an answer since the pod was last seen to be unwell."""

        self.lent = False
        """It drains, and takes requests all the same, for there is no other and none is to come."""

        self.refusals = 0
        """Connections refused in a row."""

        self.ejected_until = 0.0

    @property
    def available(self) -> bool:
        """Whether it takes requests."""
        return (self.pod.serving or self.lent) and (self.pod.ready or self.answered) and bool(self.pod.address)

    @property
    def load(self) -> int:
        """Requests that are with it."""
        return self.in_flight + self.inherited

    def seen(self, pod: ModelPod) -> None:
        """Take what the cluster says now."""
        fell = self.pod.ready and not pod.ready
        moved = self.pod.address != pod.address
        if fell or moved:
            self.answered = False
        if moved or (pod.ready and not self.pod.ready):
            self.refusals, self.ejected_until = 0, 0.0
        self.lent = self.lent and pod.draining
        self.pod = pod

    def refused(self, now: float) -> None:
        """It did not take a connection."""
        if now < self.ejected_until:
            return  # Of the same moment as the first.
        seconds = min(EJECTION_SECONDS * 2**self.refusals, LONGEST_EJECTION_SECONDS)
        self.refusals, self.ejected_until, self.answered = self.refusals + 1, now + seconds, False

    def finished(self, now: float) -> None:
        """A request came back from it. That speaks of an old connection: while it is ejected it stays so."""
        if now >= self.ejected_until:
            self.refusals = 0

    def probed(self) -> None:
        """It answered our own probe."""
        self.answered, self.refusals, self.ejected_until = True, 0, 0.0
