"""Going to sleep and waking, step by step, as the loop takes it; the table is in test_sleep_table."""

from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE, TARGETING, foreign_deployment, pod
from gateways_in_memory import WithGateways, asleep, awake, sleepy
from recording_cluster import status_of
from replica_sets_in_memory import CHAT

from tidegate.api.routing import RoutingMode
from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES, PODS, SERVICES
from tidegate.controller.gateway_ports import PortRange

SELECTS = "inference.tidegate.dev/routing"
MODES = pytest.mark.parametrize("mode", ["Gateway", "Direct"])
OLLAMA = {"engine": {"type": "Ollama", "image": "o:1"}}


class TestToSleep:
    """Nobody uses it."""

    @MODES
    async def test_it_sleeps_and_says_so(self, mode: str) -> None:
        """Ready, with the reason; its address stays; the change is in the list."""
        operator = await asleep(mode)
        status = status_of(operator.cluster)
        assert operator.condition("Ready")[:2] == ("True", "ScaledToZero")
        assert status["url"] == "http://chat.default.svc:8000"
        assert [(each["from"], each["to"], each["reason"]) for each in status["changes"]] == [(1, 0, "ScaledToZero")]
        assert (status["replicas"], status["desiredReplicas"], "idleSince" in status) == (0, 0, True)
        assert status["changes"][0]["message"].startswith("1 → 0: nobody has used it for ")

    @MODES
    async def test_asleep_it_writes_nothing(self, mode: str) -> None:
        """Neither the operator that put it to sleep nor the next one."""
        operator = await asleep(mode)
        await operator.settle()
        assert [await operator.turn() for _ in range(30)] == [[]] * 30
        operator.restart()
        assert [await operator.turn() for _ in range(30)] == [[]] * 30

    async def test_straight_to_the_pods_the_gateways_come_first(self) -> None:
        """Standby is written, they stand in the slice for 5 s, then the pod drains, then the size goes down."""
        operator = await awake("Direct")
        assert operator.told_routing() == {"mode": "Direct", "port": 10_000, "standby": False}
        while not operator.told_routing()["standby"]:
            await operator.turn()
        assert (operator.draining(), operator.size) == (set(), 1)
        assert "gateways have had the service's address" in status_of(operator.cluster)["decision"]["message"]
        since = operator.now
        while not operator.draining():
            await operator.turn()
        assert operator.now - operator.slices[CHAT] >= 5
        assert operator.now - since <= 10
        assert operator.size == 1
        await operator.until_asleep()

    async def test_without_the_gateways_in_its_slice_it_stays(self) -> None:
        """They may live, and yet not have written: a slice that is refused must cost nobody an answer."""
        operator = await awake()
        operator.write_slices = operator.slices.clear  # type: ignore[method-assign]
        for _ in range(40):
            await operator.turn()
        assert (operator.size, operator.draining()) == (1, set())

    @MODES
    async def test_a_request_that_is_held_meanwhile_cancels_it(self, mode: str) -> None:
        """At the next look the pod serves again, and the minute begins anew."""
        operator = await awake(mode)
        while not operator.draining():
            await operator.turn()
        operator.use(held=1)
        await operator.turn()
        assert (operator.draining(), operator.serving_pods(), operator.sizes()) == (set(), 1, [])
        operator.use()
        for _ in range(11):
            await operator.turn()
        assert (operator.draining(), operator.size) == (set(), 1)
        await operator.until_asleep()

    async def test_it_is_looked_at_again_before_the_next_tick(self) -> None:
        """A request that comes while the last pod drains waits for a second, and not for five."""
        operator = await awake()
        while not operator.draining():
            await operator.turn()
        assert "Pod" not in await operator.turn(after=1.0)
        operator.use(held=1)
        assert "Pod" in await operator.turn(after=1.0)
        assert (operator.draining(), operator.serving_pods()) == (set(), 1)

    async def test_between_ticks_nobody_asks_the_gateways_for_a_service_that_is_awake(self) -> None:
        """Nor for one that sleeps: the gateways wake it themselves."""
        for operator in (await awake(), await asleep()):
            reads: list[None] = []
            operator.write_slices = lambda reads=reads: reads.append(None)  # type: ignore[method-assign, misc]
            operator.use(held=1)
            for _ in range(4):
                await operator.turn(after=1.0)
            assert reads == []

    async def test_an_answer_that_runs_is_finished(self) -> None:
        """The last pod drains like any other."""
        operator = await awake()
        while not operator.draining():
            await operator.turn()
        operator.runs(1, 1.0)
        for _ in range(10):
            await operator.turn()
        assert operator.size == 1
        operator.runs(1, 0.0)
        await operator.until_asleep(most_turns=4)

    async def test_of_an_engine_without_metrics_the_gateways_know_that_it_is_done(self) -> None:
        """It is not given two minutes that nobody needs."""
        operator = await awake(**OLLAMA)
        while not operator.draining():
            await operator.turn()
        began = operator.now
        await operator.until_asleep()
        assert operator.now - began <= 30

    async def test_use_of_a_pod_that_no_gateway_has_seen_is_use(self) -> None:
        """As through a port-forward."""
        operator = await awake()
        operator.runs(1, 1.0)
        for _ in range(30):
            await operator.turn()
        assert operator.size == 1

    async def test_several_pods_go_to_sleep_together(self) -> None:
        """When nobody has used any of them."""
        operator = await awake(scaling={"behavior": {"scaleDown": {"stabilizationWindowSeconds": 3600}}}, replicas=3)
        operator.serve(2, 3)
        await operator.turn()
        operator.apply(sleepy(scaling={"behavior": {"scaleDown": {"stabilizationWindowSeconds": 3600}}}), generation=9)
        await operator.until_asleep()

    async def test_without_being_told_of_gateways_it_never_sleeps(self) -> None:
        """Nobody would wake it; the condition says what is missing."""
        operator = WithGateways(installed=False)
        operator.apply(sleepy())
        await operator.turn()
        operator.serve(1)
        for _ in range(40):
            await operator.turn()
        assert operator.size == 1
        assert operator.condition("Routed")[:2] == ("False", "GatewayUnavailable")
        assert "wakePlan" not in status_of(operator.cluster)

    async def test_pinned_at_zero_waits_for_no_gateway(self) -> None:
        """Off is off; clients are told why."""
        operator = await awake()
        operator.gateways = []
        operator.apply(sleepy(replicas=0), generation=5)
        for _ in range(8):
            await operator.turn()
            operator.control()
        assert operator.size == 0
        assert operator.condition("Ready")[1] == "PinnedAtZero"
        plan = status_of(operator.cluster)["wakePlan"]
        assert (plan["allowed"], plan["reason"]) == (False, "PinnedAtZero")


