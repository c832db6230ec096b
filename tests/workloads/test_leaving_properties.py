"""What holds on every way down, whatever comes in between: pods are lost, loads change, demand returns."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from replica_set import Pod, ReplicaSet, foreign

from tidegate.workloads.leaving import LEAVES_FIRST, PodMarks

MOST = 6
LONG = 40
"""Ticks after which every drain is over: the longest is 24, and some steps follow each other."""


@dataclass(frozen=True, slots=True)
class Start:
    """A world to begin with."""

    loads: tuple[float, ...]
    ready: tuple[bool, ...]
    costs: tuple[int | None, ...]
    seed: int

    def world(self) -> ReplicaSet:
        """A new one."""
        pods = [
            Pod(f"p{number}", ready=self.ready[number], running=load, frees_per_tick=0.5)
            for number, load in enumerate(self.loads)
        ]
        for pod, cost in zip(pods, self.costs, strict=False):
            if cost is not None:
                foreign(pod, cost)
        return ReplicaSet(pods, replicas=len(pods), seed=self.seed)


def starts(*, ready: st.SearchStrategy[bool], costs: st.SearchStrategy[int | None]) -> st.SearchStrategy[Start]:
    """Worlds of up to six pods."""
    return st.builds(
        Start,
        loads=st.lists(st.sampled_from([0.0, 1.0, 5.0, 50.0]), min_size=1, max_size=MOST).map(tuple),
        ready=st.lists(ready, min_size=MOST, max_size=MOST).map(tuple),
        costs=st.lists(costs, min_size=MOST, max_size=MOST).map(tuple),
        seed=st.integers(0, 99),
    )


WELL = starts(ready=st.just(True), costs=st.none())
ANY = starts(ready=st.booleans(), costs=st.none() | st.integers(-2, 2))
WANTED = st.integers(0, MOST + 2)


@given(WELL, st.integers(0, MOST))
def test_exactly_the_emptiest_go(start: Start, wanted: int) -> None:
    """Of pods that are well and that nobody else has a word on, with loads as they were at first."""
    world = start.world()
    order = sorted(world.pods, key=lambda pod: (pod.running, pod.name))
    leaving = {pod.name for pod in order[: max(0, len(order) - wanted)]}
    for _ in range(LONG):
        world.tick(min(wanted, len(order)))
    assert {pod.name for pod in world.gone} == leaving


@given(WELL, st.lists(WANTED, min_size=1, max_size=30))
def test_who_is_cut_off_has_had_two_minutes(start: Start, wishes: list[int]) -> None:
    """Whatever is wanted in between, no pod with running requests goes before."""
    world = start.world()
    for wanted in wishes:
        world.tick(wanted)
        for pod in world.gone:
            assert pod.marks.draining_since is not None
            assert pod.running == 0.0 or world.now - pod.marks.draining_since >= 120.0


@given(ANY, st.lists(WANTED, min_size=1, max_size=30))
def test_never_fewer_serve_than_is_wanted(start: Start, wishes: list[int]) -> None:
    """Of the pods that could: none is taken out of service, or taken away, that is needed."""
    world = start.world()
    for wanted in wishes:
        before = world.in_service()
        world.tick(wanted)
        assert world.in_service() >= min(before, wanted)


@given(ANY, st.lists(WANTED, min_size=1, max_size=30))
def test_nothing_is_ordered_while_pods_drain_that_could_come_back(start: Start, wishes: list[int]) -> None:
    """The size rises to what is wanted, and only when nobody drains any more."""
    world = start.world()
    for wanted in wishes:
        before = world.replicas
        world.tick(wanted, deletes=False)
        if world.replicas > before:
            assert (world.replicas, world.draining()) == (wanted, set())
        world.control()


@settings(max_examples=50)
@given(ANY, st.lists(WANTED, max_size=10), WANTED)
def test_it_comes_to_rest_at_what_is_wanted_and_leaves_nothing_behind(
    start: Start, wishes: list[int], wanted: int
) -> None:
    """No mark of ours on any pod, those of others as they were, and no write any more."""
    world = start.world()
    for wish in wishes:
        world.tick(wish)
    for _ in range(3 * LONG):
        world.tick(wanted)
    assert (len(world.pods), world.replicas, world.serving()) == (wanted, wanted, wanted)
    assert world.draining() == world.marked() == set()
    writes = world.writes
    world.tick(wanted)
    assert world.writes == writes


@given(ANY, st.lists(WANTED, min_size=1, max_size=20), st.integers(0, 19))
def test_a_new_leader_goes_on_where_the_last_one_stopped(start: Start, wishes: list[int], after: int) -> None:
    """It knows nothing but what is on the pods; the same pods drain as before it came."""
    world = start.world()
    for tick, wanted in enumerate(wishes):
        if tick == after:
            world.costs_seen = {}
            draining = world.draining()
            world.tick(world.serving())
            assert world.draining() == draining & world.names()
        world.tick(wanted)


@given(ANY, st.lists(WANTED, min_size=1, max_size=20))
def test_what_is_told_of_the_size_is_what_comes_of_it(start: Start, wishes: list[int]) -> None:
    """The two numbers of a step are those that the rule sees at its next look."""
    world = start.world()
    for wanted in wishes:
        step = world.tick(wanted, deletes=False)
        assert world.serving() == step.serving_after_scale
        world.control()


@given(ANY, st.lists(WANTED, min_size=1, max_size=20))
def test_costs_of_others_stay(start: Start, wishes: list[int]) -> None:
    """And ours are one number."""
    world = start.world()
    for wanted in wishes:
        world.tick(wanted)
        for number, cost in enumerate(start.costs):
            for pod in world.pods:
                if pod.name == f"p{number}":
                    assert pod.marks.cost_is_foreign is (cost is not None)
                    assert pod.marks.deletion_cost == cost or (cost is None and pod.marks.is_marked)
        assert {pod.marks.deletion_cost for pod in world.pods if pod.marks.is_marked} <= {LEAVES_FIRST}


def test_a_pod_without_a_label_of_ours_is_left_without() -> None:
    """Marks that say nothing are as good as none."""
    assert PodMarks().back() == PodMarks()
