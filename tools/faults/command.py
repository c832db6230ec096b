"""`python tools/faults`: the fault campaign, from a cluster to its tables."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from building import ToolsError
from faults.campaign import HOLD_SECONDS, Campaign
from faults.kinds import KINDS, Field
from faults.report import Findings, evidence_of_defects, not_answered, summary, table
from faults.verdict import Evidence, Verdict, around_time, duplicates, tally, verdict
from gateway_rig.client import Outcome
from gateway_rig.ground import adopted_api_server
from gateway_rig.program import raise_descriptor_limit
from gateway_rig.rig import Rig, rig
from gateway_rig.services import Shape

GATEWAYS = 2
STARTUP_SECONDS = 1.0
KUBELET_READY = "3s"
CYCLES, SERVICES, MINUTES = 1000, 128, 60.0


def main() -> int:
    """Run a campaign; 0 if it found nothing, 1 if it found a defect, 2 if it could not be run."""
    parser = argparse.ArgumentParser(
        description="Let services sleep and wake under random traffic while gateways, operator, engines and API server "
        "fail at random, and account for every request.",
        epilog="Faults: " + "; ".join(KINDS),
    )
    parser.add_argument("--cycles", type=int, default=CYCLES, help="of sleep and wake, in all (default: %(default)s)")
    parser.add_argument("--services", type=int, default=SERVICES, help="side by side (default: %(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="end after so many at the latest (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=None, help="of traffic and faults (default: drawn)")
    parser.add_argument("--only", action="append", choices=tuple(KINDS), help="this fault only; may be repeated")
    parser.add_argument("--logs", type=Path, help="keep logs and records in this directory (default: removed)")
    asked = parser.parse_args()
    raise_descriptor_limit()
    seed = asked.seed if asked.seed is not None else time.time_ns() % 1_000_000
    try:
        with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
            directory = asked.logs or Path(scratch)
            directory.mkdir(parents=True, exist_ok=True)
            findings = run(
                directory,
                cycles=asked.cycles,
                services=asked.services,
                limit_seconds=60 * asked.minutes,
                seed=seed,
                only=tuple(asked.only or KINDS),
                tell=lambda text: print(text, file=sys.stderr, flush=True),
            )
    except ToolsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(findings))
    print()
    print(summary(findings))
    if not findings.is_clean:
        print(f"\nDEFECTS:\n{evidence_of_defects(findings)}")
    return 0 if findings.is_clean else 1


def run(
    directory: Path,
    *,
    cycles: int,
    services: int,
    limit_seconds: float,
    seed: int,
    only: tuple[str, ...],
    tell: Callable[[str], None],
) -> Findings:
    """Run one campaign.

    Args:
        directory: For logs and records.
        cycles: How many are enough.
        services: How many there are.
        limit_seconds: After which it ends all the same.
        seed: Decides traffic and faults, though not when things happen to be ready.
        only: Names of the faults to draw from.
        tell: Takes a line on how far it is.

    Raises:
        ToolsError: The rig did not come up.
    """
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    with rig(directory, gateways=GATEWAYS, with_links=True, startup_seconds=STARTUP_SECONDS) as everything:
        api_server = adopted_api_server(everything.cluster, directory / "api-server.log")
        names = [f"service-{index:03}" for index in range(services)]
        shape = Shape(
            engine_port=everything.engines.port, kubelet_ready=KUBELET_READY, hold_timeout_seconds=HOLD_SECONDS
        )
        for name in names:
            everything.services.create(name, shape)
        ports = everything.ports(names)
        everything.services.wait_led(names, GATEWAYS)
        campaign = Campaign(
            rig=everything,
            breakable=Field(rig=everything, api_server=api_server, dice=dice),
            ports=ports,
            cycles_wanted=cycles,
            limit_seconds=limit_seconds,
            dice=dice,
            only=only,
            tell=tell,
        )
        try:
            asyncio.run(campaign.run())
            return _findings(everything, campaign, seed)
        finally:
            api_server.stop(1)


def _findings(everything: Rig, campaign: Campaign, seed: int) -> Findings:
    events = everything.engines.all_events()
    pods: dict[str, list[str]] = defaultdict(list)
    broken: dict[str, list[float]] = defaultdict(list)
    for when, event, address, identity in events:
        if event == "in":
            pods[identity].append(address)
        elif event == "gone":
            broken[address].append(when)
    evidence = Evidence(
        failures=campaign.failures,
        envoy_gone={gateway.index: tuple(gateway.envoy.gone) for gateway in everything.gateways},
        pod_broken=broken,
        pods=pods,
        hold_seconds=HOLD_SECONDS,
    )
    return Findings(
        seed=seed,
        services=len(campaign.ports),
        seconds=campaign.seconds,
        cycles=campaign.cycles.complete,
        slept=campaign.cycles.slept,
        woke=campaign.cycles.woke,
        failures=campaign.failures,
        counts=tally(campaign.accounts, evidence),
        defects=[each for each in campaign.accounts if verdict(each, evidence) is Verdict.DEFECT],
        doubled=duplicates(events),
        stuck_awake=campaign.stuck_awake,
        not_woken=not_answered(campaign.last_wakes),
        refusals=Counter(each.detail.split(":")[0] for each in campaign.accounts if each.outcome is Outcome.REFUSED),
        crashes=campaign.crashes,
        without_endpoint=[around_time(when, campaign.failures) for when, _ in campaign.without_endpoint],
    )
