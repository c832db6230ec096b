"""A service whose only pods drain, when requests come and nobody has the pods serve again."""

import asyncio

import pytest
from router_in_fake_time import CHAT, Stage, a_pod, a_service, an_end, in_fake_time, sent, soon

from tidegate.gateway.policy import WakeOutcome, WakeResult

DRAINS = a_pod(serving=False, draining=True)
AWAKE = WakeOutcome(result=WakeResult.ALREADY_AWAKE)


def test_a_pod_that_drains_takes_those_who_wait_once_nobody_else_will() -> None:
    """The operator is gone, the size is 1, and the last pod drains: to hold requests for ever would lose them."""

    async def story() -> None:
        stage = Stage()
        stage.outcomes = [AWAKE] * 50
        stage.put(a_service(), DRAINS)
        caller = stage.call()
        await asyncio.sleep(9)
        assert not caller.done()
        await asyncio.sleep(10)
        assert sent(caller).address == DRAINS.address
        next_caller = stage.call()
        await soon()
        assert sent(next_caller).address == DRAINS.address

    in_fake_time(story)


def test_an_operator_that_lives_is_waited_for() -> None:
    """It has the pod serve again, and nothing was lent."""

    async def story() -> None:
        stage = Stage()
        stage.outcomes = [AWAKE] * 50
        stage.put(a_service(), DRAINS)
        caller = stage.call()
        await asyncio.sleep(6)
        stage.put(a_service(), a_pod())
        await soon()
        stage.router.ended(an_end(sent(caller)))
        stage.put(a_service(), DRAINS)
        later = stage.call()
        await asyncio.sleep(9)
        assert not later.done()
        later.cancel()

    in_fake_time(story)


@pytest.mark.parametrize("result", [WakeResult.WOKEN, WakeResult.UNREACHABLE, WakeResult.CONFLICT])
def test_nothing_is_lent_while_pods_may_come(result: WakeResult) -> None:
    """Of a size that was 0 pods are on their way; of one that is not known nobody can tell."""

    async def story() -> None:
        stage = Stage()
        stage.outcomes = [WakeOutcome(result=result)] * 500
        stage.put(a_service(), DRAINS)
        caller = stage.call()
        await asyncio.sleep(60)
        assert not caller.done()
        caller.cancel()

    in_fake_time(story)


def test_what_was_lent_ends_with_the_pod() -> None:
    """It is deleted in the end, and the service sleeps."""

    async def story() -> None:
        stage = Stage()
        stage.outcomes = [AWAKE] * 50
        stage.put(a_service(), DRAINS)
        caller = stage.call()
        await asyncio.sleep(20)
        stage.router.ended(an_end(sent(caller)))
        stage.router.put_pods(CHAT, (a_pod(serving=False),))
        late = stage.call()
        await asyncio.sleep(1)
        assert not late.done()
        late.cancel()

    in_fake_time(story)
