"""Timelines of services that may sleep: when they do, when they do not, and what becomes of those who are woken."""

import math
from typing import Any

import pytest
from gateway_timeline import GatewayTimeline
from metric_faults import showing, unreadable
from serving_pod import Load
from timeline import COUNTS_TOKENS, TICK_SECONDS, Engine, Timeline, service

from tidegate.scaling.sample import ArrivalMethod

IDLE_SECONDS = 60
SILENT = Engine(signals=(), arrivals=ArrivalMethod.FINISHED_AND_GAUGES)


def sleeper(**scaling: Any) -> Any:
    """A service that sleeps after a minute."""
    return service(minReplicas=0, scaleToZero={"idleSeconds": IDLE_SECONDS}, **scaling)


class TestToSleep:
    """From some to none."""

    def test_after_its_idle_seconds_and_not_before(self) -> None:
        """The window begins with the end of the last request."""
        timeline = GatewayTimeline(sleeper()).arrive(1).advance(120).arrive(0).advance(45)
        assert timeline.size >= 1
        timeline.advance(60)
        assert timeline.size == 0
        assert timeline.last(60)[-1].message == "0: it sleeps until a request arrives"
        assert [decision.reason for decision in timeline.decisions].count("ScaledToZero") == 1

    def test_why_it_goes_to_sleep_is_told_and_nothing_else(self) -> None:
        """No term has asked for that: how full a cache is, is beside the point."""
        timeline = GatewayTimeline(sleeper()).advance(IDLE_SECONDS + 2 * TICK_SECONDS)
        (decision,) = [decision for decision in timeline.decisions if decision.reason == "ScaledToZero"]
        assert decision.message.startswith("1 → 0: nobody has used it for ")
        assert ";" not in decision.message

    def test_one_that_is_switched_off_does_not_say_that_it_sleeps(self) -> None:
        """No request would wake it."""
        spec = sleeper().model_copy(update={"replicas": 0})
        timeline = GatewayTimeline(spec).advance(IDLE_SECONDS)
        assert timeline.decisions[-1].message == "0: spec.replicas is 0: switched off by hand"

    def test_a_larger_one_shrinks_first_and_sleeps_all_the_same(self) -> None:
        """Idle is idle, whatever the windows of the way down have to say of the size."""
        timeline = GatewayTimeline(sleeper(), size=6).advance(IDLE_SECONDS + 2 * TICK_SECONDS)
        assert timeline.size == 0

    def test_a_request_now_and_then_keeps_it_awake(self) -> None:
        """However short: the gateways count what no gauge shows any more when it is read."""
        timeline = GatewayTimeline(sleeper())
        for _ in range(20):
            timeline.burst(1).advance(45)
        assert min(decision.to_replicas for decision in timeline.decisions) == 1

    def test_a_long_answer_keeps_it_awake(self) -> None:
        """A stream is use for as long as it lasts."""
        timeline = GatewayTimeline(sleeper(), load=Load(seconds=10 * IDLE_SECONDS)).burst(1).advance(9 * IDLE_SECONDS)
        assert timeline.size == 1
        assert timeline.advance(3 * IDLE_SECONDS).size == 0

    def test_requests_that_pass_by_the_gateways_are_use(self) -> None:
        """Mode Direct: only the engines see them."""
        timeline = GatewayTimeline(sleeper(), carries_all=False).arrive(0.2).advance(600)
        assert timeline.size >= 1
        assert timeline.arrive(0).advance(IDLE_SECONDS + 15).size == 0

    @pytest.mark.parametrize("fault", [unreadable, showing(math.nan, "running")])
    def test_metrics_that_say_nothing_are_not_idleness(self, fault: Any) -> None:
        """Missing is not zero; the window begins anew when they are back."""
        timeline = GatewayTimeline(sleeper()).advance(30).break_metrics(fault).advance(600)
        assert timeline.size == 1
        timeline.break_metrics(None).advance(IDLE_SECONDS - 10)
        assert timeline.size == 1
        assert timeline.advance(20).size == 0

    def test_a_gateway_that_cannot_be_asked_may_hold_requests(self) -> None:
        """One of two is not enough to know."""
        timeline = GatewayTimeline(sleeper()).silence_gateway().advance(600)
        assert timeline.size == 1
        assert "not every gateway" in timeline.decision.message
        assert timeline.restart_gateway().advance(IDLE_SECONDS + 10).size == 0

    def test_without_gateways_it_never_sleeps(self) -> None:
        """Nobody would wake it."""
        timeline = Timeline(sleeper()).advance(1200)
        assert timeline.size == 1
        assert "no gateway" in timeline.decision.limits[-1].because

    def test_a_rollout_has_to_end_first(self) -> None:
        """Two templates side by side are nobody's idleness."""
        timeline = GatewayTimeline(sleeper()).observe_with(rollout_in_progress=True).advance(300)
        assert timeline.size == 1

    @pytest.mark.parametrize(
        ("changed", "size"),
        [
            ({"minReplicas": 1}, 1),
            ({"mode": "Paused"}, 1),
            (
                {
                    "schedules": [
                        {
                            "name": "always",
                            "start": "0 0 * * *",
                            "end": "59 23 * * *",
                            "timeZone": "UTC",
                            "minReplicas": 1,
                        }
                    ]
                },
                1,
            ),
            ({}, 0),
        ],
    )
    def test_floors_and_modes_win(self, changed: dict[str, Any], size: int) -> None:
        """minReplicas, schedules and a person's word are above idleness."""
        spec = service(**{"minReplicas": 0, "scaleToZero": {"idleSeconds": IDLE_SECONDS}, **changed})
        assert GatewayTimeline(spec).advance(300).size == size

    def test_a_new_operator_knows_from_the_gateways_how_long_it_has_been_idle(self) -> None:
        """A restart costs no idle time where all requests pass the gateways."""
        timeline = GatewayTimeline(sleeper()).advance(50).operator_restarts().advance(15)
        assert timeline.size == 0

    def test_a_new_operator_counts_anew_where_they_do_not_see_all(self) -> None:
        """Mode Direct: requests may have come and gone while nobody looked."""
        timeline = GatewayTimeline(sleeper(), carries_all=False).advance(50).operator_restarts().advance(45)
        assert timeline.size == 1
        assert timeline.advance(30).size == 0

    def test_a_new_gateway_counts_as_use(self) -> None:
        """It does not know what the one before it saw last."""
        timeline = GatewayTimeline(sleeper()).advance(50).restart_gateway().advance(40)
        assert timeline.size == 1
        assert timeline.advance(30).size == 0