class TestAwake:
    """Somebody uses it again."""

    async def test_a_wake_by_a_gateway_is_adopted(self) -> None:
        """Listed, told once, and nobody's but ours."""
        operator = await asleep()
        operator.use(held=20)
        operator.wake(5)
        await operator.turn()
        assert operator.told().count("Woken") == 1
        assert (operator.sizes(), operator.condition("Ready")[:2]) == ([], ("True", "Waking"))
        change = status_of(operator.cluster)["changes"][0]
        assert (change["from"], change["to"], change["reason"], change.get("by")) == (0, 5, "Woken", None)
        assert operator.condition("ConflictingScaler")[:2] == ("False", "SoleWriter")
        await operator.turn()
        assert operator.told() == []

    async def test_what_was_woken_stays_for_a_window(self) -> None:
        """The requests that it was made for are gone from the gateways when the first pods are ready."""
        window = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 120}}, "scaleToZero": {"idleSeconds": 600}}
        operator = await awake(scaling={**window, "scaleToZero": {"idleSeconds": 60}})
        await operator.until_asleep()
        operator.use(held=20)
        operator.wake(5)
        await operator.turn()
        woken_at = operator.now
        operator.serve(1, 2, 3, 4, 5)
        while operator.now - woken_at < 115:
            operator.use(in_flight=1)
            await operator.turn()
            assert (operator.draining(), operator.size) == (set(), 5)
        for _ in range(4):
            operator.use(in_flight=1)
            await operator.turn()
        assert len(operator.draining()) == 4

    async def test_what_is_held_at_zero_is_woken_by_the_operator_where_no_gateway_does(self) -> None:
        """As when they lack the right."""
        operator = await asleep()
        operator.use(held=3)
        await operator.turn()
        assert operator.sizes() == [1]
        await operator.turn()
        assert status_of(operator.cluster)["changes"][0]["reason"] == "Woken"

    async def test_a_wake_while_no_operator_was_there_is_adopted(self) -> None:
        """By the next one, from what the status says."""
        operator = await asleep()
        operator.use(held=1)
        operator.wake(2)
        operator.restart()
        await operator.turn()
        assert ("Woken" in operator.told(), operator.sizes()) == (True, [])

    async def test_a_restart_while_it_drains_is_no_wake(self) -> None:
        """Zero is what was decided then, and not what was."""
        operator = await awake()
        while not operator.draining():
            await operator.turn()
        operator.runs(1, 1.0)
        await operator.turn()
        operator.restart()
        for _ in range(3):
            await operator.turn()
            assert "Woken" not in operator.told()

    async def test_three_wakes_in_ten_minutes_are_no_rival(self) -> None:
        """However often a service sleeps and wakes."""
        operator = await asleep()
        for number in range(2, 6):
            operator.use(held=1)
            operator.wake(1)
            await operator.turn()
            operator.serve(number)
            operator.use()
            await operator.until_asleep()
        assert operator.condition("ConflictingScaler")[:2] == ("False", "SoleWriter")

    async def test_pods_that_get_ready_serve(self) -> None:
        """Waking, then Serving; neither is a warning."""
        operator = await asleep()
        operator.use(held=1)
        operator.wake(1)
        operator.cluster.have(PODS, pod("chat", 2, ready=False))
        await operator.turn()
        told = operator.told()
        operator.cluster.lose(PODS, (NAMESPACE, "chat-abc-2"))
        operator.serve(2)
        operator.use(in_flight=1)
        await operator.turn()
        assert operator.condition("Ready")[:2] == ("True", "Serving")
        assert "NotReady" not in told + operator.told()


