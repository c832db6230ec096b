"""From a service's memory after a look to what cost is made of. Pure."""

from collections.abc import Iterable, Mapping

from tidegate.controller.checks import Surroundings
from tidegate.controller.records import PodRecord
from tidegate.controller.state import ServiceState
from tidegate.controller.way import Way, Ways
from tidegate.scaling.cost import CostLook, PaidPod
from tidegate.scaling.gateway_traffic import GatewayTraffic
from tidegate.scaling.pod_step import PodStep


def see_cost(state: ServiceState, ways: Ways, now: float) -> None:
    """Add up what a service costs, after a look at it.

    Args:
        state: its memory, with this look's decisions.
        ways: the ways to run it, with all their pods.
        now: seconds since the epoch.
    """
    given, costs = ways.given, state.cost
    hardware = {way.own.name: way.given.hardware for way in ways.each}
    prices = {variant: found.cost_per_hour for variant, found in hardware.items() if found.is_known}
    if not costs.is_known and all(price is None for price in prices.values()):
        if prices:
            costs.told = None  # The price has gone since the operator before this one told of it.
        return
    paid = tuple(
        _paid(way.own.name, pod, pod.created)
        for way in ways.each
        if _pays(way)
        for pod in way.pods
        if pod.created is not None
    )
    there = {pod.uid for pod in paid}
    steps = [step for each in state.every if each.decided is not None for step in each.memory.arrivals.latest.values()]
    work = sum(step.served or 0.0 for step in steps)
    prompt_work = sum(step.prompt_work for step in steps)
    asked = _asked(costs.counted, given.routing.traffic)
    silent = [each.seen.engine_is_silent for each in state.every if each.seen is not None]
    requests = asked if any(silent) else sum(step.finished for step in steps)
    decision = state.decision
    look = CostLook(
        pods=paid,
        gone_at={uid: at for uid, at in given.gone_at.items() if uid not in there and uid in (costs.memory.pods or {})},
        prices=prices,
        idle_since=_idle_since(state, given, steps),
        asleep=decision is not None and not decision.from_replicas and not decision.to_replicas,
        needed_cost_per_hour=_needed(state, prices),
        least_cost_per_hour=_least(given, prices),
        work_unit=next((each.table.work_unit for each in state.every if each.table), costs.memory.work_unit),
        prompt_work=prompt_work,
        other_work=asked if silent and all(silent) else work - prompt_work,
        requests=requests,
    )
    costs.see(look, now)


def _pays(way: Way) -> bool:
    """Whether the pods are those of this service: others may have a Deployment of its name, or scale its target."""
    live, service, drivers = way.given.deployment, way.given.service, way.given.drivers
    if drivers and drivers[0].key != service.key:
        return False
    return live is None or service.target is not None or live.owner_uid == service.uid


def _paid(variant: str, pod: PodRecord, created: float) -> PaidPod:
    ready_at = pod.start.ready if pod.start is not None else created if pod.ready else None
    return PaidPod(uid=pod.uid, variant=variant, created=created, ready_at=ready_at, ended_at=pod.ended)


def _asked(counted: dict[str, float], traffic: GatewayTraffic | None) -> float:
    """Requests that the gateways have handed on since the last look; `counted` takes in how many there were."""
    asked = 0.0
    if traffic is None:
        return asked
    if traffic.complete:  # Each new gateway has another name: those that are gone must not be kept for ever.
        for gone in counted.keys() - {sample.gateway for sample in traffic.samples}:
            del counted[gone]
    for sample in traffic.samples:
        total, before = sample.requests - sample.abandoned, counted.get(sample.gateway)
        if before is not None:
            asked += total - before if total >= before else total  # It was started anew.
        counted[sample.gateway] = total
    return asked


def _idle_since(state: ServiceState, given: Surroundings, steps: Iterable[PodStep]) -> float | None:
    """Since when nobody has used it. Where no gateway knows, it is what the engines have shown since the last look."""
    decision = state.decision
    if decision is None or decision.idle_since is not None or given.routing.traffic is not None:
        return None if decision is None else decision.idle_since
    traffic, used = decision.traffic, any(step.served or step.ended for step in steps)
    rests = decision.health.complete and traffic.running == 0 and not traffic.waiting and not used
    return state.cost.memory.time if rests else None


def _needed(state: ServiceState, prices: Mapping[str, float | None]) -> float:
    """What the sizes cost that were decided, or that others have set where these are not carried out."""
    cost = 0.0
    for each in state.every:
        decided, live = each.decided, each.deployment
        written = live.replicas if live is not None else 0
        size = decided.to_replicas if decided is not None and decided.applied else written
        cost += size * (prices.get(each.name) or 0.0)
    return cost


def _least(given: Surroundings, prices: Mapping[str, float | None]) -> float:
    """What the fewest replicas cost of a service that never sleeps, of the cheapest variant."""
    spec, known = given.service.spec, [price for price in prices.values() if price is not None]
    return 0.0 if spec is None or not known else max(1, spec.scaling.min_replicas) * min(known)
