"""Writes that fail: each in its own way, and none of them silently."""

import pytest
from cluster_objects import LEAST, NAMESPACE
from operator_under_test import OperatorUnderTest
from recording_cluster import ABSENT, CONFLICT, FORBIDDEN, INVALID, UNREACHABLE, status_of

from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES

CHAT = (NAMESPACE, "chat")
QUOTA = ClusterError(403, "Forbidden", "no more than 3 replicas for this team")


async def running(replicas: int | None = None) -> OperatorUnderTest:
    """An operator with a service at rest."""
    operator = OperatorUnderTest()
    operator.apply({**LEAST, **({} if replicas is None else {"replicas": replicas})})
    await operator.turn()
    operator.start_pods(replicas or 1)
    await operator.settle()
    return operator


def written(operator: OperatorUnderTest, kind: str, outcome: str) -> float:
    """How often, by the operator's own metrics."""
    value = operator.exporter.registry.get_sample_value("tidegate_api_writes_total", {"kind": kind, "outcome": outcome})
    return value or 0.0


async def test_a_conflict_is_planned_anew_at_once_and_counted() -> None:
    """Somebody was faster: that is no failure."""
    operator = await running()
    operator.apply({**LEAST, "replicas": 5}, generation=2)
    operator.cluster.failures["Scale"] = CONFLICT
    assert await operator.turn() == ["Scale"]
    assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 1
    operator.cluster.failures.clear()
    await operator.turn()
    assert operator.sizes() == [5]
    assert (written(operator, "Scale", "Conflict"), written(operator, "Scale", "Written")) == (1, 2)


