"""Gathers what a service touches from the store."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.controller.checks import Surroundings
from tidegate.controller.records import ServiceRecord
from tidegate.controller.routing import RoutingView
from tidegate.controller.state import ServiceState
from tidegate.controller.store import Store

MayFollowProfile = Callable[[ServiceRecord], bool]
"""Asks whether pods of a service, or of a variant of one, may be replaced now on account of its profile."""


def surroundings(
    store: Store, service: ServiceRecord, state: ServiceState, routing: RoutingView, may_follow: MayFollowProfile
) -> Surroundings:
    """Look up everything that the checks and the plan ask for."""
    given = _of(store, service, routing, may_follow)
    spec = service.spec
    if spec is None or service.target is not None:
        return given
    variants = [_of(store, each, routing, may_follow) for each in _variants(service, spec, state)]
    removed = [_of(store, each, routing, may_follow) for each in _removed(store, service, spec, state)]
    if not spec.variants and not removed:
        return given
    return replace(given, variants=(*variants, *removed))


def _of(store: Store, service: ServiceRecord, routing: RoutingView, may_follow: MayFollowProfile) -> Surroundings:
    accelerator = service.spec.accelerator if service.spec else None
    return Surroundings(
        service=service,
        profile=store.profiles.get(("", accelerator.profile)) if accelerator else None,
        deployment=store.deployments.get(service.workload),
        kubernetes_service=store.services.get(service.key),
        autoscaler=store.autoscaler_of(service.workload),
        drivers=store.drivers_of(service.workload),
        routing=routing,
        may_follow_profile=partial(may_follow, service),
    )


def _variants(service: ServiceRecord, spec: InferenceServiceSpec, state: ServiceState) -> Iterator[ServiceRecord]:
    for name in spec.variant_names:
        yield service.of_variant(name, state.of(name).spec or spec.of_variant(name))


def _removed(
    store: Store, service: ServiceRecord, spec: InferenceServiceSpec, state: ServiceState
) -> Iterator[ServiceRecord]:
    """Variants that have a Deployment still. How they are run nobody says any more; all that is asked is to end."""
    prefix, workloads = f"{service.key[1]}-", service.workloads
    for live in store.deployments_of(service):
        if live.key in workloads or live.body_hash is None or not live.key[1].startswith(prefix):
            continue
        name = live.key[1].removeprefix(prefix)
        yield service.of_variant(name, state.of(name).as_removed(spec.of_variant(DEFAULT_VARIANT)))
