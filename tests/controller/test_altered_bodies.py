"""Bodies that somebody else's admission webhook changes on their way into the cluster."""

from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE
from operator_under_test import OperatorUnderTest

from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import DEPLOYMENTS

CHAT = (NAMESPACE, "chat")
OTHER_IMAGE = {**LEAST, "engine": {"type": "vLLM", "image": "e:2"}}


def other_image(body: dict[str, Any]) -> None:
    """Rewrite images, as a registry mirror's webhook does."""
    if body["kind"] == "Deployment":
        body["spec"]["template"]["spec"]["containers"][0]["image"] = "mirror/e:1"


def other_selector(body: dict[str, Any]) -> None:
    """Rewrite the selector of Services."""
    if body["kind"] == "Service":
        body["spec"]["selector"] = {"app": "x"}


def narrower_selector(body: dict[str, Any]) -> None:
    """Add a label to the selector of Services."""
    if body["kind"] == "Service":
        body["spec"]["selector"]["team"] = "x"


def sidecar(body: dict[str, Any]) -> None:
    """Add a container, as meshes do."""
    if body["kind"] == "Deployment":
        body["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "p:1"})


def applies(operator: OperatorUnderTest, kind: str = "Deployment", *, dry_run: bool = False) -> int:
    """How many of the last turn's writes were applies of a kind."""
    return len([write for write in operator.cluster.writes if (write.kind, write.dry_run) == (kind, dry_run)])


async def given_up(change: Any = other_image) -> OperatorUnderTest:
    """An operator whose service's body has been changed three times, and which has said so."""
    operator = OperatorUnderTest()
    operator.cluster.alter = change
    operator.apply(LEAST)
    for _ in range(4):
        await operator.turn(after=1.0)
    operator.start_pods(1)
    await operator.turn(after=1.0)
    await operator.turn(after=1.0)
    assert operator.condition("SpecValid")[:2] == ("False", "NotConverging")
    return operator


@pytest.mark.parametrize(
    ("change", "kind"), [(other_image, "Deployment"), (other_selector, "Service"), (narrower_selector, "Service")]
)
async def test_it_is_applied_three_times_and_no_more(change: Any, kind: str) -> None:
    """The creation is the first of them."""
    operator = OperatorUnderTest()
    operator.cluster.alter = change
    operator.apply(LEAST)
    counts = []
    for _ in range(6):
        await operator.turn(after=1.0)
        counts.append(applies(operator, kind))
    assert counts == [1, 1, 1, 0, 0, 0]


async def test_the_fields_and_the_way_to_the_webhook_are_told() -> None:
    """Nobody can say which webhook it is: the API server records none. The pods serve all the same."""
    operator = await given_up()
    _, _, message = operator.condition("SpecValid")
    assert "Deployment was applied three times" in message
    assert "changes spec.template.spec.containers each time" in message
    assert "kubectl get mutatingwebhookconfigurations" in message
    assert "app.kubernetes.io/managed-by=tidegate" in message
    assert operator.condition("Ready")[0] == "True"


async def test_a_sidecar_is_nobodys_business() -> None:
    """Our fields are intact."""
    operator = OperatorUnderTest()
    operator.cluster.alter = sidecar
    operator.apply(LEAST)
    await operator.turn()
    operator.start_pods(1)
    await operator.settle()
    assert operator.condition("SpecValid")[:2] == ("True", "Accepted")
    assert await operator.turn() == []


async def test_then_nothing_is_written_while_dry_runs_ask_ever_more_seldom() -> None:
    """The webhook may be gone some day, and nothing else would tell."""
    operator = await given_up()
    asked, since = [], 0.0
    for _ in range(800):
        written = await operator.turn(after=1.0)
        assert set(written) <= {"Status"}
        since += 1.0
        if applies(operator, dry_run=True):
            asked.append(since)
            since = 0.0
    assert asked[1:] == [60.0, 300.0, 300.0]
    value = operator.exporter.registry.get_sample_value
    assert value("tidegate_api_writes_total", {"kind": "ApplyBody", "outcome": "Rehearsed"}) == 4


async def test_when_the_webhook_is_gone_it_is_healed_and_the_condition_clears() -> None:
    """At the next dry run."""
    operator = await given_up()
    operator.cluster.alter = lambda _: None
    written = [kind for _ in range(16) for kind in await operator.turn(after=1.0)]
    assert written.count("Deployment") == 1
    engine = operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["template"]["spec"]["containers"][0]
    assert engine["image"] == "e:1"
    assert operator.condition("SpecValid")[:2] == ("True", "Accepted")


async def test_another_spec_is_applied_at_once() -> None:
    """And is worth three applies of its own."""
    operator = await given_up()
    operator.apply(OTHER_IMAGE, generation=2)
    counts = []
    for _ in range(5):
        await operator.turn(after=1.0)
        counts.append(applies(operator))
    assert counts == [1, 1, 1, 0, 0]


async def test_a_restart_leaves_it_alone_and_says_the_same() -> None:
    """Nothing that is seen of a Deployment tells that a webhook has changed it; status and a dry run do.

    Of which body it was said is not known, so that the other one is applied once, as it is.
    """
    operator = await given_up()
    told = operator.condition("SpecValid")
    operator.restart()
    written = [kind for _ in range(5) for kind in await operator.turn(after=1.0)]
    assert [kind for kind in written if kind != "Status"] == ["Service"]
    assert operator.condition("SpecValid") == told


async def test_a_restart_after_the_webhook_is_gone_heals() -> None:
    """At once."""
    operator = await given_up()
    operator.cluster.alter = lambda _: None
    operator.restart()
    assert "Deployment" in await operator.turn()
    await operator.turn(after=11.0)
    assert operator.condition("SpecValid")[:2] == ("True", "Accepted")


async def test_a_webhook_that_is_down_meanwhile_is_told_as_what_it_is() -> None:
    """The refusal is newer, and mended first."""
    operator = await given_up()
    down = ClusterError(500, "InternalError", 'failed calling webhook "change.example.com": connection refused')
    operator.cluster.failures["Deployment"] = down
    for _ in range(17):
        await operator.turn(after=1.0)
    assert operator.condition("SpecValid")[1] == "RejectedByAPIServer"
    assert "change.example.com" in operator.condition("SpecValid")[2]
    operator.cluster.failures.clear()
    for _ in range(80):
        await operator.turn(after=1.0)
    assert operator.condition("SpecValid")[1] == "NotConverging"
