"""Ports of services become listeners, and Envoy is watched taking them."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gateway_objects import in_fake_time, routed

from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.listener_file import ListenerFile
from tidegate.gateway.listener_keeper import (
    AGAIN_SECONDS,
    ASKS_NOT,
    NOT_WRITTEN,
    REWRITE_SECONDS,
    TAKING_UP,
    ListenerKeeper,
)
from tidegate.gateway.picker.admin import EnvoyAdmin

if TYPE_CHECKING:
    from tidegate.gateway.routed_service import RoutedService

SHARED_PORT = 8080


class Scripted(EnvoyAdmin):
    """An Envoy that is as a test says."""

    is_ready = False
    has = frozenset({"shared", "repick"})

    async def ready(self) -> bool:
        """Whether it serves."""
        return self.is_ready

    async def listeners(self) -> frozenset[str]:
        """Which listeners it has."""
        return self.has


class Kept:
    """A keeper, its services and its Envoy."""

    def __init__(self, root: Path) -> None:
        self.directory = Directory(root)
        self.admin = Scripted(self.directory)
        self.services: list[RoutedService] = []
        self.changes: list[str] = []
        self.asks = asyncio.Event()
        self.asks.set()
        self.keeper = ListenerKeeper(
            ListenerFile(self.directory, shared_port=SHARED_PORT),
            self.admin,
            lambda: self.services,
            shared_port=SHARED_PORT,
            asks=self.asks,
            changed=lambda: self.changes.append(self.keeper.problem),
        )

    def names(self) -> list[str]:
        """Names of the listeners of services that Envoy was told of."""
        found = json.loads(self.directory.listener_file.read_text())["resources"]
        return sorted(each["name"] for each in found if "/" in each["name"])


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Nothing is written yet."""
    return Kept(tmp_path)


def test_listeners_follow_the_services(kept: Kept) -> None:
    """Soon after each change, and once for changes that come together."""

    async def story() -> None:
        task = asyncio.create_task(kept.keeper.write_for_ever())
        kept.services = [routed(), routed(("models", "swap"), port=12_001)]
        await asyncio.sleep(0.1)
        assert kept.names() == ["models/chat:12000", "models/swap:12001"]
        kept.services = kept.services[1:]
        kept.keeper.touch()
        await asyncio.sleep(0.1)
        assert kept.names() == ["models/swap:12001"]
        task.cancel()

    in_fake_time(story)


def test_of_two_with_one_port_the_older_has_it(kept: Kept) -> None:
    """As while ports change hands; all others have theirs meanwhile, and nobody has the shared one."""

    async def story() -> None:
        kept.services = [
            routed(("models", "younger"), created=2.0),
            routed(("models", "older"), created=1.0),
            routed(("models", "shared"), port=SHARED_PORT),
            routed(("models", "swap"), port=12_001),
        ]
        task = asyncio.create_task(kept.keeper.write_for_ever())
        await asyncio.sleep(0.1)
        assert kept.names() == ["models/older:12000", "models/swap:12001"]
        task.cancel()

    in_fake_time(story)


def test_a_directory_that_cannot_be_written_is_tried_again(kept: Kept, tmp_path: Path) -> None:
    """The disk may be full for a while."""

    async def story() -> None:
        kept.services = [routed()]
        obstacle = tmp_path / "listeners"
        obstacle.write_text("a file where the directory is to be")
        task = asyncio.create_task(kept.keeper.write_for_ever())
        await asyncio.sleep(1)
        obstacle.unlink()
        await asyncio.sleep(AGAIN_SECONDS)
        assert kept.names() == ["models/chat:12000"]
        task.cancel()

    in_fake_time(story)


def test_it_serves_when_envoy_does(kept: Kept) -> None:
    """And tells when that changes, so that no connections are sent to a gateway without one."""

    async def story() -> None:
        assert kept.keeper.problem == NOT_WRITTEN
        task = asyncio.create_task(kept.keeper.look_for_ever())
        writing = asyncio.create_task(kept.keeper.write_for_ever())
        await asyncio.sleep(2.5)
        assert (kept.keeper.problem, kept.keeper.serving.is_set()) == ("Envoy is not ready", False)
        kept.admin.is_ready = True
        await asyncio.sleep(1)
        assert (kept.keeper.problem, kept.keeper.serving.is_set()) == ("", True)
        kept.admin.is_ready = False
        await asyncio.sleep(1)
        assert kept.changes == ["Envoy is not ready", "", "Envoy is not ready"]
        task.cancel()
        writing.cancel()

    in_fake_time(story)


