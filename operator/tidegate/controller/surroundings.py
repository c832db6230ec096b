"""Gathers what a service touches from the store."""

from collections.abc import Callable

from tidegate.controller.checks import Surroundings
from tidegate.controller.records import ServiceRecord
from tidegate.controller.routing import RoutingView
from tidegate.controller.store import Store


def surroundings(
    store: Store, service: ServiceRecord, routing: RoutingView, may_follow_profile: Callable[[], bool]
) -> Surroundings:
    """Look up everything that the checks and the plan ask for."""
    accelerator = service.spec.accelerator if service.spec else None
    return Surroundings(
        service=service,
        profile=store.profiles.get(("", accelerator.profile)) if accelerator else None,
        deployment=store.deployments.get(service.workload),
        kubernetes_service=store.services.get(service.key),
        autoscaler=store.autoscaler_of(service.workload),
        drivers=store.drivers_of(service.workload),
        routing=routing,
        may_follow_profile=may_follow_profile,
    )
