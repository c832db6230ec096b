"""What all variants of a service need together, by what each of them can tell."""

import pytest

from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.decision import Proposal
from tidegate.scaling.evaluation import Evaluation
from tidegate.scaling.fleet_need import fleet_need
from tidegate.scaling.health import MetricsHealth, MetricsState
from tidegate.scaling.memory import Memory
from tidegate.scaling.worth import Worth

WORTHS = {"default": Worth(requests_per_second=4.0, at_once=400), "cpu": Worth(requests_per_second=2.0, at_once=200)}
SHARES = {"default": 2 / 3, "cpu": 1 / 3}
TELLS = Proposal("throughput", 1, "67 tokens/s are arriving", 0.25)
UNKNOWN = Proposal("throughput", 1, "how many tokens/s arrive is not known yet")
QUEUE = Proposal("drain", 2, "9 requests waiting")


def seen(*proposals: Proposal) -> Evaluation:
    """A look at a variant."""
    return Evaluation(
        memory=Memory(),
        health=MetricsHealth(MetricsState.FRESH, "", (), complete=True),
        traffic=Traffic(),
        capacity=None,
        asleep=False,
        used_at=0.0,
        proposals=proposals,
    )


@pytest.mark.parametrize(
    ("default", "cpu", "need"),
    [
        ((TELLS,), (TELLS,), 0.25 * 4 + 0.25 * 2),
        ((TELLS,), (UNKNOWN,), 1.5 * 0.25 * 4),
        ((TELLS,), (), 0.25 * 4),
        ((TELLS,), (UNKNOWN, QUEUE), 0.25 * 4 + 2 * 2),
        ((UNKNOWN,), (TELLS,), 3 * 0.25 * 2),
        ((UNKNOWN,), (UNKNOWN,), 4 + 2),
    ],
    ids=["both-tell", "new-pod", "says-nothing", "new-pod-with-a-queue", "only-new-tells", "nobody-tells"],
)
def test_need(default: tuple[Proposal, ...], cpu: tuple[Proposal, ...], need: float) -> None:
    """A variant that cannot say what arrives has its share of what the others see; while none can, sizes are kept."""
    found = fleet_need({"default": seen(*default), "cpu": seen(*cpu)}, WORTHS, SHARES)
    assert found.requests_per_second == pytest.approx(need)
