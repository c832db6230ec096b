from pathlib import Path

import pytest

from faults.command import run
from faults.kinds import KINDS
from faults.report import evidence_of_defects, summary, table

CYCLES, SERVICES, LIMIT_SECONDS, SEED = 20, 10, 90.0, 6


@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_a_short_campaign_loses_nothing_and_leaves_nobody_stuck(tmp_path: Path) -> None:
    """Asleep and awake again, while everything around them fails; every outcome is explained."""
    said: list[str] = []
    findings = run(
        tmp_path,
        cycles=CYCLES,
        services=SERVICES,
        limit_seconds=LIMIT_SECONDS,
        seed=SEED,
        only=tuple(KINDS),
        tell=said.append,
    )

    assert findings.is_clean, "\n".join([table(findings), summary(findings), evidence_of_defects(findings), *said])
    assert findings.woke >= SERVICES
    assert findings.failures
