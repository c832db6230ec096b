"""One way to run a service at one look: a variant with its Deployment and pods, or all there is of a service. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.api.routing import RoutingMode
from tidegate.cluster.resources import DEPLOYMENTS, SERVICES, Key
from tidegate.controller.actions import Action, ApplyBody, Delete
from tidegate.controller.bodies import KINDS, first_size, plan_bodies
from tidegate.controller.checks import (
    CHECKS,
    Blocks,
    Refusal,
    Surroundings,
    accelerator_can_be_given,
    engine_is_known,
    first_refusal,
    name_is_free,
    no_other_autoscaler,
    profile_exists,
    sole_driver,
)
from tidegate.controller.records import PodRecord
from tidegate.controller.state import ServiceState
from tidegate.controller.variant_state import VariantState
from tidegate.workloads.live import LiveDeployment

OF_EACH_VARIANT = {
    engine_is_known,
    sole_driver,
    name_is_free,
    no_other_autoscaler,
    profile_exists,
    accelerator_can_be_given,
}
"""Those that one variant can fail while others do well."""

_OF_THE_SERVICE = tuple(check for check in CHECKS if check not in OF_EACH_VARIANT)
_OF_ITS_OWN = tuple(check for check in CHECKS if check in OF_EACH_VARIANT)


@dataclass(slots=True, kw_only=True)
class Way:
    """One of them."""

    own: VariantState
    given: Surroundings
    pods: list[PodRecord]
    refusal: Refusal | None = None
    """Why it cannot be carried out, if it cannot."""

    replicas: int = 0
    """The size as it was written last."""

    serving: int = 0
    """The same, less the pods that drain."""

    @property
    def sized(self) -> LiveDeployment | None:
        """Its Deployment, where a size can be decided for it."""
        live, refusal = self.given.deployment, self.refusal
        if refusal is not None and refusal.blocks is not Blocks.BODY:
            return None
        is_there = live is not None and not live.deleting
        return live if is_there and self.own.table is not None and self.given.service.spec is not None else None


@dataclass(slots=True, kw_only=True)
class Ways:
    """All of them."""

    given: Surroundings
    """The service as a whole."""

    each: list[Way]
    """That of the variant `default` first."""

    refusal: Refusal | None = None
    """Why the service as a whole cannot be carried out as its spec says, if it cannot."""

    together: bool = False
    """Whether requests are shared out among them, so that their sizes are decided together."""


def ways_of(state: ServiceState, given: Surroundings, pods: Iterable[PodRecord]) -> Ways:
    """Part a service into the ways to run it, and check each.

    Args:
        state: the service's memory, from which variants go that are gone.
        given: the service.
        pods: those of all ways.
    """
    _forget_gone(state, given)
    if not given.variants:
        given = replace(given, worked_out=state.hardware.of(given.service, given.profile))
        way = Way(own=state, given=given, pods=list(pods), refusal=first_refusal(given))
        return Ways(given=given, each=[way])
    refusal, together = first_refusal(given, _OF_THE_SERVICE), given.routing.mode is RoutingMode.GATEWAY
    by_workload: defaultdict[Key, list[PodRecord]] = defaultdict(list)
    for pod in pods:
        by_workload[pod.workload].append(pod)
    ways = []
    for variant in given.variants:
        own, is_default = state.of(variant.service.variant), variant.service.variant == DEFAULT_VARIANT
        # Alone, it is bound by all that bounds the service.
        found = variant if together or not is_default else replace(given, variants=())
        found = replace(found, worked_out=own.hardware.of(found.service, found.profile))
        way = Way(own=own, given=found, pods=by_workload[found.service.workload])
        way.refusal = None if own.is_removed else _refusal(way, refusal, together=together)
        ways.append(way)
    return Ways(given=given, each=ways, refusal=refusal, together=together)


def bodies_of(ways: Ways, way: Way, now: float) -> list[Action]:
    """What to apply of it, and to delete. It takes in why its bodies are not as they should be, if they are not."""
    own, given, service = way.own, way.given, ways.given.service
    if own.is_removed:
        return _deletion(way)
    is_default = own.name == DEFAULT_VARIANT
    spec = service.spec if is_default else given.service.spec
    size = 0 if spec is None else _affordable(ways, way, first_size(spec, own.sizes.replicas, own.name))
    actions: list[Action] = []
    if way.refusal is None:
        kinds = KINDS if is_default else (DEPLOYMENTS,)
        actions, way.refusal = plan_bodies(own.bodies, given, size, now, kinds=kinds)
    if given.deployment is None and any(
        isinstance(each, ApplyBody) and each.resource is DEPLOYMENTS for each in actions
    ):
        own.creates = size
    if is_default and not actions and _has_address(ways, way):
        actions, _ = plan_bodies(own.bodies, given, size, now, kinds=(SERVICES,))
    return actions


def of_variant(name: str, refusal: Refusal) -> Refusal:
    """The same refusal where the service has several variants: it says which of them it is about."""
    if name == DEFAULT_VARIANT:
        return refusal
    field, path = f"spec.variants[name={name}]", refusal.message.removeprefix("spec.")
    is_path = path != refusal.message
    return replace(refusal, message=f"{field}.{path}" if is_path else f"{field}: {refusal.message}")


def _refusal(way: Way, of_whole: Refusal | None, *, together: bool) -> Refusal | None:
    if of_whole is not None and of_whole.blocks is Blocks.EVERYTHING:
        return of_whole
    found = first_refusal(way.given, _OF_ITS_OWN)
    if together:
        return found or of_whole
    if way.own.name == DEFAULT_VARIANT:
        return found
    return None if of_whole is None else replace(of_whole, blocks=Blocks.EVERYTHING)


def _affordable(ways: Ways, way: Way, size: int) -> int:
    """As much of the size of a new Deployment as the service may cost.

    Before it comes what further variants have, or must have: for the first listed that of all, else of those before.
    """
    budget, price = way.given.budget, way.given.hardware.cost_per_hour
    if budget is None or not price or way.given.deployment is not None:
        return size
    place = ways.each.index(way)
    others = ways.each[1:] if place == 0 else ways.each[1:place]
    left = replace(budget, cost_per_hour=max(0.0, budget.cost_per_hour - sum(_least_cost(each) for each in others)))
    return min(size, left.replicas(price))


def _least_cost(way: Way) -> float:
    """What a further variant costs at least."""
    spec, live = way.given.service.spec, way.given.deployment
    least = 0 if spec is None or way.refusal is not None else spec.scaling.min_replicas
    return (way.given.hardware.cost_per_hour or 0.0) * max(least, live.replicas if live is not None else 0)


def _has_address(ways: Ways, way: Way) -> bool:
    """Whether the address of a service is to be there though its first variant cannot be carried out: others answer."""
    child = way.given.kubernetes_service
    is_ours = child is None or child.owner_uid == way.given.service.uid
    return ways.together and ways.refusal is None and way.refusal is not None and way.own.table is not None and is_ours


def _deletion(way: Way) -> list[Action]:
    """Delete a Deployment that nobody wants any more, once its pods are gone."""
    live = way.given.deployment
    if live is None or live.deleting or way.pods or live.replicas or live.current_replicas:
        return []
    if live.observed_generation < live.generation:
        return []  # Its controller has not counted its pods since.
    return [Delete(workload=live.key, uid=live.uid, resource_version=live.resource_version)]


def _forget_gone(state: ServiceState, given: Surroundings) -> None:
    if given.service.spec is None or not state.variants:
        return  # What cannot be read says nothing of what is gone.
    there = {each.service.variant for each in given.variants}
    for name in state.variants.keys() - there:
        del state.variants[name]
