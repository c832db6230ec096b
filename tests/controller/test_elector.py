"""The elector in fake time: when work begins, when it ends, and what is written to the Lease."""

import asyncio
from dataclasses import replace

import pytest
from elector_in_fake_time import FIRST, Operator, in_fake_time
from leases_in_memory import UNREACHABLE, LeaseInMemory
from structlog.testing import capture_logs

from tidegate.cluster.clocks import boot_clock
from tidegate.cluster.elector import identity
from tidegate.cluster.lease import Lease


class TestAlone:
    """One candidate."""

    @in_fake_time
    async def test_it_leads_and_goes_on_leading(self) -> None:
        """The first Lease is waited out; from then on it is renewed every two seconds, and work begins once."""
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

    @in_fake_time
    async def test_the_wait_of_the_first_one_is_told(self) -> None:
        """Once, in plain words: nothing is wrong."""
        operator = Operator(LeaseInMemory())
        with capture_logs() as logs:
            async with operator.running():
                await asyncio.sleep(60)
        (told,) = (entry for entry in logs if "there is no Lease" in entry["event"])
        assert (told["log_level"], told["for_seconds"]) == ("info", FIRST)

    @in_fake_time
    async def test_it_stops_working_then_releases(self) -> None:
        """In this order; the Lease says that nobody holds it."""
        operator = Operator(LeaseInMemory())
        async with operator.running():
            await asyncio.sleep(20)
        assert operator.notes[3:] == [(20.0, "follows"), (20.0, "ends")]
        assert operator.server.lease is not None
        assert operator.server.lease.released
        assert not operator.elector.may_write()

    @in_fake_time
    async def test_a_lease_deleted_by_hand_is_back_with_the_next_renewal(self) -> None:
        """And the work was not interrupted."""
        operator = Operator(LeaseInMemory())
        async with operator.running():
            await asyncio.sleep(20)
            operator.server.lease = None
            await asyncio.sleep(2.1)
            assert operator.server.lease is not None
            assert operator.server.lease.holder == "one"
            await asyncio.sleep(60)
            assert operator.happened("ends") == []

    @in_fake_time
    async def test_one_lost_update_is_no_loss_of_the_lease(self) -> None:
        """Somebody labels it between the look and the write: 409, and the next attempt has the new version."""
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


class TestTwo:
    """A leader and a follower."""

    @in_fake_time
    async def test_one_works_and_the_other_does_not(self) -> None:
        """For as long as nothing goes wrong."""
        server = LeaseInMemory()
        one, two = Operator(server), Operator(server, "two")
        async with one.running(), two.running():
            for _ in range(600):
                await asyncio.sleep(0.5)
                assert not (one.elector.may_write() and two.elector.may_write())
            assert (one.happened("begins"), two.happened("begins")) == ([FIRST], [])
            assert two.elector.is_alive()

    @in_fake_time
    async def test_one_that_is_stopped_is_followed_within_a_retry_period(self) -> None:
        """It said that it stopped."""
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

    @in_fake_time
    async def test_one_that_vanishes_is_followed_after_the_lease(self) -> None:
        """Fifteen seconds after its last renewal was seen, by which time it has stopped for five."""
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

    @in_fake_time
    async def test_one_that_wakes_up_after_the_other_has_begun_becomes_a_follower(self) -> None:
        """It stops in the moment that it looks at the clock, and begins nothing."""
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

    @in_fake_time
    async def test_a_holder_that_takes_long_leases_is_waited_for(self) -> None:
        """It may renew once an hour, and be alive."""
        server = LeaseInMemory()
        server.put(Lease(holder="somebody", duration_seconds=3600))
        operator = Operator(server)
        async with operator.running():
            await asyncio.sleep(3599)
            assert operator.happened("begins") == []
            await asyncio.sleep(3)
            assert len(operator.happened("begins")) == 1

    @in_fake_time
    async def test_a_leader_whose_lease_was_given_to_another_by_hand_stops_at_its_next_look(self) -> None:
        """People win."""
        server = LeaseInMemory()
        operator = Operator(server)
        async with operator.running():
            await asyncio.sleep(20)
            assert server.lease is not None
            server.put(replace(server.lease, holder="somebody"))
            await asyncio.sleep(1.5)
            assert operator.happened("ends") == [21.0]


def test_the_clock_counts_in_seconds_and_does_not_go_back() -> None:
    """That it goes on while a machine sleeps is the kernel's word for it."""
    first, second = boot_clock(), boot_clock()
    assert 0 < first <= second < first + 60


def test_each_process_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """By which people find its pod."""
    monkeypatch.setenv("POD_NAME", "tidegate-7d9-x2x")
    assert identity().startswith("tidegate-7d9-x2x_")
    assert identity() != identity()
