"""`tidegate operator`, but pods are not read: each has the same idle page at once, as if it had been.

What is left is the cost of everything but scraping. Takes the arguments of `tidegate operator`.
"""

import sys
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from pod_server import idle_page

from tidegate.cli import main
from tidegate.controller import operator
from tidegate.engines.page import read_page
from tidegate.metrics.pod_scrape import PodScraper, ScrapeTarget
from tidegate.scaling.sample import Sample, ScrapeFailure

PAGE = idle_page()
Key = TypeVar("Key", bound=Hashable)


class RememberedPages(PodScraper):
    """Answers for every pod, without asking it."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        super().__init__(clock=clock)
        self._now = clock

    async def scrape(self, targets: Iterable[ScrapeTarget[Key]]) -> dict[Key, Sample | ScrapeFailure]:
        """One sample of now, for all."""
        targets = list(targets)
        if not targets:
            return {}
        sample = read_page(PAGE, targets[0].table, time=self._now())
        return {target.key: sample for target in targets}


if __name__ == "__main__":
    operator.PodScraper = RememberedPages
    main(["operator", *sys.argv[1:]])
