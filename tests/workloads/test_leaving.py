"""The way down as timelines: what is written on which pod when, and what the size is meanwhile."""

from dataclasses import replace

import pytest
from replica_set import Pod, ReplicaSet, foreign, four

from tidegate.workloads.leaving import PodMarks


class TestDraining:
    """Serving, Draining, Marked, gone."""

    def test_the_emptiest_drains_then_is_marked_then_goes(self) -> None:
        """Each step waits for what is seen of the one before."""
        world = four(a=0.0)
        world.tick(3)
        assert (world.draining(), world.marked(), world.sizes) == ({"a"}, set(), [])
        world.tick(3)  # A sample from 5 s after says that nothing is left.
        assert (world.draining(), world.marked(), world.sizes) == ({"a"}, {"a"}, [])
        world.tick(3)  # The mark is seen,
        assert world.sizes == []
        world.tick(3)  # and has had its 2 s.
        assert (world.sizes, world.names()) == ([3], {"b", "c", "d"})

    def test_it_waits_for_what_runs(self) -> None:
        """The size stays while a stream does."""
        world = four()
        world.pods[0].frees_per_tick = 0.125
        for _ in range(7):
            world.tick(3)
        assert world.sizes == []
        for _ in range(4):
            world.tick(3)
        assert (world.sizes, world.names()) == ([3], {"b", "c", "d"})

    @pytest.mark.parametrize(("grace_seconds", "ticks"), [(360.0, 24), (60.0, 12), (0.0, 0)])
    def test_it_does_not_wait_for_ever(self, grace_seconds: float, ticks: int) -> None:
        """Two minutes, or the pod's grace period where that is less: its owner has said how long an end may take."""
        world = four()
        world.pods[0].grace_seconds = grace_seconds
        for _ in range(ticks):
            world.tick(3)
        assert world.marked() == set()
        world.tick(3)
        world.tick(3)
        assert world.marked() == {"a"}

    def test_each_goes_when_it_is_done(self) -> None:
        """One that is slow does not hold up one that is not, and is never taken in its place."""
        world = four(a=0.0)
        for _ in range(5):
            world.tick(2)
        assert (world.sizes, world.names(), world.draining()) == ([3], {"b", "c", "d"}, {"b"})
        for _ in range(30):
            world.tick(2)
        assert (world.sizes, world.names()) == ([3, 2], {"c", "d"})

    def test_who_leaves_is_not_chosen_anew(self) -> None:
        """Another pod that has become emptier since stays where it is: to flip labels costs connections."""
        world = four(a=1.0)
        world.tick(3)
        world.pods[3].running = 0.0
        world.tick(3)
        assert world.draining() == {"a"}

    def test_a_sample_from_before_it_left_service_says_nothing(self) -> None:
        """It was idle then; what came until every router knew is not in it."""
        world = four(a=0.0)
        world.tick(3)
        world.now -= 1.0  # 4 s after.
        world.tick(3)
        assert world.marked() == set()

    def test_a_request_over_an_old_connection_does_not_unmark(self) -> None:
        """It has had its time; keep-alive connections bring requests to the end."""
        world = four(a=0.0)
        world.tick(3)
        world.tick(3)
        world.pods[0].running = 1.0
        for _ in range(3):
            world.tick(3)
        assert world.names() == {"b", "c", "d"}


class TestTheWayBack:
    """Demand returns."""

    def test_pods_that_drain_serve_again_before_others_are_ordered(self) -> None:
        """The size was never lowered, so nothing has to be ordered for the first ones."""
        world = four()
        world.tick(2)
        assert world.draining() == {"a", "b"}
        step = world.tick(4)
        assert (world.draining(), world.sizes) == (set(), [])
        assert (step.serving_after_marks, step.serving_after_scale) == (4, 4)

    def test_more_than_that_is_ordered_beside(self) -> None:
        """In one go."""
        world = four()
        world.tick(2)
        step = world.tick(6)
        assert (world.draining(), world.sizes) == (set(), [6])
        assert (step.serving_after_marks, step.serving_after_scale) == (4, 6)

    def test_the_fullest_of_them_comes_back_first(self) -> None:
        """The other one is nearly gone."""
        world = four()
        world.tick(2)
        world.tick(3)
        assert world.draining() == {"a"}

    def test_one_that_is_marked_is_told_to_stay(self) -> None:
        """Its deletion cost goes with its label."""
        world = four(a=0.0)
        world.tick(3)
        world.tick(3)
        assert world.marked() == {"a"}
        world.tick(4)
        assert {pod.marks for pod in world.pods} == {PodMarks(routing="serving")}
        assert world.sizes == []

    def test_one_that_did_not_go_after_all_serves_again(self) -> None:
        """Kubernetes has taken another one, which became not ready in that moment."""
        world = four(a=0.0)
        for _ in range(3):
            world.tick(3)
        world.pods[2].ready = False
        world.tick(3)
        assert (world.sizes, world.names()) == ([3], {"a", "b", "d"})
        world.tick(3)
        assert (world.draining(), world.marked(), world.replicas) == (set(), set(), 3)


