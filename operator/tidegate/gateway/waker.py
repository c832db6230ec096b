"""Wakes a Deployment that sleeps: from 0, and only from 0, by compare-and-set on its `/scale`.

It needs nobody but the API server. The size is written under the scaler's name, so that the operator takes it for one
of its own and goes on from there. Whoever else woke it in between has changed the version that was read: nobody's size
is ever lowered, and of two gateways with one plan one wakes. Of several variants the plan names one; none is woken
while another is awake, though another plan had it woken a moment ago. Two gateways that read different plans in the
same instant may each wake one: the operator takes back what is too much.
"""

import asyncio
from collections.abc import Awaitable, Callable

from tidegate.api.names import deployment_name
from tidegate.api.routing import WakePlan
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import Document
from tidegate.gateway.policy.wake import WakeOutcome, WakeResult, wake_size
from tidegate.gateway.routed_service import Key, RoutedService


class Waker:
    """The only hand of a gateway on sizes.

    Args:
        cluster: with connections that are kept, and that no other writes wait for.
        held: how many requests are held for a service, here.
        held_elsewhere: the same, at all other gateways.
    """

    def __init__(
        self, cluster: ClusterClient, held: Callable[[Key], int], held_elsewhere: Callable[[Key], Awaitable[int]]
    ) -> None:
        self._cluster = cluster
        self._held = held
        self._held_elsewhere = held_elsewhere

    async def wake(self, service: RoutedService, replicas: int) -> WakeOutcome:
        """Raise the service's Deployment from 0 to so many replicas.

        Args:
            service: its plan says which Deployment; without a plan none is woken.
            replicas: at least 1; more, where other gateways hold requests as well.
        """
        if service.wake_plan is None:
            return WakeOutcome(
                result=WakeResult.REFUSED,
                reason="NoWakePlan",
                message="status.wakePlan is not there yet: the operator writes it",
            )
        try:
            return await self._raise_from_zero(service, service.wake_plan, replicas)
        except ClusterError as error:
            return _failed(error)

    async def _raise_from_zero(self, service: RoutedService, plan: WakePlan, replicas: int) -> WakeOutcome:
        key, namespace = service.key, service.key[0]
        others = {deployment_name(key[1], variant) for variant in service.engines} - {plan.deployment}
        scale, elsewhere, sizes = await asyncio.gather(
            self._cluster.read_scale(namespace, plan.deployment),
            self._held_elsewhere(key),
            asyncio.gather(*(self._size(namespace, other) for other in others)),
        )
        if _replicas(scale) or any(sizes):
            return WakeOutcome(result=WakeResult.ALREADY_AWAKE)
        replicas = max(replicas, wake_size(self._held(key) + elsewhere, plan)) if elsewhere else replicas
        version = scale["metadata"]["resourceVersion"]
        await self._cluster.apply_scale(namespace, plan.deployment, replicas, version)
        return WakeOutcome(result=WakeResult.WOKEN)

    async def _size(self, namespace: str, deployment: str) -> int:
        """Of another variant; 0 where nobody has made its Deployment."""
        try:
            return _replicas(await self._cluster.read_scale(namespace, deployment))
        except ClusterError as error:
            if error.is_absent:
                return 0
            raise


def _replicas(scale: Document) -> int:
    size: int = (scale.get("spec") or {}).get("replicas", 0)  # Zero is left out.
    return size


def _failed(error: ClusterError) -> WakeOutcome:
    if error.is_conflict:
        return WakeOutcome(result=WakeResult.CONFLICT, message=error.message)
    if error.is_refusal or error.is_absent:
        return WakeOutcome(result=WakeResult.REFUSED, reason=error.reason or "Refused", message=error.message)
    return WakeOutcome(result=WakeResult.UNREACHABLE, message=str(error))
