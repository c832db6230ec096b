"""Which pod gets the next request: the one with the fewest of ours outstanding."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from demo.watching import Pod


class Outstanding:
    """Requests that were sent and are not answered yet, by pod."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._turn = 0

    def __getitem__(self, pod: Pod) -> int:
        return self._counts[pod.name]

    def pick(self, pods: Sequence[Pod]) -> Pod:
        """The pod with the fewest; of several, each in turn, so that idle pods do not leave all work to the first.

        Raises:
            ValueError: There is no pod.
        """
        self._turn += 1
        fewest = min(self[pod] for pod in pods)
        level = [pod for pod in pods if self[pod] == fewest]
        return level[self._turn % len(level)]

    @contextmanager
    def at(self, pod: Pod) -> Iterator[None]:
        """Count one request at a pod for the length of a `with` block."""
        self._counts[pod.name] += 1
        try:
            yield
        finally:
            self._counts[pod.name] -= 1
            if not self._counts[pod.name]:
                del self._counts[pod.name]
