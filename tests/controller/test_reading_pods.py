"""Which pods are read when, and what is made of what they say."""

import pytest
from cluster_objects import LEAST, pod
from operator_under_test import OperatorUnderTest

from tidegate.cluster.resources import PODS
from tidegate.controller import loop as loop_module


class TestQuietFleet:
    """With more pods than can be read at every tick."""

    async def test_services_at_rest_are_read_every_half_minute_and_busy_ones_at_every_tick(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is read seldom stays good for longer; what becomes busy is read often from then on."""
        monkeypatch.setattr(loop_module, "HOT_PODS", 1)
        operator = OperatorUnderTest()
        for number, name in enumerate(("resting", "busy"), start=1):
            operator.apply(LEAST, name=name)
            await operator.turn()
            document = pod(name)
            document["status"]["podIP"] = f"127.0.1.{number}"
            operator.cluster.have(PODS, document)
        operator.pods.says["127.0.1.2"] = {"running": 3.0}
        for _ in range(30):
            await operator.turn()
        operator.pods.asked.clear()
        for _ in range(24):
            await operator.turn()
        assert (operator.pods.asked.count("127.0.1.1"), operator.pods.asked.count("127.0.1.2")) == (4, 24)
        assert operator.condition("MetricsAvailable", "resting")[:2] == ("True", "Fresh")

        operator.pods.says["127.0.1.1"] = {"running": 1.0}
        for _ in range(6):
            await operator.turn()
        operator.pods.asked.clear()
        for _ in range(4):
            await operator.turn()
        assert operator.pods.asked.count("127.0.1.1") == 4

    async def test_what_happens_to_a_service_at_rest_is_seen_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only reading waits."""
        monkeypatch.setattr(loop_module, "HOT_PODS", 0)
        operator = OperatorUnderTest()
        operator.apply(LEAST)
        await operator.turn()
        operator.start_pods(1)
        for _ in range(30):
            await operator.turn()
        operator.apply({**LEAST, "replicas": 2}, generation=2)
        await operator.turn(after=0.1)
        assert operator.sizes() == [2]


class TestMetricsOfPods:
    """Missing, broken and zero are three things."""

    @pytest.mark.parametrize(
        ("said", "state"),
        [
            ("Timeout", ("False", "Missing")),
            ("Truncated", ("False", "Missing")),
            ({"waiting": float("nan")}, ("False", "NotANumber")),
            ({}, ("True", "Fresh")),
        ],
    )
    async def test_only_zero_lets_a_service_shrink(self, said: dict[str, float] | str, state: tuple[str, str]) -> None:
        """Whatever time passes."""
        operator = OperatorUnderTest()
        operator.apply({**LEAST, "replicas": 3})
        await operator.turn()
        operator.start_pods(3)
        operator.apply(LEAST, generation=2)
        for number in (1, 2, 3):
            operator.pods.says[f"127.0.0.{number}"] = said
        sizes: list[int] = []
        for _ in range(100):
            await operator.turn()
            sizes += operator.sizes()
        assert operator.condition("MetricsAvailable")[:2] == state
        assert sizes == ([1] if state[0] == "True" else [])
        limited = operator.condition("ScalingLimited")
        assert limited[:2] == ("True", "MinimumReplicas" if state[0] == "True" else "MetricsHeld")

    async def test_one_failed_scrape_is_no_news(self) -> None:
        """The sample before it is still good; the third in a row is told."""
        operator = OperatorUnderTest()
        operator.apply(LEAST)
        await operator.turn()
        operator.start_pods(1)
        await operator.settle()
        told = []
        operator.pods.says["127.0.0.1"] = "Timeout"
        for _ in range(5):
            await operator.turn()
            told.append(operator.condition("MetricsAvailable")[1])
        assert told == ["Fresh", "Fresh", "Fresh", "Missing", "Missing"]
