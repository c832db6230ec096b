"""A service that is run in several ways, as the loop takes it: what is written, and what is told."""

from pathlib import Path
from typing import Any

import pytest
from cluster_objects import NAMESPACE, foreign_deployment, profile, scaled
from cluster_objects import SCALER as SCALER_WRITER
from flights import decided_again
from recording_cluster import status_of
from variants_in_memory import CPU, SMALL, WithVariants, with_variants

from tidegate.cluster.resources import ACCELERATOR_PROFILES, DEPLOYMENTS, SERVICES
from tidegate.controller.recorder import Recorder, RecordingOptions

ONE = {"minReplicas": 1}
TWO_SMALL = {**SMALL, "minReplicas": 2}
ON_GPU = {"name": "gpu", "accelerator": {"profile": "l4"}}


async def running(*variants: dict[str, Any], turns: int = 8, **more: Any) -> WithVariants:
    """An operator with a service in which all is as it should be."""
    operator = WithVariants()
    operator.apply(with_variants(*variants, **{"scaling": ONE, **more}))
    operator.use(in_flight=1)
    await operator.run(turns)
    return operator


class TestBodies:
    """What there is of each variant."""

    async def test_each_has_a_deployment_of_its_own_and_they_share_one_service(self) -> None:
        """The first as large as that of any new service; the others have no pod until they are chosen."""
        operator = WithVariants()
        operator.apply(with_variants(SMALL, ON_GPU, scaling=ONE))
        operator.cluster.have(ACCELERATOR_PROFILES, profile())
        written = await operator.run(1)
        bodies = ["Deployment chat", "Service chat", "Deployment chat-cpu", "Deployment chat-gpu"]
        assert [each for each in written if each.startswith(("Deployment", "Service"))] == bodies
        assert [operator.sized(name) for name in ("chat", "chat-cpu", "chat-gpu")] == [1, 0, 0]
        small = operator.cluster.found(DEPLOYMENTS, CPU)
        assert small["spec"]["selector"]["matchLabels"] == {
            "inference.tidegate.dev/service": "chat",
            "inference.tidegate.dev/variant": "cpu",
        }
        assert small["spec"]["template"]["spec"]["containers"][0]["image"] == "l:1"

    async def test_one_more_variant_leaves_the_others_as_they_are(self) -> None:
        """No pod of theirs is restarted, and nothing of their Deployments is written."""
        operator = await running()
        before = operator.cluster.found(DEPLOYMENTS, (NAMESPACE, "chat"))
        operator.apply(with_variants(SMALL, scaling=ONE), generation=2)
        written = await operator.run(3)
        assert "Deployment chat-cpu" in written
        assert not {"Deployment chat", "Service chat", "Scale chat"} & set(written)
        assert operator.sized("chat-cpu") == 0
        assert operator.cluster.found(DEPLOYMENTS, (NAMESPACE, "chat"))["spec"] == before["spec"]

    async def test_a_variant_begins_with_as_many_as_it_must_have(self) -> None:
        """Its own minimum holds from the start."""
        operator = await running(TWO_SMALL, turns=1)
        assert operator.sized("chat-cpu") == 2


