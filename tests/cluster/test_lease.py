"""The rules of the Lease, as timelines: who looks when, at what, and what follows."""

from dataclasses import replace

import pytest

from tidegate.cluster.lease import Candidate, Lease, LeaseTimes

TIMES = LeaseTimes()
HELD = Lease(
    uid="u", holder="other", duration_seconds=15, acquire_time="once", renew_time="12:00:00", transitions=4
)  # by another one
WALL = "12:34:56"


def candidate(name: str = "me") -> Candidate:
    """One that has seen nothing yet."""
    return Candidate(identity=name, times=TIMES)


def leader(renewed_at: float = 100.0) -> Candidate:
    """One that renewed at a time, and was answered at once."""
    mine = replace(HELD, holder="me")
    return candidate().look(mine, renewed_at).wrote(mine, renewed_at, renewed_at)


class TestTimes:
    """What follows what."""

    @pytest.mark.parametrize(
        ("times", "flags"),
        [
            ({"lease_duration_seconds": 10}, ("--lease-duration-seconds 10", "--renew-deadline-seconds 10")),
            ({"lease_duration_seconds": 5}, ("--lease-duration-seconds 5", "--renew-deadline-seconds 10")),
            (
                {"lease_duration_seconds": 1, "renew_deadline_seconds": 0.5, "retry_period_seconds": 0.1},
                ("--lease-duration-seconds 1", "released"),
            ),
            ({"renew_deadline_seconds": 2.4}, ("--renew-deadline-seconds 2.4", "1.2 times --retry-period-seconds 2")),
            ({"retry_period_seconds": 9}, ("--renew-deadline-seconds 10", "1.2 times --retry-period-seconds 9")),
        ],
    )
    def test_times_that_cannot_be_safe_are_refused(self, times: dict[str, float], flags: tuple[str, ...]) -> None:
        """The message names both flags with their values."""
        with pytest.raises(ValueError, match="must be more than") as caught:
            LeaseTimes(**times)  # type: ignore[arg-type]
        for flag in flags:
            assert flag in str(caught.value)

    def test_a_request_is_shorter_than_the_pause_between_two(self) -> None:
        """Or a slow answer would be waited for while the next one is asked for."""
        assert TIMES.request_timeout_seconds < TIMES.retry_period_seconds


class TestTakingOver:
    """A candidate and the Lease of another one."""

    @pytest.mark.parametrize(("seconds", "takes"), [(0, False), (14.9, False), (15, True), (1000, True)])
    def test_it_waits_a_whole_duration_after_the_last_change_it_saw(self, seconds: float, *, takes: bool) -> None:
        """By its own clock."""
        follower = candidate().look(HELD, 50.0).look(HELD, 50.0 + seconds)
        assert (follower.ask(50.0 + seconds, WALL) is not None) == takes

    @pytest.mark.parametrize("renew_time", ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "yesterday", ""])
    def test_what_the_holders_clock_says_does_not_matter(self, renew_time: str) -> None:
        """It may be hours off."""
        found = replace(HELD, renew_time=renew_time)
        assert candidate().look(found, 50.0).ask(64.0, WALL) is None
        assert candidate().look(found, 50.0).ask(65.0, WALL)

    def test_each_change_starts_the_wait_anew(self) -> None:
        """A leader that renews is never taken over."""
        follower = candidate()
        for second in range(0, 100, 10):
            follower = follower.look(replace(HELD, renew_time=str(second)), float(second))
            assert follower.ask(float(second), WALL) is None

    @pytest.mark.parametrize(("duration", "waits"), [(3600, 3600), (15, 15), (1, 15), (0, 15)])
    def test_a_holder_with_another_duration_gets_the_longer_of_the_two(self, duration: int, waits: int) -> None:
        """It acts by what it wrote; ours is waited for in any case."""
        follower = candidate().look(replace(HELD, duration_seconds=duration), 0.0)
        assert follower.ask(waits - 0.1, WALL) is None
        assert follower.ask(float(waits), WALL)
        assert follower.seconds_to_next_turn(1.0) == waits - 1

    def test_what_it_writes(self) -> None:
        """Its name, its duration, since when, and one transition more."""
        written = candidate().look(HELD, 0.0).ask(20.0, WALL)
        assert written == Lease(
            uid="u", holder="me", duration_seconds=15, acquire_time=WALL, renew_time=WALL, transitions=5
        )

    def test_it_leads_from_when_it_asked_not_from_when_it_was_answered(self) -> None:
        """The API server may have written it down long before the answer came."""
        lost = candidate().look(HELD, 0.0)
        written = lost.ask(20.0, WALL)
        assert written is not None
        new = lost.wrote(written, 20.0, 21.5)
        assert [new.may_work(now) for now in (20.0, 29.9, 30.0)] == [True, True, False]

    def test_a_failed_write_changes_nothing(self) -> None:
        """409, a timeout, no connection: it does not know that it leads, so it does not."""
        follower = candidate().look(HELD, 0.0)
        follower.ask(20.0, WALL)
        assert not follower.may_work(20.0)


