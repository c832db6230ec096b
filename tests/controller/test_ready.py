"""The condition Ready: the summary of a service, by what there is."""

from typing import Any

import pytest
from cluster_objects import LEAST, TARGETING, foreign_deployment
from operator_under_test import OperatorUnderTest

from tidegate.cluster.resources import DEPLOYMENTS


async def serving() -> OperatorUnderTest:
    """An operator with one service at rest, on one pod."""
    operator = OperatorUnderTest()
    operator.apply(LEAST)
    await operator.turn()
    operator.start_pods(1)
    await operator.settle()
    return operator


class TestReady:
    """One word each."""

    @pytest.mark.parametrize(
        ("spec", "pods", "expected"),
        [
            (LEAST, {"count": 0}, ("False", "Starting")),
            (LEAST, {"count": 1, "ready": False}, ("False", "Starting")),
            (LEAST, {"count": 1}, ("True", "Serving")),
            ({**LEAST, "replicas": 3}, {"count": 2}, ("True", "ScalingUp")),
            ({**LEAST, "replicas": 0}, {"count": 0}, ("False", "PinnedAtZero")),
        ],
    )
    async def test_of_a_service(self, spec: dict[str, Any], pods: dict[str, Any], expected: tuple[str, str]) -> None:
        """From nothing to serving."""
        operator = OperatorUnderTest()
        operator.apply(spec)
        await operator.turn()
        operator.start_pods(**pods)
        await operator.turn()
        assert operator.condition("Ready")[:2] == expected

    async def test_of_an_outage(self) -> None:
        """Pods were ready before: that is no start."""
        operator = await serving()
        operator.start_pods(1, ready=False)
        await operator.turn()
        assert operator.condition("Ready")[:2] == ("False", "NoReadyPods")
        await operator.turn()
        assert operator.condition("Ready")[:2] == ("False", "NoReadyPods")

    async def test_of_a_target_that_its_owner_has_put_to_zero(self) -> None:
        """Nothing is starting there."""
        operator = OperatorUnderTest()
        operator.cluster.have(DEPLOYMENTS, foreign_deployment("legacy", 0))
        operator.apply({**TARGETING, "scaling": {"mode": "Advisory"}})
        await operator.turn()
        assert "scaled to 0" in operator.condition("Ready")[2]