def test_an_envoy_that_does_not_reach_the_picker_serves_nobody(kept: Kept) -> None:
    """Whatever it says of itself: it would answer every request 503."""

    async def story() -> None:
        kept.admin.is_ready = True
        kept.asks.clear()
        tasks = [asyncio.create_task(work) for work in (kept.keeper.look_for_ever(), kept.keeper.write_for_ever())]
        await asyncio.sleep(2.5)
        assert (kept.keeper.problem, kept.keeper.serving.is_set()) == (ASKS_NOT, False)
        kept.asks.set()
        await asyncio.sleep(1)
        assert kept.keeper.problem == ""
        kept.asks.clear()
        await asyncio.sleep(1)
        assert kept.changes == [ASKS_NOT, "", ASKS_NOT]
        for task in tasks:
            task.cancel()

    in_fake_time(story)


def test_it_serves_when_envoy_has_what_it_can_have(kept: Kept) -> None:
    """Not before the listeners are written, nor while more come from look to look.

    Nobody is to be led to a port that is closed; and for one that never opens nobody is kept from the others.
    """

    async def story() -> None:
        kept.admin.is_ready = True
        kept.services = [routed(("models", name), port=12_000 + at) for at, name in enumerate("abc")]
        tasks = [asyncio.create_task(kept.keeper.look_for_ever())]
        await asyncio.sleep(3)
        assert (kept.keeper.problem, kept.keeper.serving.is_set()) == (NOT_WRITTEN, False)
        tasks.append(asyncio.create_task(kept.keeper.write_for_ever()))
        for name in ("", "models/a:12000", "models/b:12001"):
            kept.admin.has |= {name}
            await asyncio.sleep(1)
            assert (kept.keeper.problem, kept.keeper.serving.is_set()) == (TAKING_UP, False), name
        assert [kept.keeper.listens(service) for service in kept.services] == [True, True, False]
        await asyncio.sleep(1)
        assert (kept.keeper.problem, kept.keeper.serving.is_set()) == ("", True)
        await asyncio.sleep(REWRITE_SECONDS)
        assert kept.keeper.listens(kept.services[2])
        for task in tasks:
            task.cancel()

    in_fake_time(story)


def test_what_is_no_news_for_envoy_costs_nothing(kept: Kept) -> None:
    """Pods come and go all the time; the file of a thousand services takes a tenth of a second to compare."""

    async def story() -> None:
        kept.services = [routed()]
        task = asyncio.create_task(kept.keeper.write_for_ever())
        await asyncio.sleep(0.1)
        kept.directory.listener_file.unlink()
        kept.keeper.touch()
        await asyncio.sleep(0.1)
        assert not kept.directory.listener_file.exists()
        task.cancel()

    in_fake_time(story)


def test_a_port_that_was_taken_is_tried_again(kept: Kept) -> None:
    """Envoy tries refused listeners when the file is replaced, even by the same; not while it has them all."""

    async def story() -> None:
        kept.services = [routed()]
        kept.admin.is_ready = True
        tasks = [asyncio.create_task(kept.keeper.write_for_ever())]
        await asyncio.sleep(0.1)
        file = kept.directory.listener_file
        first, text = file.stat().st_mtime_ns, file.read_text()
        tasks.append(asyncio.create_task(kept.keeper.look_for_ever()))
        await asyncio.sleep(REWRITE_SECONDS + 2)
        again = file.stat().st_mtime_ns
        assert (again != first, file.read_text() == text) == (True, True)
        kept.admin.has = frozenset(each["name"] for each in json.loads(text)["resources"])
        await asyncio.sleep(3 * REWRITE_SECONDS)
        settled = file.stat().st_mtime_ns
        await asyncio.sleep(3 * REWRITE_SECONDS)
        assert file.stat().st_mtime_ns == settled
        for task in tasks:
            task.cancel()

    in_fake_time(story)
