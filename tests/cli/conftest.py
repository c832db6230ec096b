"""The fixture `started`: `tidegate operator` up to the point where it would run."""

import pytest

from tidegate.controller import operator as controller
from tidegate.controller.operator import Options


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """What operators were started with; none of them runs."""
    options: list[Options] = []

    async def run(given: Options) -> None:
        options.append(given)

    monkeypatch.setattr(controller, "run", run)
    monkeypatch.setattr("tidegate.controller.logs.configure_logs", lambda *_: None)
    return options
