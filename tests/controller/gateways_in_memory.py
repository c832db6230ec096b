"""A cluster with gateways that do what real ones do: they stand in slices, hold requests, and wake."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from cluster_objects import LEAST, NAMESPACE, SCALER, scaled
from recording_cluster import status_of
from replica_sets_in_memory import CHAT, WithReplicaSets

from tidegate.api.names import GATEWAY_METRICS_ANNOTATION
from tidegate.api.routing import RoutingMode
from tidegate.cluster.resources import DEPLOYMENTS, PODS, Key, Resource
from tidegate.controller.gateway_ports import GatewayPorts, PortRange
from tidegate.controller.gateways import GatewayInstall, Gateways
from tidegate.controller.routing_views import RoutingViews
from tidegate.metrics.gateway_scrape import GatewayPage
from tidegate.scaling.gateway_traffic import GatewaySample

Document = dict[str, Any]
IDLE_SECONDS = 60


def sleepy(mode: str | None = "Gateway", **more: Any) -> Document:
    """A spec that sleeps after a minute."""
    scaling = {
        "minReplicas": 0,
        "scaleToZero": {"idleSeconds": IDLE_SECONDS},
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        **more.pop("scaling", {}),
    }
    routing = {} if mode is None else {"routing": {"mode": mode}}
    return {**LEAST, **routing, **more, "scaling": scaling}


class WithGateways(WithReplicaSets):
    """An operator that was told of gateways, of which two live."""

    def __init__(
        self, default: RoutingMode = RoutingMode.NONE, *, ports: PortRange | None = None, installed: bool = True
    ) -> None:
        self.default = default
        self.ports = ports
        self.installed = installed
        self.gateways = ["g-1", "g-2"]
        """Those that renew their Leases and answer."""

        self.held: dict[Key, float] = {}
        self.in_flight: dict[Key, float] = {}
        self.last_use: dict[Key, float] = {}
        self.slices: dict[Key, float] = {}
        """Since when the slices are in place."""

        super().__init__()
        self.started_at = self.now

    def routing(self) -> RoutingViews:
        """What it knows of them."""
        known = Gateways(GatewayInstall("ops", "tide"), self, self, clock=lambda: self.now, stale_seconds=15.0)
        return RoutingViews(self.store, known if self.installed else None, GatewayPorts(self.ports), self.default)

    # What the gateways do.

    async def list_documents(
        self, resource: Resource, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[Document]:
        """Their Leases."""
        del resource, namespace, labels
        for name in self.gateways:
            yield {
                "metadata": {"name": name, "annotations": {GATEWAY_METRICS_ANNOTATION: f"{name}:9090"}},
                "spec": {"holderIdentity": name, "leaseDurationSeconds": 15, "renewTime": str(self.now)},
            }

    async def read(self, gateways: Mapping[str, str]) -> dict[str, GatewayPage]:
        """Their pages; the first leads and has written the slices."""
        self.write_slices()
        return {name: self._page(name) for name in gateways if name in self.gateways}

    def write_slices(self) -> None:
        """Stand where statuses ask for it."""
        for key in self.store.inference_services:
            written = status_of(self.cluster, key[1]).get("routing") or {}
            stands = written.get("mode") == "Gateway" or (written.get("mode") == "Direct" and written.get("standby"))
            if stands and self.gateways:
                self.slices.setdefault(key, self.now)
            else:
                self.slices.pop(key, None)

    def use(self, *, held: float = 0.0, in_flight: float = 0.0, key: Key = CHAT) -> None:
        """A request arrives or ends; what they have of the service then."""
        self.held[key], self.in_flight[key], self.last_use[key] = held, in_flight, self.now

    def wake(self, replicas: int, key: Key = CHAT) -> None:
        """Raise a Deployment from 0."""
        found = self.cluster.found(DEPLOYMENTS, key)
        assert found["spec"]["replicas"] == 0
        self.cluster.have(DEPLOYMENTS, scaled(found, replicas, SCALER))

    def _page(self, name: str) -> GatewayPage:
        leads = name == self.gateways[0]
        samples = {
            key: GatewaySample(
                gateway=name,
                time=self.now,
                requests=0.0,
                held=self.held.get(key, 0.0) if leads else 0.0,
                in_flight=self.in_flight.get(key, 0.0) if leads else 0.0,
                last_use=self.last_use.get(key, self.started_at),
            )
            for key in self.store.inference_services
        }
        return GatewayPage(time=self.now, samples=samples, slices=dict(self.slices) if leads else {})

    # What is told.

    @property
    def size(self) -> int:
        """Of the Deployment, as it is written."""
        size: int = self.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"]
        return size

    def told_routing(self, name: str = "chat") -> Document:
        """`status.routing`."""
        found: Document = status_of(self.cluster, name).get("routing", {})
        return found

    def serve(self, *numbers: int) -> None:
        """Let pods of the service be ready."""
        for number in numbers:
            self.ordinary_pod("chat", number, ours=True)

    def serving_pods(self) -> int:
        """How many pods take requests."""
        return sum(self.on(int(key[1][-1]))[0] == "serving" for key in self.store.pods)

    async def until_asleep(self, most_turns: int = 40) -> None:
        """Turn until there are no pods."""
        for _ in range(most_turns):
            await self.turn()
            self.control()
            if self.size == 0 and not self.store.pods:
                await self.turn()
                return
        raise AssertionError(f"not asleep: {status_of(self.cluster)['decision']}")

    def lose_pod(self, number: int) -> None:
        """Let a pod go."""
        self.cluster.lose(PODS, (NAMESPACE, f"chat-abc-{number}"))


async def awake(mode: str = "Gateway", **more: Any) -> WithGateways:
    """A service with one pod that serves, and that was used just now."""
    operator = WithGateways()
    operator.apply(sleepy(mode, **more))
    await operator.turn()
    operator.serve(1)
    operator.use()
    for _ in range(6):
        await operator.turn()
        operator.use()
    return operator


async def asleep(mode: str = "Gateway", **more: Any) -> WithGateways:
    """A service that sleeps."""
    operator = await awake(mode, **more)
    await operator.until_asleep()
    return operator