class TestModes:
    """What the Service leads to, when the mode changes under traffic."""

    def selects(self, operator: WithGateways) -> str:
        """The value of the selector that tells pods from gateways."""
        value: str = operator.cluster.found(SERVICES, CHAT)["spec"]["selector"][SELECTS]
        return value

    async def test_a_new_service_leads_to_the_gateways_at_once(self) -> None:
        """There is no pod that anybody could miss."""
        assert self.selects(await awake("Gateway")) == "gateway"

    async def test_a_new_service_leads_to_its_pods_while_no_gateway_lives(self) -> None:
        """And to the gateways when they are there, and in its slice."""
        operator = WithGateways()
        operator.gateways = []
        operator.apply(sleepy())
        await operator.turn()
        operator.serve(1)
        await operator.turn()
        assert self.selects(operator) == "serving"
        operator.gateways = ["g-1"]
        await operator.turn()
        assert self.selects(operator) == "serving"
        await operator.turn()
        assert self.selects(operator) == "gateway"

    async def test_from_straight_to_gateway_the_slice_is_there_first(self) -> None:
        """For 5 s both lead to somebody who answers."""
        operator = await awake("Direct")
        operator.apply(sleepy("Gateway"), generation=5)
        await operator.turn()
        assert (self.selects(operator), operator.told_routing()["mode"]) == ("serving", "Gateway")
        while self.selects(operator) == "serving":
            operator.use()
            await operator.turn()
        assert operator.now - operator.slices[CHAT] >= 5

    async def test_from_gateway_to_straight_the_selector_comes_first(self) -> None:
        """The gateways stand by until Kubernetes has filled its own slice."""
        operator = await awake("Gateway")
        operator.apply(sleepy("Direct"), generation=5)
        written = await operator.turn()
        assert written.index("Service") < written.index("Status")
        assert (self.selects(operator), operator.told_routing()) == (
            "serving",
            {"mode": "Direct", "port": 10_000, "standby": True},
        )
        operator.use()
        await operator.turn()
        await operator.turn()
        assert operator.told_routing()["standby"] is False

    async def test_from_gateway_to_none(self) -> None:
        """The selector comes back, the port goes, and gateways are told that they have no part in it any more."""
        operator = await awake("Gateway")
        operator.apply({**LEAST, "routing": {"mode": "None"}}, generation=5)
        await operator.turn()
        assert self.selects(operator) == "serving"
        assert operator.told_routing() == {"mode": "None", "standby": False}
        assert "wakePlan" not in status_of(operator.cluster)
        assert operator.condition("Routed")[:2] == ("True", "NotRouted")

    async def test_it_never_flaps(self) -> None:
        """Gateways that come and go change nothing for a service that leads to them."""
        operator = await awake("Gateway")
        for gateways in ([], ["g-9"], [], ["g-1", "g-2"]):
            operator.gateways = gateways
            for _ in range(4):
                operator.use()
                assert "Service" not in await operator.turn()
        assert self.selects(operator) == "gateway"


