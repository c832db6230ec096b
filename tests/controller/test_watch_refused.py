"""What is said when the API server refuses to go on with a watch."""

import asyncio
from typing import Any

import kopf
import pytest

from tidegate.cluster.error import ClusterError
from tidegate.cluster.feed import watch
from tidegate.controller.store import Store


class RefusedError(Exception):
    """What kopf raises: the answer's status and text, without the address that was asked."""

    status = 404


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (ValueError("404, url='https://a/apis/b/inferenceservices?watch=true'"), "a/apis/b/inferenceservices?watch"),
        (None, "404 page not found"),
    ],
)
def test_a_watch_that_is_refused_names_the_kind_and_what_may_have_gone(
    monkeypatch: pytest.MonkeyPatch, cause: Exception | None, says: str
) -> None:
    """The command prints the one line and ends; kopf's own error has neither the kind nor a way out."""

    async def refuse(**_: Any) -> None:
        raise RefusedError("404 page not found") from cause

    monkeypatch.setattr(kopf, "operator", refuse)
    with pytest.raises(ClusterError, match="was a CustomResourceDefinition deleted") as refused:
        asyncio.run(watch(Store(), None, (), asyncio.Event()))
    assert refused.value.status == 404
    assert says in str(refused.value)
