"""What holds of the sizes of all variants, whatever is seen of them."""

from dataclasses import replace

import pytest
from fleet_timeline import service_with
from histories import pods
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.budget import Budget
from tidegate.scaling.choice import Bounds, Seat, chosen
from tidegate.scaling.codec import decode, encode
from tidegate.scaling.decide import decide
from tidegate.scaling.fleet import FleetDecision, decide_fleet
from tidegate.scaling.gateway_traffic import GatewaySample, GatewayTraffic
from tidegate.scaling.lane import FleetMemory, Lane
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.scaling.worth import Worth

START = 1_700_000_000.0
NAMES = ("default", "small", "dear")
ROUNDING = 1e-6

numbers = st.sampled_from([0.0, 1.0, 50.0, -1.0, 1e300, float("nan"), float("inf")])
gateways = st.builds(
    GatewayTraffic,
    samples=st.lists(
        st.builds(
            GatewaySample,
            gateway=st.sampled_from("ab"),
            time=st.just(START),
            requests=st.integers(0, 10**6).map(float),
            in_flight=st.sampled_from([0.0, 7.0]),
            held=st.sampled_from([0.0, 0.0, 3.0]),
            last_use=st.sampled_from([START, START - 1e5]),
        ),
        min_size=1,
        max_size=2,
        unique_by=lambda sample: sample.gateway,
    ).map(tuple),
    complete=st.booleans(),
    carries_all=st.just(True),
)
observations = st.builds(
    Observation,
    replicas=st.integers(0, 12),
    pods=st.lists(
        st.builds(lambda pod, stuck: replace(pod, unschedulable=stuck and not pod.ready), pods, st.booleans()),
        max_size=4,
        unique_by=lambda pod: pod.uid,
    ).map(tuple),
    expected_signals=st.sampled_from([(), ("waiting", "running"), ("waiting", "prompt_tokens", "kv_usage")]),
    rollout_in_progress=st.booleans(),
    yielded_to=st.sampled_from([None, None, None, "somebody"]),
    refused=st.sampled_from([0, 0, 2]),
    without_place_since=st.none() | st.sampled_from([START - 1000, START]),
    cost_per_hour=st.sampled_from([None, 0.0, 0.4, 2.0, 6.0]),
)
budgets = st.none() | st.builds(Budget, cost_per_hour=st.sampled_from([0.0, 0.3, 5.0, 40.0]), because=st.just("so"))
specs = st.builds(
    lambda least, more, pinned, most_small, mode: service_with(
        "small",
        "dear",
        replicas=pinned,
        minReplicas=least,
        maxReplicas=least + more,
        mode=mode,
        bounds={"small": {"maxReplicas": most_small}, "dear": {"minReplicas": 0}},
    ),
    st.integers(0, 4),
    st.integers(1, 20),
    st.sampled_from([None, None, None, 0, 5]),
    st.integers(1, 9),
    st.sampled_from(["Automatic", "Automatic", "Advisory", "Paused"]),
)
looks = st.lists(
    st.tuples(st.sampled_from([0.0, 5.0, 5.0, 400.0]), st.tuples(*[observations] * 3), gateways, budgets),
    min_size=1,
    max_size=4,
)
Look = tuple[float, tuple[Observation, ...], GatewayTraffic, Budget | None]


def story(spec: InferenceServiceSpec, seen: list[Look]) -> list[tuple[float, tuple[Lane, ...], FleetDecision]]:
    """Decide at each time, one after the other."""
    memory, memories, now, found = FleetMemory(), dict.fromkeys(NAMES, Memory()), START, []
    for seconds, each, gateway, budget in seen:
        now += seconds
        lanes = tuple(
            Lane(
                name=name,
                spec=spec.of_variant(name),
                observation=replace(observation, gateway=gateway, budget=budget),
                memory=memories[name],
            )
            for name, observation in zip(NAMES, each, strict=True)
        )
        fleet = decide_fleet(spec, lanes, memory, now)
        memory, memories = fleet.memory, dict(fleet.memories)
        found.append((now, lanes, fleet))
    return found


@settings(max_examples=50, deadline=None)
@given(spec=specs, seen=looks)
def test_whatever_is_seen_the_bounds_of_all_and_of_each_hold(spec: InferenceServiceSpec, seen: list[Look]) -> None:
    """None grows above its own most, nor all above theirs; what is above comes down, or stands while it is replaced."""
    assume(spec.replicas is None)
    for _, lanes, fleet in story(spec, seen):
        present = sum(lane.observation.replicas for lane in lanes)
        applied = [fleet.decisions[lane.name] for lane in lanes]
        assert fleet.whole.to_replicas == sum(each.to_replicas for each in applied)
        assert fleet.whole.to_replicas <= max(present, spec.scaling.max_replicas)
        for lane in lanes:
            size = fleet.decisions[lane.name].to_replicas
            assert 0 <= size <= max(lane.observation.replicas, lane.spec.scaling.max_replicas)
        assert len(fleet.whole.message) < 2048
        assert all(weight >= 1 for weight in fleet.weights.values())


@settings(max_examples=50, deadline=None)
@given(spec=specs, seen=looks)
def test_whatever_is_seen_no_more_is_spent_than_may_be(spec: InferenceServiceSpec, seen: list[Look]) -> None:
    """What costs too much already never comes to cost more."""
    for _, lanes, fleet in story(spec, seen):
        budget = lanes[0].observation.budget
        if budget is None:
            continue
        prices = {lane.name: lane.observation.cost_per_hour or 0.0 for lane in lanes}
        before = sum(prices[lane.name] * lane.observation.replicas for lane in lanes)
        after = sum(prices[name] * each.to_replicas for name, each in fleet.decisions.items())
        assert after <= max(before, budget.cost_per_hour) + ROUNDING


