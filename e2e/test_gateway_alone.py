"""Gateways that wake services, and come and go, while no operator is there."""

from collections.abc import Iterator

import pytest

from cluster_clients import Clients
from helm_release import Release
from running_gateways import Gateways
from sizes_over_time import gateways_in_slice, look
from sleepers import apply_asleep, put_to_sleep, sleeper

MODES = {"gateway": "Gateway", "direct": "Direct"}


@pytest.fixture(scope="module")
def asleep(clients: Clients) -> None:
    """A service in each mode, asleep."""
    for name, mode in MODES.items():
        apply_asleep(clients, sleeper(clients.here, mode=mode), name)


@pytest.fixture
def nobody_operates(asleep: None, clients: Clients, release: Release) -> Iterator[None]:  # noqa: ARG001 - before this
    """Both sleep, and the operator is scaled to zero until the test is over."""
    here = clients.here
    for name in MODES:
        if not look(here, name).is_asleep:
            put_to_sleep(here, name)
    _operators(release, 0)
    here.wait("no operator is left", lambda: not release.pods())
    yield
    _operators(release, 1)
    here.wait("an operator is ready", release.ready_pods)


def _operators(release: Release, number: int) -> None:
    where = f"--namespace={release.namespace}"
    release.cluster.kubectl("scale", f"deployment/{release.name}", f"--replicas={number}", where)


@pytest.mark.usefixtures("nobody_operates")
def test_they_wake_without_an_operator(clients: Clients) -> None:
    """In both modes: the request is held and answered, over the address that people use."""
    asked = [clients.ask(name, tokens=20) for name in MODES]
    for asking in asked:
        asking.all_answered()
    assert [clients.here.size(name) for name in MODES] == [1, 1]


@pytest.mark.usefixtures("nobody_operates")
def test_they_move_without_an_operator(clients: Clients, release: Release) -> None:
    """One by one and both at once: slices lead to the new ones, and these wake whoever sleeps."""
    here, gateways = clients.here, Gateways(release)

    def all_lead_to_new_ones(old: set[str]) -> bool:
        new = gateways.ready_addresses()
        return (
            len(new) == 2 and not old & gateways.names() and {gateways_in_slice(here, name) for name in MODES} == {new}
        )

    first, second = gateways.names()
    for leaving in ({first}, {second}, set[str]()):
        old = leaving or gateways.names()
        gateways.delete(*old)
        here.wait(f"slices lead to others than {old}", lambda old=old: all_lead_to_new_ones(old))
    asked = [clients.ask(name, tokens=20) for name in MODES]
    for asking in asked:
        asking.all_answered()
