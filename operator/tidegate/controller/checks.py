"""Can this service be carried out? A list of named checks that reads as a specification; the first that fails is told.

What CEL can refuse at `kubectl apply` it does refuse; here is what only a look at the cluster shows, and, again, what
an older CRD may have let through. A check that fails never touches running pods. Some only keep the body from being
written: a typo in an edit must not stop the service that runs from being scaled.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from tidegate.api.conditions import Reason
from tidegate.api.names import DEFAULT_VARIANT, MAXIMUM_NAME_LENGTH
from tidegate.api.routing import RoutingMode
from tidegate.api.scaling import Mode
from tidegate.controller.budget_fault import budget_fault
from tidegate.controller.hardware import Hardware, hardware_of
from tidegate.controller.records import AutoscalerRecord, ProfileRecord, ServiceRecord
from tidegate.controller.routing import RoutingView
from tidegate.engines.catalog import engine_table
from tidegate.scaling.budget import Budget
from tidegate.scaling.schedules import fault
from tidegate.workloads.live import LiveDeployment, LiveService


class Blocks(Enum):
    """What a failed check forbids."""

    EVERYTHING = auto()
    BODY = auto()
    """Bodies stay as they are; the size still follows demand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """One service, or one of its variants, and all that it touches in the cluster."""

    service: ServiceRecord
    profile: ProfileRecord | None = None
    """The profile that the spec names, where it exists."""

    deployment: LiveDeployment | None = None
    """The Deployment that is scaled: our own, or the target."""

    kubernetes_service: LiveService | None = None
    """The Service of our name."""

    autoscaler: AutoscalerRecord | None = None
    """A HorizontalPodAutoscaler on the same Deployment."""

    drivers: Sequence[ServiceRecord] = field(default_factory=tuple)
    """All InferenceServices on the same Deployment, the one that is obeyed first."""

    routing: RoutingView = field(default_factory=RoutingView)
    """The way that requests take to it."""

    worked_out: Hardware | None = None
    """What `hardware` is, where that is known already: it is asked for at every look."""

    variants: "tuple[Surroundings, ...]" = ()
    """The same of each of its variants, `default` first, where there are several. Behind them are those that its spec
    has no more, and that are there still."""

    budget: Budget | None = None
    """What the service may cost now, all its variants together; None where nothing bounds it."""

    ceiling_problem: str = ""
    """Why the ceiling that is written on its namespace does not hold, if it does not."""

    gone_at: Mapping[str, float] = field(default_factory=dict, compare=False)
    """When pods have vanished lately, by uid."""

    may_follow_profile: Callable[[], bool] = field(default=lambda: True, compare=False)
    """Asks whether its pods may be replaced now on account of its profile, which others name as well."""

    @property
    def hardware(self) -> Hardware:
        """What its replicas are given of hardware."""
        return self.worked_out or hardware_of(self.service.spec, self.profile.spec if self.profile else None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A check that failed."""

    reason: Reason
    message: str
    blocks: Blocks = Blocks.EVERYTHING


Check = Callable[[Surroundings], Refusal | None]


def spec_is_readable(given: Surroundings) -> Refusal | None:
    """The spec parses: a CRD newer than this operator may allow what it does not know."""
    return Refusal(Reason.INVALID_SPEC, given.service.problem) if given.service.spec is None else None


def name_fits(given: Surroundings) -> Refusal | None:
    """The name leaves room for those of its children."""
    name = given.service.key[1]
    if len(name) <= MAXIMUM_NAME_LENGTH:
        return None
    return Refusal(
        Reason.NAME_TOO_LONG,
        f"metadata.name: {name!r} has {len(name)} characters; {MAXIMUM_NAME_LENGTH} leave room for its children's "
        "names: create it anew under a shorter name",
    )


def one_way_to_run(given: Surroundings) -> Refusal | None:
    """Exactly one of `engine` and `targetRef`."""
    spec = given.service.spec
    if spec is None or (spec.engine is None) != (spec.target_ref is None):
        return None
    return Refusal(Reason.INVALID_SPEC, "spec: give exactly one of engine and targetRef")


def bounds_in_order(given: Surroundings) -> Refusal | None:
    """`minReplicas` is not above `maxReplicas`."""
    spec = given.service.spec
    if spec is None or spec.scaling.min_replicas <= spec.scaling.max_replicas:
        return None
    bounds = spec.scaling
    return Refusal(
        Reason.INVALID_SPEC,
        f"spec.scaling.minReplicas: {bounds.min_replicas} is above maxReplicas {bounds.max_replicas}; lower it, or "
        "raise maxReplicas",
    )


def engine_is_known(given: Surroundings) -> Refusal | None:
    """The engine's table can be made."""
    spec = given.service.spec
    if spec is None:
        return None
    try:
        engine_table(spec.serving_engine)
    except ValueError as error:
        return Refusal(Reason.UNKNOWN_ENGINE, f"spec.{error}")
    return None


def target_exists(given: Surroundings) -> Refusal | None:
    """The Deployment that `targetRef` names is there."""
    spec = given.service.spec
    if spec is None or spec.target_ref is None or given.deployment is not None:
        return None
    return Refusal(
        Reason.TARGET_NOT_FOUND,
        f"spec.targetRef.name: there is no Deployment {spec.target_ref.name!r} in namespace {given.service.key[0]!r}; "
        "create it, or correct the name",
    )


def sole_driver(given: Surroundings) -> Refusal | None:
    """No older InferenceService drives the same Deployment."""
    if not given.drivers or given.drivers[0].key == given.service.key:
        return None
    name, other = given.service.workload[1], given.drivers[0].key[1]
    if given.drivers[0].workload != given.service.workload and given.service.target is None:
        variant = name.removeprefix(f"{other}-")
        message = f"Deployment {name!r} is that of variant {variant!r} of InferenceService {other!r} already; give one "
        return Refusal(Reason.NAME_TAKEN, f"{message}of the two another name")
    if given.service.variant != DEFAULT_VARIANT:
        message = f"Deployment {name!r} is that of InferenceService {other!r} already; give the variant another name"
        return Refusal(Reason.NAME_TAKEN, message)
    return Refusal(
        Reason.TARGET_CLAIMED,
        f"Deployment {name!r} is driven by InferenceService {other!r} already, which is older; delete one of the two",
    )


def name_is_free(given: Surroundings) -> Refusal | None:
    """The Deployment and the Service of our name are ours."""
    spec = given.service.spec
    if spec is None or spec.target_ref is not None:
        return None
    is_default = given.service.variant == DEFAULT_VARIANT
    name, bearer = given.service.workload[1], "InferenceService" if is_default else "variant"
    for kind, child in (("Deployment", given.deployment), ("Service", given.kubernetes_service)):
        if child is not None and child.owner_uid != given.service.uid and (is_default or kind == "Deployment"):
            return Refusal(
                Reason.NAME_TAKEN,
                f"a {kind} {name!r} exists and belongs to somebody else; it is not adopted: delete or rename it, or "
                f"give the {bearer} another name"
                + (" (to scale that Deployment, use targetRef)" if kind == "Deployment" else ""),
            )
    return None


def no_other_autoscaler(given: Surroundings) -> Refusal | None:
    """No HorizontalPodAutoscaler scales the same Deployment; beside one, mode Advisory is the way to try."""
    spec, autoscaler = given.service.spec, given.autoscaler
    if spec is None or autoscaler is None or spec.scaling.mode is not Mode.AUTOMATIC:
        return None
    return Refusal(
        Reason.TARGET_HAS_AUTOSCALER,
        f"HorizontalPodAutoscaler {autoscaler.key[1]!r} scales Deployment {autoscaler.workload[1]!r} too; delete it, "
        "or set spec.scaling.mode to Advisory",
    )


def budget_can_be_kept(given: Surroundings) -> Refusal | None:
    """`scaling.budget` has room for a replica at least, and what replicas cost is known."""
    spec = given.service.spec
    if spec is None or spec.scaling.budget is None:
        return None
    worked_out = {each.service.variant: each.hardware for each in given.variants or (given,)}
    known = {name: worked_out[name] for name in spec.variant_names if name in worked_out and worked_out[name].is_known}
    fault = budget_fault(spec, {name: hardware.cost_per_hour for name, hardware in known.items()})
    return Refusal(Reason.BUDGET_IMPOSSIBLE, f"{fault}; pods that run stay as they are") if fault else None


def profile_exists(given: Surroundings) -> Refusal | None:
    """The AcceleratorProfile that the spec names is there and can be read."""
    spec = given.service.spec
    if spec is None or spec.accelerator is None:
        return None
    name = spec.accelerator.profile
    if given.profile is None:
        return Refusal(
            Reason.UNKNOWN_PROFILE,
            f"spec.accelerator.profile: there is no AcceleratorProfile {name!r}; create it, or see `kubectl get "
            "acceleratorprofiles` for those there are",
            Blocks.BODY,
        )
    if given.profile.spec is None:
        return Refusal(
            Reason.UNKNOWN_PROFILE, f"AcceleratorProfile {name!r} cannot be read: {given.profile.problem}", Blocks.BODY
        )
    return None


def accelerator_can_be_given(given: Surroundings) -> Refusal | None:
    """The profile has what `spec.accelerator` asks for."""
    fault = given.hardware.fault
    if not fault:
        return None
    return Refusal(Reason.ACCELERATOR_IMPOSSIBLE, f"{fault}; pods that run stay as they are", Blocks.BODY)


def schedules_can_be_kept(given: Surroundings) -> Refusal | None:
    """Each of `scaling.schedules` names a time zone that exists, and a span that begins and ends."""
    spec = given.service.spec
    if spec is None:
        return None
    for schedule in spec.scaling.schedules:
        wrong = fault(schedule)
        if wrong:
            return Refusal(
                Reason.INVALID_SCHEDULE, f"spec.scaling.schedules[name={schedule.name}].{wrong}", Blocks.BODY
            )
    return None


def variants_need_gateway(given: Surroundings) -> Refusal | None:
    """Requests to a service with variants pass gateways, which share them out."""
    spec, view = given.service.spec, given.routing
    if spec is None or not spec.variants or view.mode is RoutingMode.GATEWAY:
        return None
    way = f"spec.routing.mode {view.wanted}" if spec.routing.mode else f"routing.mode {view.wanted}, the operator's own"
    why = f"{way}, has none" if view.wanted is not RoutingMode.GATEWAY else "there is none for this service"
    fix = "set spec.routing.mode to Gateway" if view.wanted is not RoutingMode.GATEWAY else "see the condition Routed"
    return Refusal(
        Reason.VARIANTS_NEED_GATEWAY,
        f"spec.variants: they need the gateway, which shares requests out among them, and {why}; only the variant "
        f"default is run: {fix}",
        Blocks.BODY,
    )


CHECKS: tuple[Check, ...] = (
    spec_is_readable,  # else nothing below can be asked
    name_fits,  # children could not be named
    one_way_to_run,
    bounds_in_order,
    engine_is_known,  # else nothing can be measured
    target_exists,
    sole_driver,  # one Deployment, one driver
    name_is_free,  # what is not ours stays untouched
    no_other_autoscaler,  # two autoscalers on one Deployment fight for ever
    budget_can_be_kept,  # nothing is ordered that cannot be paid
    profile_exists,  # from here on, only the body has to wait
    accelerator_can_be_given,
    schedules_can_be_kept,  # all others of them are kept meanwhile
    variants_need_gateway,  # the first of them is run meanwhile
)


def first_refusal(given: Surroundings, checks: Iterable[Check] = CHECKS) -> Refusal | None:
    """The first check that fails, those that forbid everything before those that forbid only the body."""
    return next((refusal for check in checks if (refusal := check(given)) is not None), None)
