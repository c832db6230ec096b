"""Latencies cost as much to read as all else together: they are read where somebody was promised something."""

from collections.abc import Iterable
from typing import Any

import pytest
from cluster_objects import LEAST
from operator_under_test import OperatorUnderTest

from tidegate.metrics.pod_scrape import ScrapeTarget

PROMISE = {"objectives": {"timeToFirstToken": {"percentile": 95, "milliseconds": 2000}}}


@pytest.mark.parametrize(("scaling", "wanted"), [({}, False), ({"objectives": {}}, False), (PROMISE, True)])
@pytest.mark.parametrize("source", ["PodScrape", "Prometheus"])
async def test_latencies_are_read_where_there_are_objectives(
    source: str, scaling: dict[str, Any], *, wanted: bool
) -> None:
    """Off the page as out of a Prometheus, and from the moment on at which the objectives are there."""
    operator = OperatorUnderTest(has_prometheus=True)
    read: list[bool] = []
    scrape = operator.pods.scrape

    async def noting(targets: Iterable[ScrapeTarget[Any]]) -> Any:
        targets = list(targets)
        read.extend(target.with_latencies for target in targets)
        return await scrape(targets)

    assert operator.prometheus is not None
    operator.pods.scrape = noting  # type: ignore[method-assign] # what the real one was told is what is tested
    spec = {**LEAST, "metrics": {"source": source}}
    operator.apply(spec)
    await operator.turn()
    operator.start_pods(1)
    for _ in range(30):
        await operator.turn()
    operator.apply({**spec, "scaling": scaling}, generation=2)
    read.clear()
    operator.prometheus.asked.clear()
    for _ in range(30):
        await operator.turn()
    assert {*read, *(target.with_latencies for target in operator.prometheus.asked)} == {wanted}