class TestBroken:
    """One variant that cannot be carried out does not stop the others."""

    async def test_a_variant_without_its_profile(self) -> None:
        """It is told by the path of the field, in the condition and beside the variant; the others run."""
        operator = await running(ON_GPU, TWO_SMALL)
        status, reason, message = operator.condition("SpecValid")
        assert (status, reason) == ("False", "UnknownProfile")
        assert message.startswith("spec.variants[name=gpu].accelerator.profile: there is no AcceleratorProfile 'l4'")
        assert operator.variant("gpu")["message"] == message
        assert (NAMESPACE, "chat-gpu") not in operator.store.deployments
        assert operator.sized("chat-cpu") == 2
        assert operator.variant("cpu")["readyReplicas"] == 2

    async def test_the_first_variant_without_its_profile(self) -> None:
        """The service has its address, and the other variant answers."""
        operator = await running(TWO_SMALL, accelerator={"profile": "l4"})
        assert operator.condition("SpecValid")[1] == "UnknownProfile"
        assert (NAMESPACE, "chat") in operator.store.services
        assert (NAMESPACE, "chat") not in operator.store.deployments
        assert operator.variant("cpu")["readyReplicas"] == 2

    async def test_a_name_that_is_taken(self) -> None:
        """Somebody else's Deployment of that name is left alone, and counts for nothing."""
        operator = WithVariants()
        operator.cluster.have(DEPLOYMENTS, foreign_deployment("chat-cpu", replicas=7))
        operator.apply(with_variants(SMALL, scaling=ONE))
        await operator.run(6)
        assert operator.condition("SpecValid")[1] == "NameTaken"
        assert operator.sized("chat-cpu") == 7
        assert status_of(operator.cluster)["replicas"] == 1

    async def test_without_gateways_only_the_first_is_run(self) -> None:
        """It is bound by all that bounds the service; the others wait, and it is said why."""
        operator = WithVariants(installed=False)
        operator.apply(with_variants(TWO_SMALL, scaling={"minReplicas": 3}))
        await operator.run(6)
        assert operator.condition("SpecValid")[1] == "VariantsNeedGateway"
        assert operator.sized("chat") == 3
        assert CPU not in operator.store.deployments
        assert "only the variant default is run" in operator.variant("cpu")["message"]


class TestTold:
    """The status of a service with variants."""

    async def test_all_are_counted_together_and_one_by_one(self) -> None:
        """Sizes add up; the selector takes the pods of all."""
        operator = await running(TWO_SMALL, turns=3)
        status = status_of(operator.cluster)
        assert (status["replicas"], status["readyReplicas"], status["desiredReplicas"]) == (3, 3, 3)
        assert status["selector"] == "inference.tidegate.dev/service=chat"
        assert [(each["name"], each["replicas"], each["costPerHour"]) for each in status["variants"]] == [
            ("default", 1, "1"),
            ("cpu", 2, "0.2"),
        ]
        assert operator.variant("default")["weight"] > operator.variant("cpu")["weight"]

    async def test_of_one_way_nothing_is_told_twice(self) -> None:
        """A service without variants has the status that it always had."""
        operator = await running()
        status = status_of(operator.cluster)
        assert "variants" not in status
        assert "variant=default" in status["selector"]

    async def test_at_rest_nothing_is_written(self) -> None:
        """Neither by the operator that has put it in order, nor by the next one."""
        without_price = {name: value for name, value in TWO_SMALL.items() if name != "costPerHour"}
        operator = await running(without_price, turns=150, costPerHour=None)
        assert await operator.run(20) == []
        operator.restart()
        assert await operator.run(20) == []

    async def test_each_pod_is_read_by_the_table_of_its_engine(self) -> None:
        """A page of llama.cpp read as one of vLLM would have no signals at all."""
        operator = await running(TWO_SMALL, turns=4)
        operator.pods.asked.clear()
        await operator.run(1)
        assert len(operator.pods.asked) == 3
        tables = {each.type for each in (operator.loop._states[NAMESPACE, "chat"].table,) if each}  # noqa: SLF001
        tables |= {each.table.type for each in operator.loop._states[NAMESPACE, "chat"].variants.values() if each.table}  # noqa: SLF001
        assert tables == {"vLLM", "llamaCpp"}


