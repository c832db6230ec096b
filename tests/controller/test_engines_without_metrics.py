"""A service whose engine has no metrics keeps its size, and says why."""

from typing import Any

from cluster_objects import LEAST
from operator_under_test import OperatorUnderTest


def ollama(**scaling: Any) -> dict[str, Any]:
    """A service of Ollama."""
    return {**LEAST, "engine": {"type": "Ollama", "image": "ollama/ollama:0.33.0"}, "scaling": scaling}


async def served(**scaling: Any) -> OperatorUnderTest:
    """Such a service, its pods ready and idle for ten minutes."""
    operator = OperatorUnderTest()
    operator.apply(ollama(**scaling))
    await operator.turn()
    operator.start_pods(scaling["minReplicas"])
    for _ in range(120):
        await operator.turn()
    return operator


async def test_it_stays_at_its_minimum_and_its_condition_says_why() -> None:
    """No pod is asked for a page that is not there; Ready does not depend on it."""
    operator = await served(minReplicas=2, maxReplicas=5)
    status, reason, message = operator.condition("MetricsAvailable")
    assert (status, reason) == ("False", "Missing")
    assert "NoMetrics: engines of type Ollama have no metrics, so the service keeps its size" in message
    assert operator.condition("Ready")[:2] == ("True", "Serving")
    assert operator.pods.asked == []
    assert operator.sizes() == []


async def test_it_follows_its_bounds_and_a_pin() -> None:
    """What is set by hand is carried out; a pod that does not tell what it does is given the whole time to finish."""
    operator = await served(minReplicas=2, maxReplicas=5)
    sizes = []
    for generation, spec in enumerate(
        (
            ollama(minReplicas=3, maxReplicas=5),
            {**ollama(minReplicas=1, maxReplicas=5), "replicas": 4},
            ollama(minReplicas=1, maxReplicas=1),
        ),
        start=2,
    ):
        operator.apply(spec, generation=generation)
        await operator.turn()
        sizes += operator.sizes()
    assert sizes == [3, 4, 2]  # Two of the four have never come.
    for _ in range(5):  # Half a minute is the grace period that a pod has by itself.
        await operator.turn()
        sizes += operator.sizes()
    assert sizes == [3, 4, 2]
    for _ in range(4):
        await operator.turn()
        sizes += operator.sizes()
    assert sizes == [3, 4, 2, 1]