class TestRenewing:
    """A leader and its own Lease."""

    def test_it_keeps_when_it_began_and_counts_no_transition(self) -> None:
        """Only the time changes."""
        assert leader().ask(102.0, WALL) == replace(HELD, holder="me", renew_time=WALL)

    @pytest.mark.parametrize(("now", "works"), [(100.0, True), (109.9, True), (110.0, False), (115.0, False)])
    def test_it_stops_at_the_renew_deadline(self, now: float, *, works: bool) -> None:
        """Five seconds before anybody else may begin."""
        assert leader().may_work(now) == works
        assert leader().seconds_to_next_turn(now) == max(0.0, 110.0 - now)

    def test_a_renewal_that_comes_after_the_deadline_begins_another_term(self) -> None:
        """What was begun ends first, although nobody else led in between."""
        late = leader().look(leader().seen, 110.0)
        assert late.renewed_at is None
        assert late.ask(110.0, WALL) == replace(HELD, holder="me", renew_time=WALL)

    def test_another_holder_ends_it_at_once(self) -> None:
        """Whatever is left of its time: somebody has edited the Lease, or it slept."""
        assert not leader().look(HELD, 101.0).may_work(101.0)
        assert leader().look(HELD, 101.0).ask(101.0, WALL) is None

    def test_a_lease_that_somebody_labels_is_renewed_all_the_same(self) -> None:
        """The version that is looked at is the one that is written over."""
        labelled = replace(HELD, holder="me", document={"metadata": {"resourceVersion": "9"}})
        written = leader().look(labelled, 101.0).ask(101.0, WALL)
        assert written is not None
        assert written.to_document()["metadata"] == {"resourceVersion": "9"}


class TestWithoutALease:
    """None yet, or none any more."""

    def test_a_candidate_makes_one_that_nobody_holds(self) -> None:
        """And waits it out: somebody may still work whose Lease was deleted a moment ago."""
        first = candidate().look(None, 0.0)
        vacant = first.ask(0.0, WALL)
        assert vacant == Lease(duration_seconds=15, renew_time=WALL)
        waiting = first.wrote(replace(vacant, uid="new"), 0.0, 1.0)
        assert not waiting.may_work(1.0)
        assert waiting.ask(15.9, WALL) is None
        taken = waiting.ask(16.0, WALL)
        assert taken is not None
        assert (taken.holder, taken.acquire_time, taken.transitions) == ("me", WALL, 0)

    def test_a_leader_makes_its_own_anew(self) -> None:
        """Deleted by hand, it is back with the next renewal, and says what it said."""
        orphan = leader().look(None, 101.0)
        assert orphan.may_work(101.0)
        assert orphan.ask(101.0, WALL) == replace(HELD, uid="", holder="me", renew_time=WALL)

    def test_a_leader_that_finds_one_made_by_others_in_its_place_gives_way(self) -> None:
        """It cannot know what they saw."""
        vacant = Lease(uid="new", duration_seconds=15)
        assert not leader().look(vacant, 101.0).may_work(101.0)

    def test_transitions_are_counted_on(self) -> None:
        """By those that saw the one before."""
        follower = candidate().look(HELD, 0.0).look(None, 1.0)
        vacant = follower.ask(1.0, WALL)
        assert vacant is not None
        taken = follower.wrote(replace(vacant, uid="new"), 1.0, 1.0).ask(20.0, WALL)
        assert taken is not None
        assert taken.transitions == 5


class TestReleased:
    """A leader that has stopped, and says so."""

    def test_it_is_followed_at_once(self) -> None:
        """No wait: it stopped before it wrote this."""
        released = leader().step_down().release(WALL)
        assert released is not None
        taken = candidate("next").look(released, 200.0).ask(200.0, WALL)
        assert taken is not None
        assert (taken.holder, taken.transitions) == ("next", 5)

    def test_one_that_stopped_works_no_more(self) -> None:
        """The fence is closed before the Lease is let go."""
        assert not leader().step_down().may_work(100.0)

    def test_only_its_own_is_released(self) -> None:
        """Somebody else may have it by now."""
        assert leader().look(HELD, 101.0).release(WALL) is None

    def test_a_holder_that_is_emptied_by_hand_is_waited_out(self) -> None:
        """That its holder has stopped is not known."""
        emptied = replace(HELD, holder="")
        assert candidate().look(emptied, 0.0).ask(14.0, WALL) is None
        assert candidate().look(emptied, 0.0).ask(15.0, WALL)


class TestDocuments:
    """What the API server gives and gets."""

    METADATA = {"uid": "u", "name": "n", "resourceVersion": "7", "labels": {"a": "b"}}  # noqa: RUF012 - never written

    @pytest.mark.parametrize(
        "spec",
        [
            {},
            None,
            {"holderIdentity": None, "leaseDurationSeconds": None, "leaseTransitions": None, "renewTime": None},
            {"strategy": "OldestEmulationVersion", "preferredHolder": "x"},
        ],
    )
    def test_a_lease_that_says_nothing_is_one_that_nobody_holds(self, spec: dict[str, object] | None) -> None:
        """It is waited out like any other, and then taken; what is not ours to say stays in it."""
        found = Lease.of({"metadata": self.METADATA} | ({} if spec is None else {"spec": spec}))
        follower = candidate().look(found, 0.0)
        assert follower.ask(14.9, WALL) is None
        taken = follower.ask(15.0, WALL)
        assert taken is not None
        document = taken.to_document()
        assert document["metadata"] == self.METADATA
        others = {key: value for key, value in (spec or {}).items() if value is not None}
        assert others.items() <= document["spec"].items()
        assert Lease.of(document) == taken
        assert [value for value in document["spec"].values() if value is None] == []

    def test_its_own_words_come_back_as_they_went(self) -> None:
        """Reading is the inverse of writing."""
        written = replace(HELD, document={"metadata": self.METADATA})
        assert Lease.of(written.to_document()) == written
        assert written.to_document()["spec"] == {
            "holderIdentity": "other",
            "leaseDurationSeconds": 15,
            "acquireTime": "once",
            "renewTime": "12:00:00",
            "leaseTransitions": 4,
        }