class TestSizes:
    """How the sizes change."""

    async def test_load_moves_to_what_is_cheaper_and_not_before_that_is_ready(self) -> None:
        """Two small ones that are ready anyway do the little work there is; the large one drains first."""
        operator = await running(TWO_SMALL, turns=3)
        written = await operator.run(150)
        assert (operator.sized("chat"), operator.sized("chat-cpu")) == (0, 2)
        assert written.index("Pod chat-abc-1") < written.index("Scale chat")
        change = status_of(operator.cluster)["changes"][0]
        assert (change["from"], change["to"], change["reason"]) == (3, 2, "ScaledDown")
        assert change["message"].startswith("default: 1 → 0")

    async def test_a_gateway_wakes_one_of_them(self) -> None:
        """It is listed as what it is, and the size is held for what it was made for."""
        operator = WithVariants()
        operator.apply(with_variants(SMALL))
        operator.use()
        for _ in range(60):
            await operator.run(1)
            if not operator.sized("chat") and not operator.sized("chat-cpu") and not operator.store.pods:
                break
        await operator.run(4)
        assert operator.condition("Ready")[1] == "ScaledToZero"
        assert status_of(operator.cluster)["wakePlan"]["deployment"] == "chat-cpu"
        operator.use(held=3)
        operator.cluster.have(DEPLOYMENTS, scaled(operator.cluster.found(DEPLOYMENTS, CPU), 2, SCALER_WRITER))
        await operator.run(4)
        change = next(each for each in status_of(operator.cluster)["changes"] if each["reason"] == "Woken")
        assert change["message"] == "0 → 2: a gateway holds requests, and has woken cpu"
        assert operator.sized("chat-cpu") == 2

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_a_variant_that_is_taken_out_of_the_spec(self, *, restarts: bool) -> None:
        """Its pods serve until others do, drain, and go; then its Deployment is deleted. So does a new operator."""
        operator = await running({**SMALL, "minReplicas": 3}, turns=150)
        operator.comes_up = False
        operator.apply(with_variants(scaling={"minReplicas": 3}), generation=2)
        if restarts:
            operator.restart()
        await operator.run(10)
        assert operator.sized("chat") >= 3
        assert operator.in_service() == 3
        assert "spec.variants no more" in operator.variant("cpu")["message"]
        operator.let_pods_start()
        written = []
        for _ in range(150):
            written += await operator.run(1)
            assert operator.in_service() >= 3
        assert CPU not in operator.store.deployments
        drained, lowered, deleted = (
            written.index(each) for each in ("Pod chat-cpu-abc-2", "Scale chat-cpu", "Delete chat-cpu")
        )
        assert drained < lowered < deleted
        assert "variants" not in status_of(operator.cluster)
        assert status_of(operator.cluster)["readyReplicas"] == 3

    async def test_somebody_elses_deployment_is_not_deleted(self) -> None:
        """Though its name begins with the service's."""
        operator = await running(SMALL)
        operator.cluster.have(DEPLOYMENTS, foreign_deployment("chat-other", replicas=0))
        operator.apply(with_variants(scaling=ONE), generation=2)
        written = await operator.run(8)
        assert "Delete chat-cpu" in written
        assert (NAMESPACE, "chat-other") in operator.store.deployments

    async def test_a_service_that_is_left_with_one_way_is_as_any_other(self) -> None:
        """Its Service and its Deployment are those that it had."""
        operator = await running(SMALL)
        service = operator.cluster.found(SERVICES, (NAMESPACE, "chat"))
        operator.apply(with_variants(scaling=ONE), generation=2)
        await operator.run(8)
        assert operator.cluster.found(SERVICES, (NAMESPACE, "chat")) == service
        assert "variant=default" in status_of(operator.cluster)["selector"]


async def test_what_was_decided_of_each_is_recorded_and_comes_out_the_same(tmp_path: Path) -> None:
    """Each variant's look stands alone: its share and what it is given are in it."""
    outcomes: list[str] = []
    with Recorder(RecordingOptions(directory=tmp_path, max_bytes=8 * 1024 * 1024), outcomes.append) as recorder:
        operator = WithVariants()
        operator.loop._record = recorder.take  # noqa: SLF001 - the loop was made without one
        operator.apply(with_variants(TWO_SMALL, scaling=ONE))
        await operator.run(20)
    again, recording = decided_again(tmp_path)
    assert recording.notes == []
    assert (again.differing, again.first) == (0, [])
    assert again.decisions == len(outcomes) >= 38
