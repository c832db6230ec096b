"""What can be wrong with a service that the API server let through: surroundings, and what is then told."""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from cluster_objects import (
    LEAST,
    TARGETING,
    autoscaler,
    foreign_deployment,
    inference_service,
    own_deployment,
    own_service,
    profile,
)

from tidegate.api.conditions import Reason
from tidegate.api.routing import RoutingMode
from tidegate.controller.checks import CHECKS, Blocks, Surroundings, first_refusal
from tidegate.controller.records import (
    ServiceRecord,
    autoscaler_record,
    profile_record,
    service_record,
)
from tidegate.controller.routing import RoutingView
from tidegate.workloads.live import live_deployment, live_service

NOBODYS = {"ownerReferences": []}
OFFICE = {
    "name": "office",
    "start": "0 8 * * 1-5",
    "end": "0 18 * * 1-5",
    "timeZone": "Europe/Paris",
    "minReplicas": 3,
}
ADVISORY = {"scaling": {"mode": "Advisory"}}
WITH_VARIANT = {**LEAST, "variants": [{"name": "cpu"}]}
WITH_GPU = {**LEAST, "accelerator": {"profile": "l4"}}
CUSTOM = {"type": "Custom", "image": "i", "port": 8188}


def surroundings(spec: dict[str, Any], **found: Any) -> Surroundings:
    """A service, and what is around it."""
    name, variant = found.pop("name", "chat"), found.pop("variant", "default")
    service = service_record(inference_service(spec, name=name))
    assert service.spec is not None or variant == "default"
    return Surroundings(service=replace(service, variant=variant), **found)


def deployment(document: dict[str, Any], **metadata: Any) -> Any:
    """A Deployment with some of its metadata replaced."""
    return live_deployment({**document, "metadata": {**document["metadata"], **metadata}})


OWN = live_deployment(own_deployment(inference_service()))
OWN_SERVICE = live_service(own_service(inference_service()))
TARGET = live_deployment(foreign_deployment())
OLDER = service_record(inference_service(TARGETING, name="older", creationTimestamp="2025-01-01T00:00:00Z"))
HPA = autoscaler_record(autoscaler())
UNREADABLE = profile_record(profile(nodeLabels="all"))


class Refused(NamedTuple):
    """One row."""

    given: Surroundings
    reason: Reason
    says: tuple[str, ...]
    blocks: Blocks = Blocks.EVERYTHING


def budget(most: str) -> dict[str, Any]:
    """What a service may cost for an hour, in its spec."""
    return {"scaling": {"budget": {"maxCostPerHour": most}}}


