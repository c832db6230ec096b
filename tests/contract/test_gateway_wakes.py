"""A gateway wakes a Deployment at a real API server: from 0, once, and without anybody's help."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from deployment_under_test import NAME, SCALE_MANAGER, Deployment

from tidegate.api.routing import RoutingMode, WakePlan
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.connection import load_configuration
from tidegate.cluster.resources import Document
from tidegate.gateway.policy.wake import WakeResult
from tidegate.gateway.routed_service import Key, PodEngine, RoutedService
from tidegate.gateway.waker import Waker


@pytest.fixture
async def cluster_client(deployment: Deployment) -> AsyncIterator[ClusterClient]:
    """A client of the kind that a gateway has."""
    configuration = await load_configuration(str(deployment.cluster.kubeconfig))
    async with aclosing(ClusterClient(configuration)) as client:
        yield client


def a_waker(cluster: ClusterClient, *, held: int = 1, elsewhere: int = 0) -> Waker:
    """One of a gateway that holds so many requests, beside others that hold so many."""

    async def held_elsewhere(_: Key) -> int:
        return elsewhere

    return Waker(cluster, lambda _: held, held_elsewhere)


def sleeper(
    namespace: str, *, deployment: str = "chat", variants: tuple[str, ...] = ("default",), **plan: int
) -> RoutedService:
    """A service that may be woken."""
    return RoutedService(
        key=(namespace, "chat"),
        uid="u",
        created=0.0,
        mode=RoutingMode.GATEWAY,
        port=12_000,
        models=("m",),
        shared=True,
        max_held_requests=10,
        hold_timeout_seconds=10.0,
        affinity_header=None,
        engines={variant: PodEngine(port=8000, health_path="/health") for variant in variants},
        wake_plan=WakePlan(deployment=deployment, allowed=True, reason="Asleep", **plan),
    )


async def test_a_sleeper_is_woken_under_the_scalers_name(deployment: Deployment, cluster_client: ClusterClient) -> None:
    """So the operator finds a size that is its own, and goes on from there."""
    deployment.create(0)
    deployment.settle()
    outcome = await a_waker(cluster_client).wake(sleeper(deployment.namespace), 3)
    assert (outcome.result, deployment.replicas()) == (WakeResult.WOKEN, 3)
    assert deployment.owners() == {f"{SCALE_MANAGER} Apply scale"}


async def test_it_is_woken_for_those_that_wait_elsewhere_too(
    deployment: Deployment, cluster_client: ClusterClient
) -> None:
    """Whichever gateway is faster: 40 here and 60 there are 100."""
    deployment.create(0)
    deployment.settle()
    service = sleeper(deployment.namespace, max_replicas=50, requests_per_replica=20)
    await a_waker(cluster_client, held=40, elsewhere=60).wake(service, 2)
    assert deployment.replicas() == 5


async def test_what_is_awake_is_left_alone(deployment: Deployment, cluster_client: ClusterClient) -> None:
    """Neither raised nor lowered, whoever has set its size."""
    deployment.create(2)
    deployment.settle()
    before = deployment.resource_version()
    for replicas in (1, 5):
        outcome = await a_waker(cluster_client).wake(sleeper(deployment.namespace), replicas)
        assert outcome.result is WakeResult.ALREADY_AWAKE
    assert (deployment.replicas(), deployment.resource_version()) == (2, before)


class Racing(ClusterClient):
    """Somebody scales the Deployment after this client has read it, and before it writes."""

    deployment: Deployment

    async def read_scale(self, namespace: str, name: str) -> Document:
        """Read, and let the other one write."""
        found = await super().read_scale(namespace, name)
        answer = await asyncio.to_thread(
            self.deployment.api.merge_patch,
            f"{self.deployment.path}/scale",
            {"spec": {"replicas": 7}},
            manager="somebody",
        )
        assert answer.status == 200
        return found


async def test_a_race_is_lost_and_nothing_is_lowered(deployment: Deployment) -> None:
    """What the other one has written stays: of two that read the same, one writes."""
    deployment.create(0)
    deployment.settle()
    configuration = await load_configuration(str(deployment.cluster.kubeconfig))
    async with aclosing(Racing(configuration)) as racing:
        racing.deployment = deployment
        outcome = await a_waker(racing).wake(sleeper(deployment.namespace), 1)
    assert (outcome.result, deployment.replicas()) == (WakeResult.CONFLICT, 7)


async def test_two_gateways_wake_once(deployment: Deployment) -> None:
    """Each with connections of its own, again and again: always one is first."""
    deployment.create(0)
    deployment.settle()
    configuration = await load_configuration(str(deployment.cluster.kubeconfig))
    async with aclosing(ClusterClient(configuration)) as one, aclosing(ClusterClient(configuration)) as other:
        for _ in range(5):
            deployment.settle()
            outcomes = await asyncio.gather(
                a_waker(one).wake(sleeper(deployment.namespace), 2),
                a_waker(other).wake(sleeper(deployment.namespace), 3),
            )
            results = [outcome.result for outcome in outcomes]
            assert results.count(WakeResult.WOKEN) == 1
            assert set(results) <= {WakeResult.WOKEN, WakeResult.CONFLICT, WakeResult.ALREADY_AWAKE}
            assert deployment.replicas() == (2, 3)[results.index(WakeResult.WOKEN)]
            assert deployment.apply_scale(0, force=True).status == 200


def of_variant(deployment: Deployment, variant: str, replicas: int) -> str:
    """Path of another Deployment, of a variant of the same service."""
    body = deployment.body(replicas) | {"metadata": {"name": f"{NAME}-{variant}"}}
    answer = deployment.api.request("POST", deployment.path.rpartition("/")[0], body)
    assert answer.status == 201, answer.message
    return f"{deployment.path}-{variant}"


def size(deployment: Deployment, path: str) -> int:
    """How many replicas a Deployment is to have."""
    return int(deployment.api.get(path).document["spec"]["replicas"])


async def test_the_variant_of_the_plan_is_woken_and_no_other(
    deployment: Deployment, cluster_client: ClusterClient
) -> None:
    """Of three of which one has no Deployment yet."""
    deployment.create(0)
    cpu = of_variant(deployment, "cpu", 0)
    service = sleeper(deployment.namespace, deployment=f"{NAME}-cpu", variants=("default", "cpu", "t4"))
    for _ in range(50):  # Its controller has its say about a new Deployment.
        outcome = await a_waker(cluster_client).wake(service, 2)
        if outcome.result is not WakeResult.CONFLICT:
            break
        await asyncio.sleep(0.1)
    assert outcome.result is WakeResult.WOKEN
    assert (deployment.replicas(), size(deployment, cpu)) == (0, 2)


async def test_while_one_variant_is_awake_none_is_woken(deployment: Deployment, cluster_client: ClusterClient) -> None:
    """Two plans, one after the other, must not wake two: whoever has the newer one sees what the older one did."""
    deployment.create(0)
    deployment.settle()
    cpu = of_variant(deployment, "cpu", 1)
    service = sleeper(deployment.namespace, variants=("default", "cpu"))
    outcome = await a_waker(cluster_client).wake(service, 2)
    assert outcome.result is WakeResult.ALREADY_AWAKE
    assert (deployment.replicas(), size(deployment, cpu)) == (0, 1)


async def test_a_deployment_that_is_not_there_is_a_refusal_with_the_reason(
    deployment: Deployment, cluster_client: ClusterClient
) -> None:
    """Trying again would not help, and people read why."""
    outcome = await a_waker(cluster_client).wake(sleeper(deployment.namespace, deployment="gone"), 1)
    assert (outcome.result, outcome.reason) == (WakeResult.REFUSED, "NotFound")
    assert 'deployments.apps "gone" not found' in outcome.message


async def test_without_the_right_it_is_a_refusal(deployment: Deployment) -> None:
    """A gateway whose account may not scale says so."""
    deployment.create(0)
    deployment.settle()
    configuration = await load_configuration(str(deployment.cluster.kubeconfig))
    configuration.cert_file = configuration.key_file = None  # Nobody in particular.
    async with aclosing(ClusterClient(configuration)) as anonymous:
        outcome = await a_waker(anonymous).wake(sleeper(deployment.namespace), 1)
    assert (outcome.result, outcome.reason, deployment.replicas()) == (WakeResult.REFUSED, "Forbidden", 0)


async def test_an_api_server_that_is_away_is_no_refusal(deployment: Deployment) -> None:
    """It comes back, and requests wait for it."""
    configuration = await load_configuration(str(deployment.cluster.kubeconfig))
    configuration.host = "https://127.0.0.1:1"
    async with aclosing(ClusterClient(configuration)) as away:
        outcome = await a_waker(away).wake(sleeper(deployment.namespace), 1)
    assert outcome.result is WakeResult.UNREACHABLE


async def test_a_service_without_a_plan_is_not_woken(deployment: Deployment, cluster_client: ClusterClient) -> None:
    """Nobody has said which Deployment is meant."""
    service = sleeper(deployment.namespace)
    planless = RoutedService(**{name: getattr(service, name) for name in service.__slots__} | {"wake_plan": None})
    outcome = await a_waker(cluster_client).wake(planless, 1)
    assert (outcome.result, outcome.reason) == (WakeResult.REFUSED, "NoWakePlan")
