"""The elector in fake time: when work begins, when it ends, and what is written to the Lease."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import looptime
import pytest
from leases_in_memory import UNREACHABLE, Connection, LeaseInMemory, now
from structlog.testing import capture_logs

from tidegate.cluster.lease import Candidate, Lease, LeaseTimes
from tidegate.cluster.lease_client import MissingRightsError
from tidegate.controller.elector import Elector, StuckWorkError, boot_clock, identity

FIRST = 15.0
"""A Lease that is not there yet is waited out once."""

Story = Callable[[], Coroutine[Any, Any, None]]


def in_fake_time(story: Story) -> None:
    """Run a story whose waits take no time."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0)) as runner:
        runner.run(story())


@dataclass
class Operator:
    """A process with an elector, and what it noted."""

    server: LeaseInMemory
    name: str = "one"
    slept: float = 0.0
    """Seconds by which its clock is ahead of the loop's, which stands still in a suspended machine."""

    notes: list[tuple[float, str]] = field(default_factory=list)
    connection: Connection = field(init=False)
    elector: Elector = field(init=False)

    def __post_init__(self) -> None:
        self.connection = Connection(self.server)
        self.elector = Elector(
            self.connection,
            Candidate(identity=self.name, times=LeaseTimes()),
            notify=lambda leads: self.note("leads" if leads else "follows"),
            clock=lambda: now() + self.slept,
            spread=lambda shortest, _: shortest,
        )

    def note(self, what: str) -> None:
        """Write down what happens, and when."""
        self.notes.append((round(now(), 3), what))

    async def work(self) -> None:
        """Work for ever."""
        self.note("begins")
        try:
            await asyncio.Event().wait()
        finally:
            self.note("ends")

    def happened(self, what: str) -> list[float]:
        """When something happened."""
        return [at for at, happening in self.notes if happening == what]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Run it until the block ends, and stop it then as SIGTERM does."""
        task = asyncio.create_task(self.elector.run(self.work))
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


class TestAlone:
    """One candidate."""

    def test_it_leads_and_goes_on_leading(self) -> None:
        """The first Lease is waited out; from then on it is renewed every two seconds, and work begins once."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(300)
                assert operator.notes == [(0.0, "follows"), (FIRST, "leads"), (FIRST, "begins")]
                renewals = [at for at, lease in operator.server.writes if lease.holder]
                assert renewals == pytest.approx([FIRST + 2 * number for number in range(len(renewals))])
                assert len(renewals) == 143
                lease = operator.server.lease
                assert lease is not None
                assert (lease.holder, lease.transitions, lease.duration_seconds) == ("one", 0, 15)
                assert len({renewed.acquire_time for _, renewed in operator.server.writes[1:]}) == 1

        in_fake_time(story)

    def test_the_wait_of_the_first_one_is_told(self) -> None:
        """Once, in plain words: nothing is wrong."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            with capture_logs() as logs:
                async with operator.running():
                    await asyncio.sleep(60)
            (told,) = (entry for entry in logs if "there is no Lease" in entry["event"])
            assert (told["log_level"], told["for_seconds"]) == ("info", FIRST)

        in_fake_time(story)

    def test_it_stops_working_then_releases(self) -> None:
        """In this order; the Lease says that nobody holds it."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(20)
            assert operator.notes[3:] == [(20.0, "follows"), (20.0, "ends")]
            assert operator.server.lease is not None
            assert operator.server.lease.released
            assert not operator.elector.may_write()

        in_fake_time(story)

    def test_a_lease_deleted_by_hand_is_back_with_the_next_renewal(self) -> None:
        """And the work was not interrupted."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(20)
                operator.server.lease = None
                await asyncio.sleep(2.1)
                assert operator.server.lease is not None
                assert operator.server.lease.holder == "one"
                await asyncio.sleep(60)
                assert operator.happened("ends") == []

        in_fake_time(story)

    def test_one_lost_update_is_no_loss_of_the_lease(self) -> None:
        """Somebody labels it between the look and the write: 409, and the next attempt has the new version."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(20)
                count = len(operator.server.writes)
                assert operator.server.lease is not None
                operator.connection.before_write.append(operator.server.lease)
                await asyncio.sleep(2)
                assert len(operator.server.writes) == count
                await asyncio.sleep(2)
                assert len(operator.server.writes) == count + 1
                assert operator.happened("ends") == []

        in_fake_time(story)