class TestAsleep:
    """None, and that is well."""

    def test_it_stays_asleep_over_a_restart_of_the_operator(self) -> None:
        """A size of 0 that is found is no outage."""
        timeline = GatewayTimeline(sleeper(), size=0).advance(30).operator_restarts().advance(300)
        assert timeline.largest() == 0

    @pytest.mark.parametrize("index", [0, 1])
    def test_it_stays_asleep_while_a_gateway_is_lost(self, index: int) -> None:
        """A fleet that sleeps is not to be woken by an outage of gateways."""
        assert GatewayTimeline(sleeper(), size=0).silence_gateway(index).advance(300).largest() == 0

    def test_a_floor_wakes_it(self) -> None:
        """As when somebody raises minReplicas."""
        timeline = GatewayTimeline(sleeper(), size=0).advance(30).apply(service(minReplicas=2)).advance(TICK_SECONDS)
        assert timeline.size == 2

    def test_held_requests_wake_it_if_no_gateway_does(self) -> None:
        """As when the gateways may not write sizes."""
        timeline = GatewayTimeline(sleeper(), size=0).burst(3).advance(TICK_SECONDS)
        assert timeline.size >= 1
        assert timeline.decision.reason in {"Woken", "Steady"}


class TestWoken:
    """From none to some, by a gateway."""

    def test_those_who_were_woken_stay_until_they_have_been_idle(self) -> None:
        """Also where the client who woke it has left before it was ready."""
        timeline = GatewayTimeline(sleeper(), size=0).advance(300).burst(1).resize(1).advance(TICK_SECONDS)
        timeline.clients_leave().advance(IDLE_SECONDS - 15)
        assert timeline.size == 1
        assert timeline.advance(60).size == 0

    def test_as_many_as_were_woken_stay_for_a_window(self) -> None:
        """A gateway had its reason for more than one; the way down has its usual patience."""
        timeline = GatewayTimeline(sleeper(), size=0).advance(300).burst(40).resize(5).arrive(0.5).advance(240)
        assert timeline.size >= 5

    def test_more_are_ordered_while_many_wait(self) -> None:
        """Held requests are a queue, and known while no pod is ready."""
        timeline = GatewayTimeline(sleeper()).arrive(2).advance(300)
        timeline.arrive(0).advance(600)
        assert timeline.size == 0
        timeline.resize(1).arrive(10).advance(120)
        assert timeline.size > 3


class TestCounts:
    """What the gateways count is what arrives."""

    @pytest.mark.parametrize("engine", [COUNTS_TOKENS, SILENT])
    def test_arrivals_are_exact_for_engines_that_count_none(self, engine: Engine) -> None:
        """As llama.cpp and Ollama."""
        timeline = GatewayTimeline(sleeper(), engine=engine, silent=engine is SILENT, size=4).arrive(3).advance(120)
        assert timeline.arriving == pytest.approx(3, rel=0.1)

    def test_a_new_operator_takes_arrivals_and_sizes_from_the_same_steps_at_first(self) -> None:
        """Both are guesses then, and only their product is right; after a whole window the gateways' count holds."""
        timeline = GatewayTimeline(sleeper(), size=2).arrive(3).advance(120).operator_restarts().advance(TICK_SECONDS)
        timeline.gateways[0].requests += 60
        assert timeline.advance(TICK_SECONDS).arriving == pytest.approx(3, rel=0.2)
        timeline.advance(TICK_SECONDS)
        assert timeline.advance(TICK_SECONDS).arriving == pytest.approx(3 + 60 / 15, rel=0.2)

    def test_a_gateway_that_restarts_is_no_negative_demand(self) -> None:
        """Its counters begin at zero again."""
        timeline = GatewayTimeline(sleeper(), size=2).arrive(2).advance(120).restart_gateway().advance(10)
        assert (timeline.arriving or 0) >= 1
        assert timeline.advance(30).arriving == pytest.approx(2, rel=0.1)

    def test_an_engine_without_metrics_is_scaled_on_what_the_gateways_count(self) -> None:
        """It shrinks again, and sleeps, though no pod ever said a word."""
        timeline = GatewayTimeline(sleeper(), engine=SILENT, silent=True, size=3).arrive(1).advance(120).arrive(0)
        assert timeline.advance(600).size == 0

    def test_without_all_gateways_such_an_engine_keeps_its_size(self) -> None:
        """Half a count is none."""
        timeline = GatewayTimeline(sleeper(), engine=SILENT, silent=True, size=3).arrive(1).advance(60)
        assert timeline.silence_gateway().arrive(0).advance(600).size == 3
