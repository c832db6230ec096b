"""What a fleet at rest costs the operator: `python tools/bench --fleet SERVICES`.

A real control plane gets so many services of two pods each, which the operator itself brings into being. Then it is
started anew, looked at from outside (/proc) until it has been at rest for a minute, once with pages that it does not
have to fetch and once reading all pods: one process answers for them with a page of 100 KB. Its writes are those that
the API server has logged. 500 services take 4 minutes on 2 cores, 5,000 half an hour.
"""

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fleet_cluster import PODS_PER_SERVICE, create_services, fleet_cluster, writes_by_the_operator
from interruption import end_as_on_ctrl_c
from operator_process import OPERATOR, OPERATOR_WITHOUT_SCRAPING, OperatorProcess, operator_process
from pod_server import idle_page, pods

from local_cluster import Cluster

TICK_SECONDS = 5.0
SETTLE_SECONDS = 75.0
"""From its start until it rests: services that rest for a minute are read every half minute only."""

REST_TICKS = 12
QUIET_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Rest:
    """What an operator cost from its start to the end of a minute at rest."""

    ready_seconds: float
    ready_cpu_seconds: float
    tick_cpu_milliseconds: list[float]
    resident_mebibytes: float
    highest_mebibytes: float
    writes: int
    pages_per_second: float


def main() -> None:
    """Measure and print."""
    end_as_on_ctrl_c()
    services = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as name, pods(idle_page()) as port:
        directory = Path(name)
        with fleet_cluster(services, directory) as cluster:
            began = time.monotonic()
            create_services(cluster, services, metrics_port=port)
            _bring_up(cluster, services, directory)
            up_seconds = time.monotonic() - began
            writes = writes_by_the_operator(cluster)
            bare = _rest(cluster, OPERATOR_WITHOUT_SCRAPING, directory)
            reading = _rest(cluster, OPERATOR, directory)
    _print(services, up_seconds, writes, bare, reading)


def _bring_up(cluster: Cluster, services: int, directory: Path) -> None:
    """Let the operator create everything, until all pods are ready and it has written nothing for a while.

    Raises:
        RuntimeError: It took too long.
    """
    deadline = time.monotonic() + 300 + services
    with operator_process(OPERATOR_WITHOUT_SCRAPING, cluster.kubeconfig, directory / "up.log") as operator:
        operator.wait_until_ready()
        ready, writes = 0.0, -1
        while ready < services * PODS_PER_SERVICE or writes != (writes := writes_by_the_operator(cluster)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{ready:g} pods are ready; see {operator.log.read_text()[-2000:]}")
            time.sleep(QUIET_SECONDS)
            ready = operator.totals().get("tidegate_ready_replicas", 0.0)
            _tell(f"{ready:g} of {services * PODS_PER_SERVICE} pods are ready")


def _rest(cluster: Cluster, program: tuple[str, ...], directory: Path) -> Rest:
    """Start an operator on a fleet that needs nothing."""
    writes = writes_by_the_operator(cluster)
    with operator_process(program, cluster.kubeconfig, directory / "rest.log") as operator:
        ready_seconds = operator.wait_until_ready()
        ready_cpu_seconds = operator.footprint().cpu_seconds
        _tell(f"store filled after {ready_seconds:.1f} s; resting")
        time.sleep(SETTLE_SECONDS)
        pages = operator.totals().get("tidegate_scrapes_total", 0.0)
        ticks = _tick_costs(operator)
        last = operator.footprint()
        pages = operator.totals().get("tidegate_scrapes_total", 0.0) - pages
        return Rest(
            ready_seconds=ready_seconds,
            ready_cpu_seconds=ready_cpu_seconds,
            tick_cpu_milliseconds=ticks,
            resident_mebibytes=last.resident_mebibytes,
            highest_mebibytes=last.highest_resident_mebibytes,
            writes=writes_by_the_operator(cluster) - writes,
            pages_per_second=pages / (REST_TICKS * TICK_SECONDS),
        )


def _tick_costs(operator: OperatorProcess) -> list[float]:
    """CPU milliseconds of a minute's ticks."""
    time.sleep(1)  # The answer to the last question is not to be counted.
    began, before, costs = time.monotonic(), operator.footprint().cpu_seconds, []
    for tick in range(1, REST_TICKS + 1):
        time.sleep(max(0.0, began + tick * TICK_SECONDS - time.monotonic()))
        now = operator.footprint().cpu_seconds
        costs.append(1000 * (now - before))
        before = now
    return costs


def _print(services: int, up_seconds: float, writes: int, bare: Rest, reading: Rest) -> None:
    every = services * PODS_PER_SERVICE
    print(f"{services} services, {every} pods, {3 * services + every} objects")
    _line("created and ready", f"{up_seconds:.0f} s", f"{writes / services:.1f} writes for each service")
    _line("store filled", f"{bare.ready_seconds:.1f} s", f"{bare.ready_cpu_seconds:.1f} s of CPU time")
    for name, rest in (("without reading pods", bare), (f"reading {reading.pages_per_second:.0f} pages/s", reading)):
        print(f"at rest, {name}")
        ticks = rest.tick_cpu_milliseconds
        spread = f"least {min(ticks):.0f}, most {max(ticks):.0f}"
        _line("  CPU time of a tick", f"{statistics.mean(ticks):.0f} ms", spread)
        _line("  memory", f"{rest.resident_mebibytes:.0f} MiB", f"most ever {rest.highest_mebibytes:.0f}")
        _line("  writes since its start", f"{rest.writes}", "")


def _line(what: str, figure: str, note: str) -> None:
    print(f"{what:30}{figure:>10}    {note}".rstrip())


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