class TestTrouble:
    """A leader whose renewals fail. The last one before the trouble is sent at 19 s; its deadline is at 29 s."""

    @pytest.mark.parametrize(
        "failure",
        [UNREACHABLE, TimeoutError(), KeyError("metadata"), RuntimeError("a fault of ours")],
        ids=lambda failure: type(failure).__name__,
    )
    def test_whatever_fails_it_stops_at_the_deadline_and_begins_anew_when_it_can(self, failure: Exception) -> None:
        """Ten seconds after the last renewal that was sent, neither sooner nor later; the next term is another one."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(20)
                operator.connection.failure = failure
                await asyncio.sleep(40)
                assert operator.happened("ends") == [29.0]
                assert not operator.elector.may_write()
                operator.connection.failure = None
                await asyncio.sleep(2)
                assert len(operator.happened("begins")) == 2
                assert operator.server.lease is not None
                assert operator.server.lease.transitions == 0

        in_fake_time(story)

    def test_an_answer_that_never_comes_does_not_keep_it_in_office(self) -> None:
        """The attempt is cut off at the deadline."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(20)
                operator.connection.seconds = 10_000
                await asyncio.sleep(30)
                assert operator.happened("ends") == [29.0]

        in_fake_time(story)

    @pytest.mark.parametrize(("heals_at", "ends"), [(28.9, []), (29.1, [29.0])])
    def test_the_deadline_is_met_or_missed(self, heals_at: float, ends: list[float]) -> None:
        """A renewal sent just in time keeps the term; one sent just after it begins another."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(20)
                operator.connection.failure = UNREACHABLE
                await asyncio.sleep(
                    6.95
                )  # The attempts at 21, 23 and 25 s have failed; from 27 s on one is on its way.
                operator.connection.failure = None
                operator.connection.seconds = heals_at - 27
                await asyncio.sleep(1)
                operator.connection.seconds = 0.0
                await asyncio.sleep(60)
                assert operator.happened("ends") == ends
                assert len(operator.happened("begins")) == 1 + len(ends)

        in_fake_time(story)

    def test_a_slow_api_server_is_no_trouble(self) -> None:
        """Requests that take 1.7 s each: a renewal needs two."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(20)
                operator.connection.seconds = 1.7
                await asyncio.sleep(300)
                assert operator.happened("ends") == []

        in_fake_time(story)

    def test_a_machine_that_slept_writes_nothing_when_it_wakes(self) -> None:
        """The loop's clock stood still; the fence is closed before anything runs, and the term ends."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(20)
                assert operator.elector.may_write()
                operator.slept = 3600
                assert not operator.elector.may_write()
                await asyncio.sleep(2)
                assert len(operator.happened("ends")) == 1

        in_fake_time(story)

    def test_work_that_fails_ends_the_process_and_releases_the_lease(self) -> None:
        """The next one may do better, and need not wait."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())

            async def work() -> None:
                await asyncio.sleep(5)
                raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await operator.elector.run(work)
            assert now() == FIRST + 5
            assert operator.server.lease is not None
            assert operator.server.lease.released

        in_fake_time(story)

    def test_work_that_does_not_stop_ends_the_process_before_anybody_takes_over(self) -> None:
        """And the Lease is not released: somebody would begin beside it."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            let_go = asyncio.Event()

            async def work() -> None:
                while not let_go.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await let_go.wait()

            task = asyncio.create_task(operator.elector.run(work))
            await asyncio.sleep(20)
            operator.connection.failure = UNREACHABLE
            with pytest.raises(StuckWorkError, match="did not stop within 5 s"):
                await task
            let_go.set()
            assert now() <= 19 + 15
            assert operator.server.lease is not None
            assert operator.server.lease.holder == "one"

        in_fake_time(story)

    def test_work_that_does_not_stop_is_not_released_where_the_lease_could_be(self) -> None:
        """A machine that slept finds the API server well, and the Lease its own."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            let_go = asyncio.Event()

            async def work() -> None:
                while not let_go.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await let_go.wait()

            task = asyncio.create_task(operator.elector.run(work))
            await asyncio.sleep(20)
            operator.slept = 12
            with pytest.raises(StuckWorkError):
                await task
            let_go.set()
            assert operator.server.lease is not None
            assert operator.server.lease.holder == "one"

        in_fake_time(story)

    def test_one_told_to_stop_while_its_work_ends_releases_after_that(self) -> None:
        """Not before: the next one would begin beside it."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())

            async def work() -> None:
                try:
                    await asyncio.Event().wait()
                finally:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.sleep(3)
                    await asyncio.sleep(1)
                    operator.note("ends")

            task = asyncio.create_task(operator.elector.run(work))
            await asyncio.sleep(20)
            operator.slept = 12
            await asyncio.sleep(2)
            assert not operator.elector.may_write()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            (ended,) = operator.happened("ends")
            assert operator.server.lease is not None
            assert operator.server.lease.released
            released_at, _ = operator.server.writes[-1]
            assert released_at >= ended

        in_fake_time(story)

    def test_missing_rights_are_told_once_and_waited_for(self) -> None:
        """As all that is missing: somebody grants them some day, and it goes on by itself."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            operator.connection.failure = MissingRightsError("cannot get leases")
            with capture_logs() as logs:
                async with operator.running():
                    await asyncio.sleep(60)
                    assert operator.elector.problem == "cannot get leases"
                    assert operator.elector.is_alive()
                    operator.connection.failure = None
                    await asyncio.sleep(2 + FIRST + 2)
                    assert operator.elector.problem == ""
                    assert len(operator.happened("begins")) == 1
            told = [entry for entry in logs if entry["event"].startswith("the Lease can")]
            assert [(entry["log_level"], entry.get("problem")) for entry in told] == [
                ("error", "cannot get leases"),
                ("info", None),
            ]

        in_fake_time(story)

    def test_a_leader_that_may_not_make_the_lease_anew_stops_at_its_deadline(self) -> None:
        """It never needed to before."""

        async def story() -> None:
            operator = Operator(LeaseInMemory())
            async with operator.running():
                await asyncio.sleep(20)
                operator.connection.failure = MissingRightsError("cannot create leases")
                await asyncio.sleep(40)
                assert operator.happened("ends") == [29.0]
                assert operator.elector.problem == "cannot create leases"

        in_fake_time(story)


