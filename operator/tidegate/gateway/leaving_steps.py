"""The steps of leaving, as this gateway's parts carry them out."""

import contextlib
from collections.abc import Callable

import structlog

from tidegate.cluster.client import ClusterClient
from tidegate.cluster.error import ClusterError
from tidegate.cluster.follow import Listed, Selection
from tidegate.cluster.resources import ENDPOINT_SLICES
from tidegate.gateway.leaving import Steps
from tidegate.gateway.members import Members, MemberState
from tidegate.gateway.options import Options
from tidegate.gateway.picker.admin import EnvoyAdmin, EnvoyAdminError
from tidegate.gateway.picker.server import Picker
from tidegate.gateway.policy.router import Router
from tidegate.gateway.slices import OWN_SLICES, OwnSlice

PICKER_GRACE_SECONDS = 1.0

log = structlog.get_logger(__name__)


def leaving_steps(
    options: Options,
    cluster: ClusterClient,
    members: Members,
    router: Router,
    picker: Picker,
    admin: EnvoyAdmin,
    announce: Callable[[], None],
) -> Steps:
    """Put the steps together.

    Args:
        options: which gateway this is, and where it looks for slices.
        cluster: reads them.
        members: says who else is there.
        router: holds, and counts.
        picker: answers Envoy until the end.
        admin: of that Envoy.
        announce: says that this gateway leaves.
    """

    async def leads_here() -> bool:
        own = options.own
        others = (member for member in members.live() if member.name != own.name)
        if all(member.state is MemberState.LEAVING for member in others):
            return False  # Nobody else is there to lead to.
        for namespace in options.namespaces or (None,):
            try:
                if any(own.address in addresses for addresses in await _led_to(cluster, namespace)):
                    return True
            except ClusterError:
                return True
        return False

    async def drain() -> None:
        try:
            await admin.drain()
        except EnvoyAdminError as error:
            log.warning("Envoy cannot be asked to close connections", error=str(error))

    async def under_way() -> int:
        known = sum(each.held + each.in_flight for each in router.report().services.values())
        try:
            figures = await admin.figures()
        except EnvoyAdminError:
            return known  # Envoy is gone, and all requests with it; what the policy holds is being cancelled.
        return max(known, figures.requests)

    return Steps(
        announce=announce,
        leads_here=leads_here,
        drain=drain,
        hold_no_longer_than=lambda seconds: router.leave(within_seconds=seconds),
        under_way=under_way,
        part=lambda: picker.stop(grace_seconds=PICKER_GRACE_SECONDS),
    )


async def _led_to(cluster: ClusterClient, namespace: str | None) -> list[set[str]]:
    """The addresses in each slice of the gateways."""
    selection = Selection(resource=ENDPOINT_SLICES, namespace=namespace, labels=OWN_SLICES)
    async with contextlib.aclosing(cluster.follow(selection)) as changes:
        listed = await anext(changes)
    documents = listed.documents if isinstance(listed, Listed) else ()
    return [{address for address, _ in OwnSlice.of(document).endpoints} for document in documents]
