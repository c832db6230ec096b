"""Counts how often services fell asleep and woke, from the sizes that their Deployments had. Pure."""

from collections.abc import Mapping


class Cycles:
    """What sizes tell, looked at again and again.

    Attributes:
        slept: How often a service went to zero.
        woke: How often one left it; a service that has just been created has not woken.
    """

    def __init__(self) -> None:
        self.slept = 0
        self.woke = 0
        self._sizes: dict[str, int] = {}

    @property
    def complete(self) -> int:
        """How often a service slept and woke again."""
        return min(self.slept, self.woke)

    def see(self, sizes: Mapping[str, int]) -> None:
        """Take in the sizes of now, by name."""
        for name, size in sizes.items():
            before = self._sizes.get(name)
            if before is not None:
                self.slept += before > 0 == size
                self.woke += before == 0 < size
            self._sizes[name] = size

    def asleep(self, name: str) -> bool:
        """Whether a service is at zero."""
        return self._sizes.get(name) == 0