class TestTwo:
    """A leader and a follower."""

    def test_one_works_and_the_other_does_not(self) -> None:
        """For as long as nothing goes wrong."""

        async def story() -> None:
            server = LeaseInMemory()
            one, two = Operator(server), Operator(server, "two")
            async with one.running(), two.running():
                for _ in range(600):
                    await asyncio.sleep(0.5)
                    assert not (one.elector.may_write() and two.elector.may_write())
                assert (one.happened("begins"), two.happened("begins")) == ([FIRST], [])
                assert two.elector.is_alive()

        in_fake_time(story)

    def test_one_that_is_stopped_is_followed_within_a_retry_period(self) -> None:
        """It said that it stopped."""

        async def story() -> None:
            server = LeaseInMemory()
            one, two = Operator(server), Operator(server, "two")
            async with one.running() as first:
                await asyncio.sleep(1)
                async with two.running():
                    await asyncio.sleep(19.5)
                    first.cancel()
                    await asyncio.sleep(2)
                    assert one.happened("ends") == [20.5]
                    assert two.happened("begins") == [22.0]
                    assert server.lease is not None
                    assert (server.lease.holder, server.lease.transitions) == ("two", 1)

        in_fake_time(story)

    def test_one_that_vanishes_is_followed_after_the_lease(self) -> None:
        """Fifteen seconds after its last renewal was seen, by which time it has stopped for five."""

        async def story() -> None:
            server = LeaseInMemory()
            one, two = Operator(server), Operator(server, "two")
            async with one.running():
                await asyncio.sleep(1)
                async with two.running():
                    await asyncio.sleep(19.5)
                    one.connection.failure = UNREACHABLE
                    await asyncio.sleep(60)
                    (ended,), (began,) = one.happened("ends"), two.happened("begins")
                    assert ended == 29.0
                    assert 19 + 15 <= began <= 19 + 15 + 2
                    one.connection.failure = None
                    await asyncio.sleep(60)
                    assert len(one.happened("begins")) == 1
                    assert two.happened("ends") == []

        in_fake_time(story)

    def test_one_that_wakes_up_after_the_other_has_begun_becomes_a_follower(self) -> None:
        """It stops in the moment that it looks at the clock, and begins nothing."""

        async def story() -> None:
            server = LeaseInMemory()
            one, two = Operator(server), Operator(server, "two")
            async with one.running():
                await asyncio.sleep(20)
                server.put(Lease(uid="u", holder="two", duration_seconds=15, transitions=1))
                one.slept = 60
                assert not one.elector.may_write()
                async with two.running():
                    await asyncio.sleep(5)
                    assert len(one.happened("ends")) == len(one.happened("begins")) == 1

        in_fake_time(story)

    def test_a_holder_that_takes_long_leases_is_waited_for(self) -> None:
        """It may renew once an hour, and be alive."""

        async def story() -> None:
            server = LeaseInMemory()
            server.put(Lease(holder="somebody", duration_seconds=3600))
            operator = Operator(server)
            async with operator.running():
                await asyncio.sleep(3599)
                assert operator.happened("begins") == []
                await asyncio.sleep(3)
                assert len(operator.happened("begins")) == 1

        in_fake_time(story)

    def test_a_leader_whose_lease_was_given_to_another_by_hand_stops_at_its_next_look(self) -> None:
        """People win."""

        async def story() -> None:
            server = LeaseInMemory()
            operator = Operator(server)
            async with operator.running():
                await asyncio.sleep(20)
                assert server.lease is not None
                server.put(replace(server.lease, holder="somebody"))
                await asyncio.sleep(1.5)
                assert operator.happened("ends") == [21.0]

        in_fake_time(story)


def test_the_clock_counts_in_seconds_and_does_not_go_back() -> None:
    """That it goes on while a machine sleeps is the kernel's word for it."""
    first, second = boot_clock(), boot_clock()
    assert 0 < first <= second < first + 60


def test_each_process_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """By which people find its pod."""
    monkeypatch.setenv("POD_NAME", "tidegate-7d9-x2x")
    assert identity().startswith("tidegate-7d9-x2x_")
    assert identity() != identity()
