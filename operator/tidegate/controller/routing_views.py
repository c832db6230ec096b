"""Gathers what is known of the way that requests take to a service: from its spec, the gateways, and the others."""

from itertools import islice

from tidegate.api.routing import RoutingMode
from tidegate.cluster.resources import Key
from tidegate.controller.gateway_ports import Claim, GatewayPorts
from tidegate.controller.gateways import Gateways
from tidegate.controller.records import ServiceRecord
from tidegate.controller.routing import Contest, RoutingView, written_routing
from tidegate.controller.store import Store

MOST_NAMED = 3
"""Of those that would have the same name; all of a fleet may."""


class RoutingViews:
    """All that is needed to say it of any service."""

    def __init__(self, store: Store, gateways: Gateways | None, ports: GatewayPorts, default: RoutingMode) -> None:
        """Look at these.

        Args:
            store: the other services.
            gateways: None where the operator was told of none.
            ports: whose is which.
            default: the mode of services that do not say.
        """
        self._store = store
        self._gateways = gateways
        self._ports = ports
        self._default = default

    async def read(self) -> None:
        """Ask the gateways."""
        if self._gateways is not None:
            await self._gateways.read()

    def is_waited_for(self, key: Key) -> bool:
        """Whether a gateway holds requests for a service."""
        return self._gateways is not None and self._gateways.traffic_of(key, carries_all=False).held > 0

    def begin(self) -> None:
        """Begin with what statuses say of ports."""
        services = self._store.inference_services.values()
        self._ports.adopt(_claim(service) for service in services if self._wants_port(service))

    def forget(self, key: Key) -> None:
        """A service is gone."""
        self._ports.give_back(key)

    def of(self, service: ServiceRecord) -> RoutingView:
        """What is known of one service."""
        wanted, gateways = self._wanted(service), self._gateways
        if wanted is RoutingMode.NONE or gateways is None:
            self._ports.give_back(service.key)
            return RoutingView(wanted=wanted, is_installed=gateways is not None)
        port = self._ports.port_of(_claim(service))
        live = bool(gateways.live) if gateways.is_known else None
        if port is None:
            return RoutingView(wanted=wanted, is_installed=True, gateways_live=live)
        return RoutingView(
            mode=wanted,
            wanted=wanted,
            port=port,
            is_installed=True,
            gateways_live=live,
            traffic=gateways.traffic_of(service.key, carries_all=wanted is RoutingMode.GATEWAY),
            slice_since=gateways.slice_since(service.key),
            contest=self._contest(service),
        )

    def _wanted(self, service: ServiceRecord) -> RoutingMode:
        if service.target is not None:
            return RoutingMode.NONE
        if service.spec is None:  # What cannot be read changes nothing for a service that runs.
            written = written_routing(service.status)
            return RoutingMode.NONE if written is None else written.mode
        return service.spec.routing.mode or self._default

    def _wants_port(self, service: ServiceRecord) -> bool:
        return self._gateways is not None and self._wanted(service) is not RoutingMode.NONE

    def _contest(self, service: ServiceRecord) -> Contest | None:
        found = [contest for name in sorted(service.shared_names) if (contest := self._contest_of(name, service))]
        return min(found, key=lambda contest: contest.is_won, default=None)

    def _contest_of(self, name: str, service: ServiceRecord) -> Contest | None:
        claimants = (each.key for each in self._store.claimants_of(name) if self._wants_port(each))
        first = next(claimants)
        if first != service.key:
            return Contest(name=name, is_won=False, others=(first,))
        others = tuple(islice(claimants, MOST_NAMED))
        return Contest(name=name, is_won=True, others=others) if others else None


def _claim(service: ServiceRecord) -> Claim:
    written = written_routing(service.status)
    return Claim(key=service.key, created=service.created, written=None if written is None else written.port)
