"""How requests reach a service: what its Service leads to, whether the gateways stand by, and what is told of it. Pure.

docs/sleep-and-wake.md has the tables.
"""

from dataclasses import dataclass

from tidegate.api.conditions import Reason, Status
from tidegate.api.routing import RoutingMode, RoutingStatus
from tidegate.cluster.resources import Document, Key
from tidegate.scaling.gateway_traffic import GatewayTraffic
from tidegate.workloads.live import LiveService

Row = tuple[Status, Reason, str]
"""Status, reason and message of a condition."""

SETTLED_SECONDS = 5.0
"""From a change of where an address leads until every node, and every client that resolves it, follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """A model's name that more than one service wants at the shared address."""

    name: str
    is_won: bool
    """Whether this is the service that answers to it."""

    others: tuple[Key, ...]
    """Where it is won, some of those that would have it, too; else the one that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingView:
    """What is known of the way that requests take to one service."""

    mode: RoutingMode = RoutingMode.NONE
    """The mode that holds."""

    wanted: RoutingMode = RoutingMode.NONE
    """The mode that was asked for. Another one holds where there is no gateway, or no port for it."""

    port: int | None = None
    is_installed: bool = False
    """Whether the operator was told of gateways."""

    gateways_live: bool | None = None
    """Whether at least one does; None where that is not known."""

    traffic: GatewayTraffic | None = None
    """What they say of the service; None where they have no part in it, so that nobody would wake it."""

    slice_since: float | None = None
    """Since when the service's slice has held all gateways, in seconds since the epoch; None while it does not."""

    contest: Contest | None = None
    """The first of its model's names that others want as well; one that it loses before one that it wins."""


@dataclass(slots=True)
class RoutingMemory:
    """What is remembered of a service's routing between two looks."""

    pods_since: float | None = None
    """Since when there have been pods that take requests, and a Service that leads to them; None while not both."""

    is_new: bool = True
    """Nothing was seen yet: what the status says is all that is known."""

    was_routed: bool = False
    """Whether gateways were ever told of it: then they must be told that they have no part in it any more."""

    def see(self, *, takes_requests: bool, written: RoutingStatus | None, now: float) -> None:
        """Take in whether the Service leads to pods that take requests.

        At the first look, an operator before this one may have seen that for long: then its status says so.
        """
        was_settled = self.is_new and written is not None and written.mode is RoutingMode.DIRECT and not written.standby
        self.is_new = False
        self.was_routed = self.was_routed or written is not None
        if not takes_requests:
            self.pods_since = None
        elif was_settled:
            self.pods_since = 0.0
        elif self.pods_since is None:
            self.pods_since = now


def written_routing(status: Document) -> RoutingStatus | None:
    """What a status says of routing; None where it says nothing, or another version wrote it otherwise."""
    try:
        return RoutingStatus.model_validate(status["routing"])
    except (KeyError, ValueError):
        return None


def leads_to_pods(view: RoutingView, live: LiveService | None, now: float) -> bool:
    """Whether the Service is to lead to the pods, or else to the gateways alone.

    To the gateways, once they stand in its slice: until then a living service would be without any address. A Service
    that leads to them already stays so, whatever becomes of them: they come back, and they know the pods.
    """
    if view.mode is not RoutingMode.GATEWAY:
        return True
    if live is None:
        return not view.gateways_live  # No pod is there yet, and no request has found it.
    return live.to_pods and not _slice_is_settled(view, now)


def may_go_to_zero(view: RoutingView, live: LiveService | None, written: RoutingStatus | None, now: float) -> bool:
    """Whether the gateways have the service's address, so that its last pod may leave.

    Args:
        view: what is known.
        live: the Service.
        written: what the status says: gateways do what is written, not what is planned.
        now: seconds since the epoch.
    """
    if live is None or written is None or written.mode is not view.mode or not _slice_is_settled(view, now):
        return False
    return written.standby if view.mode is RoutingMode.DIRECT else not live.to_pods


def routing_status(view: RoutingView, memory: RoutingMemory, *, wants_zero: bool, now: float) -> RoutingStatus | None:
    """What the status says of routing, to the gateways above all.

    Args:
        view: what is known.
        memory: since when pods take requests.
        wants_zero: whether it was decided that no pod is to be there.
        now: seconds since the epoch.
    """
    if view.mode is RoutingMode.NONE:
        says_nothing = view.wanted is RoutingMode.NONE and not memory.was_routed
        return None if says_nothing else RoutingStatus(mode=RoutingMode.NONE)
    if view.mode is RoutingMode.GATEWAY:
        return RoutingStatus(mode=view.mode, port=view.port)
    settled = memory.pods_since is not None and now - memory.pods_since >= SETTLED_SECONDS
    return RoutingStatus(mode=view.mode, port=view.port, standby=wants_zero or not settled)


def routed_row(view: RoutingView, live: LiveService | None) -> Row:  # noqa: PLR0911 - a list of cases, the first that holds
    """Status, reason and message of the condition Routed."""
    if view.wanted is RoutingMode.NONE:
        return "True", Reason.NOT_ROUTED, "mode None: requests go straight to the pods, and the service never sleeps"
    instead = f"so mode {view.wanted} cannot be had; requests go straight to the pods, and the service never sleeps"
    if not view.is_installed:
        missing = "the operator was told of no gateway (--gateway)"
        return "False", Reason.GATEWAY_UNAVAILABLE, f"{missing}, {instead}"
    if view.mode is RoutingMode.NONE:
        return "False", Reason.PORTS_EXHAUSTED, f"all ports of the gateways are in use, {instead}"
    if view.gateways_live is None:
        return (
            "Unknown",
            Reason.GATEWAY_UNAVAILABLE,
            "it is not known which gateways live: their Leases cannot be listed; see the operator's log",
        )
    if not view.gateways_live:
        reached = "the service is not reached" if live is None or not live.to_pods else "nobody would wake the service"
        return "False", Reason.GATEWAY_UNAVAILABLE, f"no gateway lives, so {reached}, and it is not put to sleep"
    if view.contest is not None:
        return _contest_row(view.contest)
    return "True", _REASONS[view.mode], _how(view, live)


def _slice_is_settled(view: RoutingView, now: float) -> bool:
    return view.slice_since is not None and now - view.slice_since >= SETTLED_SECONDS


_REASONS = {RoutingMode.GATEWAY: Reason.ROUTED_BY_GATEWAY, RoutingMode.DIRECT: Reason.ROUTED_DIRECTLY}


def _how(view: RoutingView, live: LiveService | None) -> str:
    if view.mode is RoutingMode.DIRECT:
        return "requests go straight to the pods, and through the gateways while none is ready"
    if live is not None and live.to_pods:
        return "requests go straight to the pods until the gateways stand in the service's EndpointSlice"
    return "requests go through the gateways"


def _contest_row(contest: Contest) -> Row:
    others = " and ".join("/".join(key) for key in contest.others)
    if contest.is_won:
        message = f"{others} would have model name {contest.name!r} too; this one, the older, answers to it"
        return "True", Reason.MODEL_NAME_TAKEN, f"{message} at the shared address"
    message = (
        f"{others}, which is older, answers to model name {contest.name!r} at the shared address; "
        "give this one another model.name or alias, or set routing.shared to false. At its own address it answers"
    )
    return "False", Reason.MODEL_NAME_TAKEN, message
