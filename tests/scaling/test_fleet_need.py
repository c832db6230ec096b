"""What all variants of a service need together, by what each of them can tell."""

import pytest

from tidegate.scaling.arrivals import ArrivalMemory, Traffic, observe_traffic
from tidegate.scaling.decision import Proposal
from tidegate.scaling.evaluation import Evaluation
from tidegate.scaling.fleet_need import fleet_need
from tidegate.scaling.gateway_traffic import GatewaySample, GatewayTraffic
from tidegate.scaling.health import MetricsHealth, MetricsState
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import ArrivalMethod, Sample
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


SERVED = 4000.0
"""Tokens in five seconds: what was held meanwhile."""


@pytest.mark.parametrize(("work_per_request", "arriving"), [(50.0, 2 * 50.0), (None, SERVED / 5 / 0.5)])
def test_an_engine_that_counts_tokens_alone(work_per_request: float | None, arriving: float) -> None:
    """Its requests are those that the gateways count, as large as others have seen; else by share what it served."""
    memory, traffic = ArrivalMemory(), Traffic()
    for now in (0.0, 5.0):
        gateway = GatewaySample(gateway="g", time=now, requests=2 * now, in_flight=0, held=0)
        reading = Sample(time=now, prompt_tokens=0.0, generated_tokens=SERVED * now / 5, waiting=0, running=1)
        pod = PodObservation(uid="p", name="p", ready=True, reading=reading)
        observation = Observation(
            replicas=1,
            pods=(pod,),
            arrival_method=ArrivalMethod.TOKENS_ONLY,
            gateway=GatewayTraffic(samples=(gateway,), complete=True, carries_all=True),
            share=0.5,
            work_per_request=work_per_request,
        )
        traffic, memory = observe_traffic(memory, observation, (pod,), now)
    assert traffic.arriving_per_second == pytest.approx(arriving)
