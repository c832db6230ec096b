"""What the operator says while it cannot do its work, and how it waits."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import looptime
import pytest
from recording_cluster import UNREACHABLE
from structlog.testing import capture_logs

from tidegate.cluster.error import ClusterError
from tidegate.cluster.readiness import (
    AGAIN_SECONDS,
    GRANTED_AGAIN_SECONDS,
    MOST_RIGHTS,
    Readiness,
    wait_until_filled,
    wait_until_possible,
    watch_rights,
)
from tidegate.cluster.resources import AUTOSCALERS, DEPLOYMENTS, EVENTS, INFERENCE_SERVICES, WATCHED
from tidegate.cluster.rights import OPERATOR, Right, missing, needed

EVENTS_CREATE = Right("create", EVENTS)
AUTOSCALERS_LIST = Right("list", AUTOSCALERS)
RIGHTS = tuple(needed(OPERATOR, ()))
Story = Callable[[], Coroutine[Any, Any, None]]


class Account:
    """An account that lacks some rights, and an API server that may be away."""

    def __init__(self, *lacks: Right) -> None:
        self.lacks = set(lacks)
        self.failure: ClusterError | None = None
        self.looks = 0

    async def may(self, right: Right) -> bool:
        """Whether it has a right."""
        if self.failure:
            raise self.failure
        return right not in self.lacks

    async def look(self) -> None:
        """Read everything that is watched."""
        self.looks += 1


def in_fake_time(story: Story) -> None:
    """Run a story whose waits take no time."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0)) as runner:
        runner.run(story())


class TestRights:
    """What is asked for."""

    def test_everything_that_is_watched_is_read(self) -> None:
        """And each write is asked for by its own verb."""
        rights = {str(right) for right in needed(OPERATOR, ())}
        assert {f"{verb} {each.plural}" for each in WATCHED for verb in ("list", "watch")} <= {
            right.partition(".")[0].partition(" in ")[0] for right in rights
        }
        assert {"patch deployments.apps/scale in all namespaces", "create events in all namespaces"} <= rights
        assert "list acceleratorprofiles.inference.tidegate.dev" in rights

    def test_each_namespace_is_asked_about_and_what_lives_in_none_once(self) -> None:
        """Roles are given by namespace."""
        asked = [str(right) for right in needed(OPERATOR, ("a", "b"))]
        assert asked.count("patch services in namespace a") == asked.count("patch services in namespace b") == 1
        assert asked.count("watch acceleratorprofiles.inference.tidegate.dev") == 1
        assert len(asked) == len(set(asked))

    def test_the_question_is_a_self_subject_access_review(self) -> None:
        """About one verb."""
        question = Right("patch", DEPLOYMENTS, "scale", "a").question()
        assert question["kind"] == "SelfSubjectAccessReview"
        assert question["spec"]["resourceAttributes"] == {
            "verb": "patch",
            "group": "apps",
            "resource": "deployments",
            "subresource": "scale",
            "namespace": "a",
        }

    async def test_what_is_missing_is_listed(self) -> None:
        """All of it at once, so that it is mended at once."""
        assert await missing(Account(EVENTS_CREATE, AUTOSCALERS_LIST), RIGHTS) == [AUTOSCALERS_LIST, EVENTS_CREATE]


class TestWaiting:
    """Before the work begins."""

    def test_it_begins_at_once_where_nothing_is_missing(self) -> None:
        """And is ready when the store is filled."""

        async def story() -> None:
            readiness, account = Readiness(), Account()
            await wait_until_possible(readiness, account, account.look, RIGHTS)
            assert (asyncio.get_running_loop().time(), account.looks) == (0.0, 1)
            assert readiness.problem() == "the store is not filled yet"
            readiness.filled()
            assert readiness.problem() == ""

        in_fake_time(story)

    @pytest.mark.parametrize("obstacle", [AUTOSCALERS_LIST, UNREACHABLE])
    def test_it_waits_says_why_once_and_goes_on(self, obstacle: Right | ClusterError) -> None:
        """As long as it takes."""

        async def story() -> None:
            readiness, account = Readiness(), Account()
            if isinstance(obstacle, Right):
                account.lacks.add(obstacle)
                says = "may not list horizontalpodautoscalers.autoscaling in all namespaces: grant it in its Role"
            else:
                account.failure, says = obstacle, obstacle.message
            with capture_logs() as logs:
                waiting = asyncio.create_task(wait_until_possible(readiness, account, account.look, RIGHTS))
                await asyncio.sleep(100 * AGAIN_SECONDS + 1)
            assert not waiting.done()
            assert account.looks == 0
            assert says in readiness.problem()
            assert [entry["event"] for entry in logs if entry["event"] == "cannot begin"] == ["cannot begin"]
            account.lacks.clear()
            account.failure = None
            await asyncio.sleep(AGAIN_SECONDS)
            assert waiting.done()
            assert readiness.problem() == "the store is not filled yet"

        in_fake_time(story)

    def test_an_api_server_that_goes_away_while_the_store_is_filled_is_waited_for(self) -> None:
        """As one that is away from the start."""

        async def story() -> None:
            readiness, account = Readiness(), Account()
            failures = [UNREACHABLE, UNREACHABLE]

            async def fill() -> None:
                await asyncio.sleep(1)
                if failures:
                    raise failures.pop()

            waiting = asyncio.create_task(wait_until_filled(readiness, account, account.look, fill, RIGHTS))
            await asyncio.sleep(2)
            assert UNREACHABLE.message in readiness.problem()
            await asyncio.sleep(2 * AGAIN_SECONDS + 2)
            assert waiting.done()
            assert (readiness.problem(), readiness.is_filled, account.looks) == ("", True, 3)

        in_fake_time(story)

    def test_what_is_only_written_is_told_and_not_waited_for(self) -> None:
        """The rest of the work is done; ready it is when that can be done, too."""

        async def story() -> None:
            readiness, account = Readiness(), Account(EVENTS_CREATE)
            await wait_until_possible(readiness, account, account.look, RIGHTS)
            readiness.filled()
            assert "may not create events in all namespaces" in readiness.problem()
            watching = asyncio.create_task(watch_rights(readiness, account, RIGHTS))
            account.failure = UNREACHABLE
            await asyncio.sleep(GRANTED_AGAIN_SECONDS + 1)
            assert "create events" in readiness.problem()
            account.failure = None
            account.lacks.clear()
            await asyncio.sleep(GRANTED_AGAIN_SECONDS)
            assert readiness.problem() == ""
            assert watching.done()

        in_fake_time(story)


def test_an_account_without_any_role_is_told_in_one_line() -> None:
    """Not in thirty verbs."""
    readiness = Readiness()
    readiness.filled()
    lacks = list(needed(OPERATOR, ("a", "b")))
    readiness.lacks(lacks)
    assert f" and {len(lacks) - MOST_RIGHTS} more: grant it" in readiness.problem()
    assert f"list inferenceservices.{INFERENCE_SERVICES.group} in namespace a" in readiness.problem()
