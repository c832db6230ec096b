"""Each service's pods are read from where it says, and held alike where that fails."""

from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE
from operator_under_test import OperatorUnderTest

from tidegate.api.inference_service import MetricsSource
from tidegate.metrics.failure import ScrapeReason

FROM_PROMETHEUS: dict[str, Any] = {**LEAST, "metrics": {"source": "Prometheus"}}
FROM_PODS: dict[str, Any] = {**LEAST, "metrics": {"source": "PodScrape"}}
SHRINKS_AT_ONCE = {"scaling": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}}


async def _serving(operator: OperatorUnderTest, spec: dict[str, Any], pods: int = 1) -> None:
    operator.apply(spec)
    await operator.turn()
    operator.start_pods(pods)
    for _ in range(3):
        await operator.turn()


@pytest.mark.parametrize(
    ("default", "spec", "asks_prometheus"),
    [
        (MetricsSource.POD_SCRAPE, LEAST, False),
        (MetricsSource.POD_SCRAPE, FROM_PROMETHEUS, True),
        (MetricsSource.PROMETHEUS, LEAST, True),
        (MetricsSource.PROMETHEUS, FROM_PODS, False),
    ],
)
async def test_the_service_has_the_last_word(
    default: MetricsSource, spec: dict[str, Any], *, asks_prometheus: bool
) -> None:
    """What the spec says counts; without it, what the operator was started with; the other source is left alone."""
    operator = OperatorUnderTest(has_prometheus=True, metrics_source=default)
    await _serving(operator, spec)
    assert operator.prometheus is not None
    assert (bool(operator.prometheus.asked), bool(operator.pods.asked)) == (asks_prometheus, not asks_prometheus)
    assert operator.condition("MetricsAvailable")[:2] == ("True", "Fresh")


async def test_a_change_of_source_restarts_no_pod() -> None:
    """Where metrics come from is no part of the body."""
    operator = OperatorUnderTest(has_prometheus=True)
    await _serving(operator, LEAST)
    operator.apply(FROM_PROMETHEUS, generation=2)
    assert "Deployment" not in await operator.turn()


async def test_pods_are_asked_for_by_name() -> None:
    """A store knows pods by namespace and name, and the model they are to serve."""
    operator = OperatorUnderTest(has_prometheus=True)
    await _serving(operator, FROM_PROMETHEUS)
    assert operator.prometheus is not None
    target = operator.prometheus.asked[-1]
    assert target.pod[0] == NAMESPACE
    assert target.pod[1].startswith("chat-")
    assert target.model_name == LEAST["model"]["name"]


async def test_a_sample_is_good_for_three_scrapes() -> None:
    """With scrapes half a minute apart, one that is 89 s old is fresh, though the loop looks every 5 s."""
    operator = OperatorUnderTest(has_prometheus=True)
    await _serving(operator, FROM_PROMETHEUS)
    assert operator.prometheus is not None
    assert operator.prometheus.asked[-1].stale_after_seconds == 90
    name = operator.prometheus.asked[-1].pod[1]
    operator.prometheus.says[name] = "PrometheusUnreachable"
    for _ in range(11):
        await operator.turn()
    assert operator.condition("MetricsAvailable")[:2] == ("True", "Fresh")
    for _ in range(12):
        await operator.turn()
    assert operator.condition("MetricsAvailable")[:2] == ("False", "Missing")


async def test_a_queue_seen_by_prometheus_scales_up() -> None:
    """The same decision as from the pods' own pages."""
    operator = OperatorUnderTest(has_prometheus=True)
    await _serving(operator, FROM_PROMETHEUS)
    assert operator.prometheus is not None
    operator.prometheus.says[operator.prometheus.asked[-1].pod[1]] = {"waiting": 40.0, "running": 8.0}
    sizes = []
    for _ in range(8):
        await operator.turn()
        sizes += operator.sizes()
    assert sizes
    assert max(sizes) > 1


@pytest.mark.parametrize("reason", [reason for reason in ScrapeReason if reason.startswith("Prometheus")])
async def test_trouble_of_prometheus_holds_the_size(reason: ScrapeReason) -> None:
    """Whatever is wrong with it, nothing shrinks, and the condition has its reason in the message."""
    operator = OperatorUnderTest(has_prometheus=True)
    await _serving(operator, {**FROM_PROMETHEUS, **SHRINKS_AT_ONCE, "replicas": 3}, pods=3)
    assert operator.prometheus is not None
    for target in operator.prometheus.asked[-3:]:
        operator.prometheus.says[target.pod[1]] = reason
    operator.apply({**FROM_PROMETHEUS, **SHRINKS_AT_ONCE}, generation=2)
    operator.restart()
    sizes = []
    for _ in range(40):
        await operator.turn()
        sizes += operator.sizes()
    assert sizes == []
    status, why, message = operator.condition("MetricsAvailable")
    assert (status, why) == ("False", "Missing")
    assert f"{reason}: Prometheus p:9090" in message


async def test_without_a_prometheus_the_condition_says_which_flag_is_missing() -> None:
    """A service that wants one of an operator that was told of none is held, and the fix is named."""
    operator = OperatorUnderTest()
    await _serving(operator, FROM_PROMETHEUS)
    status, why, message = operator.condition("MetricsAvailable")
    assert (status, why) == ("False", "Missing")
    assert "PrometheusNotConfigured" in message
    assert "start it with --prometheus-url" in message
    assert operator.pods.asked == []