@settings(max_examples=50, deadline=None)
@given(spec=specs, seen=looks)
def test_what_cannot_be_believed_takes_nothing_away(spec: InferenceServiceSpec, seen: list[Look]) -> None:
    """Unless a bound, a hand, or that nobody uses it says so."""
    assume(spec.replicas is None and spec.scaling.min_replicas)
    for _, lanes, fleet in story(spec, seen):
        present = sum(lane.observation.replicas for lane in lanes)
        broken = any(not each.health.complete and each.health.state != "NoPods" for each in fleet.decisions.values())
        if not broken or lanes[0].observation.budget is not None or present > spec.scaling.max_replicas:
            continue
        for lane in lanes:
            placed = lane.observation.replicas - lane.observation.placeless  # The others are no loss.
            assert fleet.decisions[lane.name].to_replicas >= min(placed, lane.spec.scaling.max_replicas)


@settings(max_examples=25, deadline=None)
@given(spec=specs, seen=looks)
def test_equal_inputs_give_equal_sizes_and_each_is_decided_again_alike(
    spec: InferenceServiceSpec, seen: list[Look]
) -> None:
    """A recording of each variant is all that it takes."""
    found = story(spec, seen)
    assert repr(found) == repr(story(spec, seen))
    for now, lanes, fleet in found:
        for lane in lanes:
            recorded = fleet.observations[lane.name]
            assert repr(decode(Observation, encode(Observation, recorded))) == repr(recorded)
            again = decide(lane.spec, recorded, lane.memory, now)
            assert repr(again) == repr((fleet.decisions[lane.name], fleet.memories[lane.name]))


worths = st.builds(
    Worth,
    requests_per_second=st.sampled_from([0.3, 1.0, 3.4, 4.0]),
    at_once=st.just(8.0),
    is_guess=st.booleans(),
)


@st.composite
def seats(draw: st.DrawFn) -> tuple[Seat, ...]:
    """Up to three variants, in any state."""
    found = []
    for place, name in enumerate(NAMES[: draw(st.integers(1, 3))]):
        present = draw(st.integers(0, 8))
        ready = draw(st.integers(0, present))
        placeless = draw(st.integers(0, present - ready))
        found.append(
            Seat(
                name=name,
                is_first=place == 0,
                present=present,
                ready=ready,
                starting=draw(st.integers(0, present - ready - placeless)),
                placeless=placeless,
                is_given_up=placeless > 0 and draw(st.booleans()),
                most=draw(st.sampled_from([0, 3, 20])),
                cost_per_hour=draw(st.sampled_from([0.4, 2.0, 6.0])),
                worth=draw(worths),
            )
        )
    return tuple(found)


@settings(max_examples=100, deadline=None)
@given(seats=seats(), need=st.sampled_from([0.0, 0.5, 3.0, 9.0, 40.0]), more=st.floats(1.0, 3.0))
def test_what_is_ready_and_stays_does_what_was_needed_or_all_that_it_did(
    seats: tuple[Seat, ...], need: float, more: float
) -> None:
    """Through any one choice without a bound that bites."""
    sizes = chosen(seats, need, need * more, Bounds(fewest=1, most=1000))
    before = sum(seat.ready * seat.worth.requests_per_second for seat in seats)
    stays = sum(min(seat.ready, size) * seat.worth.requests_per_second for seat, size in zip(seats, sizes, strict=True))
    assert stays >= min(before, need * more) * (1 - ROUNDING)


@settings(max_examples=100, deadline=None)
@given(
    seats=seats(),
    need=st.sampled_from([0.0, 3.0, 40.0]),
    most=st.integers(1, 12),
    spend=st.none() | st.sampled_from([0.1, 2.0, 9.0]),
)
def test_a_choice_fits_the_totals_and_is_no_other_when_nothing_changed(
    seats: tuple[Seat, ...], need: float, most: int, spend: float | None
) -> None:
    """Also with more there than the totals allow; and who looks again at once finds nothing to take back."""
    bounds = Bounds(fewest=1, most=most, spend_per_hour=spend)
    sizes = chosen(seats, need, need * 1.2, bounds)
    assert sum(sizes) <= most
    cost = sum(size * (seat.cost_per_hour or 0.0) for size, seat in zip(sizes, seats, strict=True))
    assert spend is None or cost <= spend + ROUNDING
    assume(not any(seat.placeless for seat in seats))
    carried_out = [
        replace(
            seat,
            present=size,
            ready=min(seat.ready, size),
            starting=size - min(seat.ready, size),
        )
        for seat, size in zip(seats, sizes, strict=True)
    ]
    again = chosen(carried_out, need, need * 1.2, bounds)
    grew = [after > seat.present for after, seat in zip(sizes, seats, strict=True)]
    assert not any(took and second < first for took, first, second in zip(grew, sizes, again, strict=True))


def test_one_variant_alone_is_decided_like_a_service_without_variants() -> None:
    """Up to what is left free on the way down: its share is all of the requests."""
    spec = service_with("small").of_variant("default")
    gateway = GatewayTraffic(
        samples=(GatewaySample(gateway="a", time=START, requests=0.0, in_flight=0.0, held=1.0),),
        complete=True,
        carries_all=True,
    )
    lane = Lane(name="default", spec=spec, observation=Observation(replicas=0, gateway=gateway), memory=Memory())
    fleet = decide_fleet(spec, [lane], FleetMemory(), START)
    alone, _ = decide(spec, lane.observation, Memory(), START)
    assert fleet.observations["default"].share == pytest.approx(1.0)
    assert fleet.decisions["default"].to_replicas == alone.to_replicas == 1
