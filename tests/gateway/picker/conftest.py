"""A gateway for each test: Envoy, the picker, an engine, and what decides."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from running_envoy import RunningGateway, Script, running_gateway


@pytest.fixture
def script() -> Script:
    """Return what decides in this test."""
    return Script()


@pytest.fixture
async def gateway(tmp_path: Path, script: Script) -> AsyncIterator[RunningGateway]:
    """Run Envoy, the picker and an engine."""
    async with running_gateway(tmp_path, script.decide) as running:
        script.engine = running.engine
        yield running
