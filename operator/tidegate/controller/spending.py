"""What the services of each namespace hold of its ceiling of cost, and so what each of them may cost now."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from tidegate.api.names import MAX_COST_ANNOTATION
from tidegate.api.quantity import to_number
from tidegate.cluster.resources import Key
from tidegate.controller.checks import Surroundings
from tidegate.controller.records import ServiceRecord
from tidegate.controller.state import ServiceState
from tidegate.controller.store import Store
from tidegate.controller.variant_state import VariantState
from tidegate.scaling.budget import Budget, Ceiling, Holder, budget_of


class Spending:
    """The ceilings, and who holds what below them.

    What a service holds is noted before anybody of the turn is looked at, and again after it was, so that those that
    are looked at later in the same turn know what it has just ordered.
    """

    def __init__(self, store: Store, max_cost_per_hour: float | None) -> None:
        """Begin with nobody holding anything.

        Args:
            store: has the namespaces with a ceiling of their own.
            max_cost_per_hour: the ceiling of all others; None for none.
        """
        self._store = store
        self._default = max_cost_per_hour
        self._holders: defaultdict[str, dict[Key, Holder]] = defaultdict(dict)

    def in_order(self, keys: Iterable[Key]) -> list[Key]:
        """The oldest service first: what one orders, the next one cannot have."""
        services = self._store.inference_services
        return sorted(keys, key=lambda key: (services[key].created if key in services else 0.0, key))

    def ceiling_of(self, namespace: str) -> Ceiling | None:
        """What its services may cost together; None where nothing bounds them."""
        record = self._store.namespaces.get(("", namespace))
        if record is not None and record.max_cost_per_hour is not None:
            source = f"annotation {MAX_COST_ANNOTATION}"
            return Ceiling(cost_per_hour=record.max_cost_per_hour, source=source)
        if self._default is None:
            return None
        return Ceiling(cost_per_hour=self._default, source="the operator's ceiling for each namespace")

    def problem_of(self, namespace: str) -> str:
        """What is wrong with the ceiling that is written on it; empty where nothing is."""
        record = self._store.namespaces.get(("", namespace))
        return "" if record is None else record.problem

    def note(self, service: ServiceRecord, state: ServiceState) -> None:
        """Take in what a service holds, where that matters to others."""
        namespace, name = service.key
        if self.ceiling_of(namespace) is not None:
            holder = Holder(name=name, created=service.created, cost_per_hour=self._held_by(service, state))
            self._holders[namespace][service.key] = holder

    def forget(self, key: Key) -> None:
        """Take out a service that is gone."""
        self._holders[key[0]].pop(key, None)
        if not self._holders[key[0]]:
            del self._holders[key[0]]

    def clear(self) -> None:
        """Begin anew."""
        self._holders.clear()

    def bound(self, given: Surroundings) -> Surroundings:
        """Add to a service's surroundings what it may cost now."""
        budget, problem = self.budget_of(given.service), self.problem_of(given.service.key[0])
        if budget is None and not problem:
            return given
        variants = tuple(replace(each, budget=budget) for each in given.variants)
        return replace(given, budget=budget, ceiling_problem=problem, variants=variants)

    def budget_of(self, service: ServiceRecord) -> Budget | None:
        """What a service may cost now; None where nothing bounds it."""
        namespace, name = service.key
        ceiling = self.ceiling_of(namespace)
        wanted = service.spec.scaling.budget if service.spec else None
        if wanted is None and ceiling is None:
            return None
        holders = self._holders.get(namespace, {})
        itself = holders.get(service.key) or Holder(name=name, created=service.created, cost_per_hour=0.0)
        others = [holder for key, holder in holders.items() if key != service.key]
        return budget_of(None if wanted is None else to_number(wanted.max_cost_per_hour), ceiling, itself, others)

    def _held_by(self, service: ServiceRecord, state: ServiceState) -> float:
        """The price of the pods that it has, or has ordered: in the store, or at the last look."""
        cost = 0.0
        for own in state.every:
            price = self._price_of(service, own)
            workload = service.workload_of(own.name)
            live, decided = self._store.deployments.get(workload), own.decided
            if not price or (live is not None and service.target is None and live.owner_uid != service.uid):
                continue
            there = sum(pod.ended is None for pod in self._store.pods_of(workload))
            written = live.replicas if live is not None else 0
            ordered = decided.to_replicas if decided is not None and decided.applied else 0
            cost += price * max(there, written, ordered, own.creates)
        return cost

    def _price_of(self, service: ServiceRecord, own: VariantState) -> float | None:
        """Of one replica, as worked out at the last look; before the first, as it will be."""
        if own.hardware.found is None and own.spec is not None:
            accelerator = own.spec.accelerator
            profile = self._store.profiles.get(("", accelerator.profile)) if accelerator else None
            own.hardware.of(service.of_variant(own.name, own.spec), profile)
        return None if own.hardware.found is None else own.hardware.found.cost_per_hour
