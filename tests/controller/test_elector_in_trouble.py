"""The elector in fake time, when something fails: its renewals, its work, its rights."""

import asyncio
import contextlib

import pytest
from elector_in_fake_time import FIRST, Operator, in_fake_time
from leases_in_memory import UNREACHABLE, LeaseInMemory, now
from structlog.testing import capture_logs

from tidegate.cluster.elector import StuckWorkError
from tidegate.cluster.lease_client import MissingRightsError


class TestTrouble:
    """A leader whose renewals fail. The last one before the trouble is sent at 19 s; its deadline is at 29 s."""

    @pytest.mark.parametrize(
        "failure",
        [UNREACHABLE, TimeoutError(), KeyError("metadata"), RuntimeError("a fault of ours")],
        ids=lambda failure: type(failure).__name__,
    )
    @in_fake_time
    async def test_whatever_fails_it_stops_at_the_deadline_and_begins_anew_when_it_can(
        self, failure: Exception
    ) -> None:
        """Ten seconds after the last renewal that was sent, neither sooner nor later; the next term is another one."""
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

    @in_fake_time
    async def test_an_answer_that_never_comes_does_not_keep_it_in_office(self) -> None:
        """The attempt is cut off at the deadline."""
        operator = Operator(LeaseInMemory())
        async with operator.running():
            await asyncio.sleep(20)
            operator.connection.seconds = 10_000
            await asyncio.sleep(30)
            assert operator.happened("ends") == [29.0]

    @pytest.mark.parametrize(("heals_at", "ends"), [(28.9, []), (29.1, [29.0])])
    @in_fake_time
    async def test_the_deadline_is_met_or_missed(self, heals_at: float, ends: list[float]) -> None:
        """A renewal sent just in time keeps the term; one sent just after it begins another."""
        operator = Operator(LeaseInMemory())
        async with operator.running():
            await asyncio.sleep(20)
            operator.connection.failure = UNREACHABLE
            await asyncio.sleep(6.95)  # The attempts at 21, 23 and 25 s have failed; from 27 s on one is on its way.
            operator.connection.failure = None
            operator.connection.seconds = heals_at - 27
            await asyncio.sleep(1)
            operator.connection.seconds = 0.0
            await asyncio.sleep(60)
            assert operator.happened("ends") == ends
            assert len(operator.happened("begins")) == 1 + len(ends)

    @in_fake_time
    async def test_a_slow_api_server_is_no_trouble(self) -> None:
        """Requests that take 1.7 s each: a renewal needs two."""
        operator = Operator(LeaseInMemory())
        async with operator.running():
            await asyncio.sleep(20)
            operator.connection.seconds = 1.7
            await asyncio.sleep(300)
            assert operator.happened("ends") == []

    @in_fake_time
    async def test_a_machine_that_slept_writes_nothing_when_it_wakes(self) -> None:
        """The loop's clock stood still; the fence is closed before anything runs, and the term ends."""
        operator = Operator(LeaseInMemory())
        async with operator.running():
            await asyncio.sleep(20)
            assert operator.elector.may_write()
            operator.slept = 3600
            assert not operator.elector.may_write()
            await asyncio.sleep(2)
            assert len(operator.happened("ends")) == 1

    @in_fake_time
    async def test_work_that_fails_ends_the_process_and_releases_the_lease(self) -> None:
        """The next one may do better, and need not wait."""
        operator = Operator(LeaseInMemory())

        async def work() -> None:
            await asyncio.sleep(5)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await operator.elector.run(work)
        assert now() == FIRST + 5
        assert operator.server.lease is not None
        assert operator.server.lease.released

    @in_fake_time
    async def test_work_that_does_not_stop_ends_the_process_before_anybody_takes_over(self) -> None:
        """And the Lease is not released: somebody would begin beside it."""
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

    @in_fake_time
    async def test_work_that_does_not_stop_is_not_released_where_the_lease_could_be(self) -> None:
        """A machine that slept finds the API server well, and the Lease its own."""
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

    @in_fake_time
    async def test_one_told_to_stop_while_its_work_ends_releases_after_that(self) -> None:
        """Not before: the next one would begin beside it."""
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

    @in_fake_time
    async def test_missing_rights_are_told_once_and_waited_for(self) -> None:
        """As all that is missing: somebody grants them some day, and it goes on by itself."""
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

    @in_fake_time
    async def test_a_leader_that_may_not_make_the_lease_anew_stops_at_its_deadline(self) -> None:
        """It never needed to before."""
        operator = Operator(LeaseInMemory())
        async with operator.running():
            await asyncio.sleep(20)
            operator.connection.failure = MissingRightsError("cannot create leases")
            await asyncio.sleep(40)
            assert operator.happened("ends") == [29.0]
            assert operator.elector.problem == "cannot create leases"
