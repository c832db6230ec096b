"""Going to sleep and being woken, as far as sizes are concerned. Pure; docs/sleep-and-wake.md has the table."""

from dataclasses import replace

from tidegate.controller.actions import Action, Announce
from tidegate.controller.announcements import Announcement
from tidegate.controller.checks import Surroundings
from tidegate.controller.records import Document
from tidegate.controller.routing import may_go_to_zero, written_routing
from tidegate.controller.state import ServiceState
from tidegate.controller.variant_state import VariantState
from tidegate.controller.written import written_of
from tidegate.scaling.behavior import Recommendation
from tidegate.scaling.decision import Decision
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.rivalry import SizeMemory, other_writer

WOKEN = "Woken"
"""Reason of the change, and of the Event, when a gateway has woken a service."""

WAITS = "the last pod stays until the gateways have had the service's address for 5 s"


def adopt_wake(
    state: ServiceState, own: VariantState, live: LiveDeployment, status: Document, now: float
) -> list[Action]:
    """Notice that a gateway has woken the service: list it, tell it, and hold the size for one window.

    It is no rival's: the gateways write sizes from 0 under the same name as we do. The size stays for as long as any
    other that was once wanted: the requests that it was made for are no longer held when the first pods are ready.

    Args:
        state: takes in that the size has changed.
        own: the variant whose Deployment it is; takes it in. The size in it is the one before this look.
        live: the Deployment as it is.
        status: of the service, as it was written last.
        now: seconds since the epoch.
    """
    if not _is_woken(own.sizes, live, written_of(status, own.name)):
        return []
    it = own.name if state.variants else "it"
    message = f"0 → {live.replicas}: a gateway holds requests, and has woken {it}"
    state.note_change(0, live.replicas, WOKEN, message, now)
    woken = Recommendation(now, live.replicas)
    own.memory = replace(own.memory, recommendations=(*own.memory.recommendations, woken))
    return [Announce(Announcement(warning=False, reason=WOKEN, message=message))]


def held_for_gateways(decision: Decision, given: Surroundings, *, replicas: int, serving: int, now: float) -> Decision:
    """What is carried out of a decision: no last pod leaves before the gateways have the service's address.

    Args:
        decision: what was decided.
        given: the service.
        replicas: its size as it is written: one that is 0 already stays so, whatever becomes of the gateways.
        serving: the same, less the pods that drain.
        now: seconds since the epoch.
    """
    spec = given.service.spec
    if not replicas or decision.to_replicas or not decision.applied or spec is None or spec.replicas is not None:
        return decision  # Who switches it off by hand wants it off.
    written = written_routing(given.service.status)
    if may_go_to_zero(given.routing, given.kubernetes_service, written, now):
        return decision
    return replace(decision, to_replicas=max(1, serving))


def waits_note(decided: Decision, held: Decision) -> str:
    """What is to be said of a size that is held for the gateways; empty where none is."""
    return WAITS if held is not decided and decided.from_replicas else ""


def zero_is_wanted(decision: Decision | None, size: int | None) -> bool:
    """Whether no pod is to be there, or none is."""
    if decision is None:
        return not size
    return not size or (decision.applied and not decision.to_replicas)


def _is_woken(sizes: SizeMemory, live: LiveDeployment, status: Document) -> bool:
    if sizes.replicas != 0 or not live.replicas or sizes.written_over == live.resource_version:
        return False
    if sizes.uid not in {"", live.uid} or other_writer(live) is not None:
        return False
    # At the first look, zero may be what was decided, and not what was: pods that drained are in the status.
    return bool(sizes.uid) or not status.get("replicas")