REFUSED = {
    "a spec of a newer CRD": Refused(
        surroundings({**LEAST, "engine": {"type": "NextYears", "image": "i"}}),
        Reason.INVALID_SPEC,
        ("spec.engine.type", "NextYears", "upgrade"),
    ),
    "a name too long": Refused(
        surroundings(LEAST, name="c" * 41), Reason.NAME_TOO_LONG, ("metadata.name", "41", "40", "shorter name")
    ),
    "both ways to run": Refused(
        surroundings({**LEAST, **TARGETING}), Reason.INVALID_SPEC, ("exactly one of engine and targetRef",)
    ),
    "a variant of a name that is in use": Refused(
        surroundings(LEAST, variant="cpu", deployment=OWN, drivers=[OLDER]),
        Reason.NAME_TAKEN,
        ("Deployment 'chat-cpu'", "'older'", "another name"),
    ),
    "a variant, where there is a Deployment of its name": Refused(
        surroundings(LEAST, variant="cpu", deployment=deployment(own_deployment(inference_service()), **NOBODYS)),
        Reason.NAME_TAKEN,
        ("a Deployment 'chat-cpu'", "give the variant another name"),
    ),
    "no way to run": Refused(surroundings({"model": {"name": "m"}}), Reason.INVALID_SPEC, ("exactly one",)),
    "bounds out of order": Refused(
        surroundings({**LEAST, "scaling": {"minReplicas": 9}}),
        Reason.INVALID_SPEC,
        ("spec.scaling.minReplicas: 9", "maxReplicas 8", "lower it"),
    ),
    "a custom engine without a port": Refused(
        surroundings({**LEAST, "engine": {"type": "Custom", "image": "i"}}),
        Reason.UNKNOWN_ENGINE,
        ("spec.engine.port",),
    ),
    "a custom engine without names": Refused(
        surroundings({**LEAST, "engine": CUSTOM}), Reason.UNKNOWN_ENGINE, ("spec.engine.metrics.names",)
    ),
    "a target that is not there": Refused(
        surroundings(TARGETING), Reason.TARGET_NOT_FOUND, ("spec.targetRef.name", "'legacy'", "create it")
    ),
    "a target that an older service drives": Refused(
        surroundings(TARGETING, deployment=TARGET, drivers=[OLDER]),
        Reason.TARGET_CLAIMED,
        ("'legacy'", "'older'", "delete one"),
    ),
    "a Deployment of that name with an owner": Refused(
        surroundings(
            LEAST, deployment=deployment(own_deployment(inference_service(uid="else"))), kubernetes_service=OWN_SERVICE
        ),
        Reason.NAME_TAKEN,
        ("a Deployment 'chat'", "not adopted", "targetRef"),
    ),
    "a Deployment of that name without an owner": Refused(
        surroundings(LEAST, deployment=deployment(own_deployment(inference_service()), **NOBODYS)),
        Reason.NAME_TAKEN,
        ("a Deployment 'chat'", "rename it"),
    ),
    "a Service of that name": Refused(
        surroundings(LEAST, deployment=OWN, kubernetes_service=replace(OWN_SERVICE, owner_uid=None)),
        Reason.NAME_TAKEN,
        ("a Service 'chat'", "another name"),
    ),
    "an autoscaler on the target": Refused(
        surroundings(TARGETING, deployment=TARGET, autoscaler=HPA),
        Reason.TARGET_HAS_AUTOSCALER,
        ("HorizontalPodAutoscaler 'hpa'", "delete it", "spec.scaling.mode", "Advisory"),
    ),
    "an autoscaler on our own": Refused(
        surroundings(LEAST, deployment=OWN, autoscaler=HPA), Reason.TARGET_HAS_AUTOSCALER, ("'hpa'",)
    ),
    "a budget without a price": Refused(
        surroundings({**LEAST, **budget("5")}),
        Reason.BUDGET_IMPOSSIBLE,
        ("spec.scaling.budget.maxCostPerHour: 5", "nobody says what a replica costs", "set spec.costPerHour"),
    ),
    "a budget without a price in the profile": Refused(
        surroundings({**WITH_GPU, **budget("5")}, profile=profile_record(profile())),
        Reason.BUDGET_IMPOSSIBLE,
        ("maxCostPerHour: 5", "set spec.costPerHour, or costPerHour in AcceleratorProfile l4, or remove the budget"),
    ),
    "a budget smaller than one replica": Refused(
        surroundings({**LEAST, **budget("2.4"), "costPerHour": "2.5"}),
        Reason.BUDGET_IMPOSSIBLE,
        ("maxCostPerHour: 2.4 is less than one replica costs, 2.5 an hour", "raise it to 2.5 at least"),
    ),
    "a profile that is not there": Refused(
        surroundings(WITH_GPU),
        Reason.UNKNOWN_PROFILE,
        ("spec.accelerator.profile", "'l4'", "create it", "kubectl get"),
        Blocks.BODY,
    ),
    "a profile that cannot be read": Refused(
        surroundings(WITH_GPU, profile=UNREADABLE), Reason.UNKNOWN_PROFILE, ("'l4'", "spec.nodeLabels"), Blocks.BODY
    ),
    "a fraction of devices that are not shared": Refused(
        surroundings({**LEAST, "accelerator": {"profile": "l4", "fraction": "0.5"}}, profile=profile_record(profile())),
        Reason.ACCELERATOR_IMPOSSIBLE,
        ("spec.accelerator.fraction: '0.5'", "devices are not shared here", "pods that run stay as they are"),
        Blocks.BODY,
    ),
    "a schedule in no time zone": Refused(
        surroundings({**LEAST, "scaling": {"schedules": [OFFICE, {**OFFICE, "name": "b", "timeZone": "Europe/Bonn"}]}}),
        Reason.INVALID_SCHEDULE,
        ("spec.scaling.schedules[name=b].timeZone", "'Europe/Bonn'", "America/New_York"),
        Blocks.BODY,
    ),
    "a schedule at no time": Refused(
        surroundings({**LEAST, "scaling": {"schedules": [{**OFFICE, "start": "0 8 31 2 *"}]}}),
        Reason.INVALID_SCHEDULE,
        ("spec.scaling.schedules[name=office].start", "'0 8 31 2 *'", "day-of-month", "five cron fields"),
        Blocks.BODY,
    ),
    "a schedule that never ends": Refused(
        surroundings({**LEAST, "scaling": {"schedules": [{**OFFICE, "end": "0 08 * * MON-FRI"}]}}),
        Reason.INVALID_SCHEDULE,
        ("spec.scaling.schedules[name=office].end", "'0 8 * * 1-5'", "never end", "another time"),
        Blocks.BODY,
    ),
    "variants without a gateway": Refused(
        surroundings(WITH_VARIANT),
        Reason.VARIANTS_NEED_GATEWAY,
        (
            "spec.variants",
            "routing.mode None, the operator's own",
            "only the variant default",
            "routing.mode to Gateway",
        ),
        Blocks.BODY,
    ),
    "variants, and no gateway to be had": Refused(
        surroundings(WITH_VARIANT, routing=RoutingView(wanted=RoutingMode.GATEWAY)),
        Reason.VARIANTS_NEED_GATEWAY,
        ("there is none for this service", "condition Routed"),
        Blocks.BODY,
    ),
}