async def test_a_size_that_is_refused_is_told_and_tried_again_after_a_while() -> None:
    """An admission policy may know a bound that the spec does not; the rest of the status goes on."""
    operator = await running()
    operator.cluster.failures["Scale"] = QUOTA
    operator.apply({**LEAST, "replicas": 5}, generation=2)
    tried = []
    for _ in range(10):
        await operator.turn()
        tried.append(operator.cluster.kinds().count("Scale"))
    assert tried == [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    status, reason, message = operator.condition("SpecValid")
    assert (status, reason) == ("False", "RejectedByAPIServer")
    assert "5 replicas" in message
    assert QUOTA.message in message
    assert operator.condition("Ready")[0] == "True"
    assert status_of(operator.cluster)["observedGeneration"] == 2


async def test_another_size_is_tried_at_once_and_mends_the_condition() -> None:
    """The refusal was of that size, not of all."""
    operator = await running()
    operator.cluster.failures["Scale"] = QUOTA
    operator.apply({**LEAST, "replicas": 5}, generation=2)
    await operator.turn()
    operator.cluster.failures.clear()
    operator.apply({**LEAST, "replicas": 3}, generation=3)
    await operator.turn()
    assert operator.sizes() == [3]
    await operator.turn()
    assert operator.condition("SpecValid")[:2] == ("True", "Accepted")


async def test_a_refused_size_that_is_no_longer_wanted_is_forgotten() -> None:
    """There is nothing left to tell."""
    operator = await running()
    operator.cluster.failures["Scale"] = QUOTA
    operator.apply({**LEAST, "replicas": 5}, generation=2)
    await operator.turn()
    operator.apply({**LEAST, "replicas": 1}, generation=3)
    await operator.turn()
    assert operator.condition("SpecValid")[:2] == ("True", "Accepted")


async def test_a_deployment_that_is_gone_is_forgotten_and_made_anew() -> None:
    """The watch may be late, or have missed it."""
    operator = await running()
    operator.cluster.failures["Scale"] = ABSENT
    operator.apply({**LEAST, "replicas": 5}, generation=2)
    await operator.turn()
    assert CHAT not in operator.store.deployments
    operator.cluster.failures.clear()
    assert (await operator.turn(after=0.5))[:2] == ["Deployment", "Scale"]


async def test_a_service_that_is_gone_is_forgotten() -> None:
    """A deletion that the watch has missed shows at the first write."""
    operator = await running()
    operator.cluster.failures["Status"] = ABSENT
    operator.apply(LEAST, generation=2)
    await operator.turn()
    assert CHAT not in operator.store.inference_services
    assert await operator.turn() == []


@pytest.mark.parametrize("failure", [FORBIDDEN, ABSENT, UNREACHABLE])
async def test_an_event_that_cannot_be_posted_takes_nothing_else_with_it(failure: ClusterError) -> None:
    """The size counts as written, the Deployment is not forgotten, the status follows."""
    operator = await running()
    operator.cluster.failures["Event"] = failure
    operator.apply({**LEAST, "replicas": 5}, generation=2)
    assert await operator.turn() == ["Scale", "Event", "Status"]
    assert CHAT in operator.store.deployments
    await operator.turn()
    assert status_of(operator.cluster)["changes"][0]["to"] == 5
    assert (written(operator, "Scale", "Written"), written(operator, "Scale", "Failed")) == (2, 0)
    assert written(operator, "Announce", "Refused") + written(operator, "Announce", "Failed") == 1


@pytest.mark.parametrize("kind", ["Scale", "Deployment", "Status"])
async def test_an_api_server_that_is_away_is_asked_ever_more_seldom_and_then_at_once(kind: str) -> None:
    """A fleet that hammers an API server keeps it from coming back."""
    operator = await running()
    operator.cluster.failures[kind] = UNREACHABLE
    operator.apply({**LEAST, "replicas": 5, "engine": {"type": "vLLM", "image": "e:2"}}, generation=2)
    tried = []
    for _ in range(24):
        await operator.turn()
        tried.append(kind in {write.kind for write in operator.cluster.writes})
    assert [turn for turn, asked in enumerate(tried) if asked] == [0, 1, 2, 3, 5, 11, 17, 23]
    operator.cluster.failures.clear()
    for _ in range(8):
        await operator.turn()
    assert await operator.turn() == []
    assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 5


async def test_a_refusal_of_the_status_is_no_reason_to_write_all_the_time() -> None:
    """Missing rights, for one."""
    operator = await running()
    operator.cluster.failures["Status"] = FORBIDDEN
    operator.apply(LEAST, generation=2)
    tried = sum([(await operator.turn()).count("Status") for _ in range(24)])
    assert tried == 8


async def test_a_size_that_is_written_does_not_hide_a_status_that_never_is() -> None:
    """Each failure in a row is answered with a longer wait, whatever else succeeds before it."""
    operator = await running()
    operator.cluster.failures["Status"] = FORBIDDEN
    tried = 0
    for turn in range(24):
        operator.apply({**LEAST, "replicas": 1 + turn % 2}, generation=2 + turn)
        tried += (await operator.turn()).count("Status")
    assert tried == 8


async def test_what_is_written_to_a_service_made_anew_is_not_the_old_ones_status() -> None:
    """The uid goes along; the API server answers with a conflict, and the next look is at the new one."""
    operator = await running()
    operator.apply(LEAST, uid="another")
    await operator.turn()
    assert operator.cluster.found(INFERENCE_SERVICES, CHAT)["metadata"]["uid"] == "another"
    assert operator.condition("SpecValid")[:2] == ("False", "NameTaken")


async def test_a_body_that_fails_for_now_is_not_taken_for_a_bad_one() -> None:
    """Nothing of it belongs into the condition."""
    operator = await running()
    operator.cluster.failures["Deployment"] = UNREACHABLE
    operator.apply({**LEAST, "engine": {"type": "vLLM", "image": "e:2"}}, generation=2)
    await operator.turn()
    operator.cluster.failures["Deployment"] = INVALID
    await operator.turn()
    await operator.turn(after=1.0)
    assert operator.condition("SpecValid")[:2] == ("False", "RejectedByAPIServer")