class TestPorts:
    """One for each service."""

    def ports(self, operator: WithGateways, *names: str) -> list[Any]:
        """As statuses say."""
        return [operator.told_routing(name).get("port") for name in names]

    async def test_they_survive_a_restart(self) -> None:
        """In whatever order services are looked at."""
        operator = WithGateways()
        for name in "abc":
            operator.apply(sleepy(), name=name)
        await operator.turn()
        before = self.ports(operator, *"abc")
        assert sorted(before) == [10_000, 10_001, 10_002]
        operator.restart()
        await operator.turn()
        assert self.ports(operator, *"abc") == before

    async def test_when_all_are_in_use_the_next_service_goes_straight_to_its_pods(self) -> None:
        """It works, does not sleep, and says why; when one is free it gets it."""
        operator = WithGateways(ports=PortRange(first=10_000, last=10_000))
        operator.apply(sleepy(), name="a")
        await operator.turn()
        operator.apply(sleepy(), name="b")
        await operator.turn()
        assert self.ports(operator, "a", "b") == [10_000, None]
        assert operator.condition("Routed", "b")[:2] == ("False", "PortsExhausted")
        service = operator.cluster.found(SERVICES, (NAMESPACE, "b"))
        assert service["spec"]["selector"][SELECTS] == "serving"
        operator.apply({**LEAST, "routing": {"mode": "None"}}, name="a", generation=2)
        await operator.turn()
        await operator.turn()
        assert self.ports(operator, "a", "b") == [None, 10_000]

    async def test_a_target_has_none(self) -> None:
        """Its address is somebody else's, whatever the default says."""
        operator = WithGateways(default=RoutingMode.GATEWAY)
        operator.cluster.have(DEPLOYMENTS, foreign_deployment("legacy"))
        operator.apply(TARGETING, name="old")
        operator.apply(LEAST, name="new")
        await operator.turn()
        assert self.ports(operator, "old", "new") == [None, 10_000]
        assert operator.condition("Routed", "old")[:2] == ("True", "NotRouted")


class TestNames:
    """Two services that want to answer to one name at the shared address."""

    async def two(self, second: dict[str, Any]) -> WithGateways:
        """An older and a younger one."""
        operator = WithGateways()
        operator.apply({**sleepy(), "model": {"name": "m", "aliases": ["small"]}}, name="older")
        operator.apply(second, name="younger", creationTimestamp="2026-01-02T00:00:00Z")
        await operator.turn()
        await operator.turn()
        return operator

    @pytest.mark.parametrize("model", [{"name": "m"}, {"name": "small"}, {"name": "x", "aliases": ["small"]}])
    async def test_the_older_has_it_and_both_say_so(self, model: dict[str, Any]) -> None:
        """By name or by alias."""
        operator = await self.two({**sleepy(), "model": model})
        status, reason, message = operator.condition("Routed", "older")
        assert (status, reason, "default/younger" in message) == ("True", "ModelNameTaken", True)
        status, reason, message = operator.condition("Routed", "younger")
        assert (status, reason, "default/older, which is older" in message) == ("False", "ModelNameTaken", True)

    @pytest.mark.parametrize(
        "second",
        [
            {**sleepy(), "model": {"name": "other"}},
            {**sleepy(), "routing": {"mode": "Gateway", "shared": False}},
            {**LEAST, "routing": {"mode": "None"}},
        ],
        ids=["another name", "not shared", "mode None"],
    )
    async def test_who_does_not_want_it_is_in_nobodys_way(self, second: dict[str, Any]) -> None:
        """Nor is he told of it."""
        operator = await self.two(second)
        assert operator.condition("Routed", "older")[1] == "RoutedByGateway"
        assert operator.condition("Routed", "younger")[1] != "ModelNameTaken"

    async def test_when_the_older_goes_the_younger_has_it(self) -> None:
        """And needs nobody to write anything."""
        operator = await self.two({**sleepy(), "model": {"name": "m"}})
        operator.cluster.lose(INFERENCE_SERVICES, (NAMESPACE, "older"))
        await operator.turn()
        assert operator.condition("Routed", "younger")[1] == "RoutedByGateway"