FINE = {
    "a new service": surroundings(LEAST),
    "a service with its children": surroundings(LEAST, deployment=OWN, kubernetes_service=OWN_SERVICE),
    "a name just short enough": surroundings(LEAST, name="c" * 40),
    "a target": surroundings(TARGETING, deployment=TARGET),
    "a target of which it is the oldest driver": surroundings(
        TARGETING,
        deployment=TARGET,
        drivers=[service_record(inference_service(TARGETING)), OLDER],
    ),
    "a target whose name is our own, with a Service of that name": surroundings(
        {**TARGETING, "targetRef": {**TARGETING["targetRef"], "name": "chat"}},
        deployment=live_deployment(foreign_deployment("chat")),
        kubernetes_service=replace(OWN_SERVICE, owner_uid=None),
    ),
    "an autoscaler beside mode Advisory": surroundings({**TARGETING, **ADVISORY}, deployment=TARGET, autoscaler=HPA),
    "a profile": surroundings(WITH_GPU, profile=profile_record(profile())),
    "variants with a gateway": surroundings(WITH_VARIANT, routing=RoutingView(mode=RoutingMode.GATEWAY)),
    "a variant beside somebody else's Service": surroundings(
        LEAST, variant="cpu", kubernetes_service=replace(OWN_SERVICE, owner_uid=None)
    ),
    "a schedule": surroundings({**LEAST, "scaling": {"schedules": [OFFICE]}}),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED.keys())
def test_refused(row: Refused) -> None:
    """The reason is one word; the message names the field or the object, and the fix."""
    refusal = first_refusal(row.given)
    assert refusal is not None
    assert (refusal.reason, refusal.blocks) == (row.reason, row.blocks)
    for part in row.says:
        assert part in refusal.message


@pytest.mark.parametrize("given", FINE.values(), ids=FINE.keys())
def test_fine(given: Surroundings) -> None:
    """Nothing is refused that can be carried out."""
    assert first_refusal(given) is None


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED.keys())
def test_every_check_can_be_asked_about_anything(row: Refused) -> None:
    """A check must not rely on an earlier one having stopped the rest."""
    for check in CHECKS:
        check(row.given)


def test_what_forbids_everything_is_told_before_what_forbids_the_body() -> None:
    """Otherwise a service with two faults would go on being scaled for the lesser one."""
    both = surroundings(WITH_GPU, deployment=OWN, autoscaler=HPA)
    refusal = first_refusal(both)
    assert refusal is not None
    assert refusal.reason is Reason.TARGET_HAS_AUTOSCALER
    kinds = [row.blocks for row in REFUSED.values()]
    assert kinds == sorted(kinds, key=lambda blocks: blocks is Blocks.BODY)


def test_every_check_refuses_something_here() -> None:
    """A check without a row is not tested."""
    biting = {check for check in CHECKS for row in REFUSED.values() if check(row.given) is not None}
    assert biting == set(CHECKS)


def test_a_service_that_cannot_be_read_is_refused_and_keeps_its_name() -> None:
    """Its children are found by it."""
    record: ServiceRecord = REFUSED["a spec of a newer CRD"].given.service
    assert record.workload == ("default", "chat")