class TestPodsThatAreNotReady:
    """Kubernetes takes them first, whatever is written on them."""

    def test_one_goes_at_once(self) -> None:
        """It has nothing to finish, and needs no mark."""
        world = four()
        world.pods[3].ready = False
        step = world.tick(3)
        assert (world.sizes, world.names(), step.marks) == ([3], {"a", "b", "c"}, {})

    def test_one_goes_in_the_place_of_one_that_drains(self) -> None:
        """Else Kubernetes would take it, and the other one would have drained for nothing."""
        world = four()
        world.tick(3)
        world.pods[2].ready = False
        step = world.tick(3)
        assert (world.sizes, world.names(), world.draining()) == ([3], {"a", "b", "d"}, set())
        assert step.serving_after_scale == 3

    def test_with_one_that_drains_both_go_each_in_its_time(self) -> None:
        """The size follows in two steps, each told once."""
        world = four()
        world.pods[2].ready = False
        step = world.tick(2)
        assert (world.sizes, world.names(), world.draining()) == ([3], {"a", "b", "d"}, {"a"})
        assert (step.serving_after_marks, step.serving_after_scale) == (3, 2)

    def test_one_that_becomes_so_while_it_drains_goes_at_once(self) -> None:
        """Nobody can be waiting for it any more."""
        world = four()
        world.tick(3)
        world.pods[0].ready = False
        step = world.tick(3)
        assert (world.sizes, world.names()) == ([3], {"b", "c", "d"})
        assert step.serving_after_marks == step.serving_after_scale == 3

    def test_pods_that_have_never_come_are_the_first(self) -> None:
        """A quota lets only three of five be made: two fewer takes nobody away."""
        world = ReplicaSet([Pod(name) for name in "abc"], replicas=5)
        step = world.tick(3, deletes=False)
        assert (world.sizes, step.marks, world.draining()) == ([3], {}, set())


class TestCostsOfOthers:
    """Their word on who goes first is obeyed, and not overwritten."""

    def test_the_pod_that_they_want_gone_is_taken_instead_of_the_emptiest(self) -> None:
        """It drains like any other; the cost on it is theirs."""
        world = four(d=0.0)
        foreign(world.pods[2], -5)
        before = world.pods[2].marks
        for _ in range(4):
            world.tick(3)
        assert world.draining() == {"c"}
        assert world.pods[2].marks == replace(before, routing="draining", draining_since=1_000_000.0)
        for _ in range(24):
            world.tick(3)
        assert world.names() == {"a", "b", "d"}

    def test_the_pod_that_they_want_to_keep_is_the_last(self) -> None:
        """However empty it is."""
        world = four(a=0.0)
        foreign(world.pods[0], 100)
        for _ in range(30):
            world.tick(1)
        assert world.names() == {"a"}

    def test_one_that_is_the_same_on_all_leaves_the_choice_to_kubernetes(self) -> None:
        """A template has put it there. Nobody drains for nothing, and the size goes where it should at once."""
        world = four(a=0.0)
        for pod in world.pods:
            foreign(pod, 7)
        step = world.tick(3)
        assert (len(world.pods), world.replicas, step.marks) == (3, 3, {})
        assert (step.serving_after_marks, step.serving_after_scale) == (4, 3)


class TestPodsOfOthers:
    """`targetRef`: no label, no drain, only who goes."""

    @pytest.fixture
    def world(self) -> ReplicaSet:
        """Four pods that we do not run."""
        world = four()
        world.owned = False
        for pod in world.pods:
            pod.marks = PodMarks()
        return world

    def test_the_emptiest_are_marked_and_go(self, world: ReplicaSet) -> None:
        """Nothing else is written on them."""
        world.tick(2)
        assert {pod.name: pod.marks for pod in world.pods} == {
            "a": PodMarks(deletion_cost=-1),
            "b": PodMarks(deletion_cost=-1),
            "c": PodMarks(),
            "d": PodMarks(),
        }
        assert world.sizes == []
        world.tick(2)
        step = world.tick(2)
        assert (world.sizes, world.names()) == ([2], {"c", "d"})
        assert (step.serving_after_marks, step.serving_after_scale) == (4, 2)

    def test_a_mark_goes_when_its_pod_stays(self, world: ReplicaSet) -> None:
        """Else it would be the first to go some other day."""
        world.tick(2)
        world.tick(4)
        assert {pod.marks for pod in world.pods} == {PodMarks()}


class TestOtherwise:
    """Where nothing can drain."""

    def test_while_a_rollout_runs_nothing_begins_and_nothing_is_held_up(self) -> None:
        """A person who switches a stuck service off must not wait."""
        world = four()
        world.rolls = True
        world.tick(0)
        assert (world.sizes, world.pods) == ([0], [])

    def test_while_a_rollout_runs_pods_that_drain_go_on(self) -> None:
        """The size is not touched for them."""
        world = four(a=0.0)
        world.tick(3)
        world.rolls = True
        for _ in range(6):
            world.tick(3)
        assert (world.sizes, world.draining()) == ([], {"a"})
        world.rolls = False
        for _ in range(3):
            world.tick(3)
        assert world.names() == {"b", "c", "d"}

    def test_where_pods_cannot_be_written_on_the_size_is(self) -> None:
        """Kubernetes chooses, as it does for everybody."""
        world = four()
        world.may_mark = False
        step = world.tick(2)
        assert (world.sizes, step.marks) == ([2], {})
        assert (step.serving_after_marks, step.serving_after_scale) == (4, 2)

    @pytest.mark.parametrize(("wanted", "size"), [(3, 4), (4, 5)])
    def test_a_pod_that_drains_and_cannot_be_brought_back_is_no_service(self, wanted: int, size: int) -> None:
        """The right to write on pods is lost in the middle: the size still counts those that are out of service."""
        world = four()
        world.tick(3)
        assert world.draining() == {"a"}
        world.may_mark = False
        world.tick(wanted, deletes=False)
        assert [*world.sizes, world.replicas][-1] == size

    def test_without_pods_there_is_only_the_size(self) -> None:
        """Nobody has to be asked."""
        world = ReplicaSet([], replicas=3)
        assert world.tick(1, deletes=False).replicas == 1
