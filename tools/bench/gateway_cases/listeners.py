"""How many services a gateway carries: what one more listener weighs in Envoy, and how soon it takes connections."""

import time
from pathlib import Path

from bench.gateway_cases.figures import Figure
from bench.process_figures import footprint
from gateway_rig.gateway import listens
from gateway_rig.program import TIDEGATE, Program
from tidegate.api.routing import FIRST_GATEWAY_PORT
from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.listener_file import ListenerFile

COUNTS = (0, 1000, 2000)
ADDRESS = "127.31.0.1"
SHARED_PORT = 8898
SETTLE_SECONDS = 3.0
MEBIBYTES_PER_GIBIBYTE = 1024


def measure(directory: Path) -> list[Figure]:
    """Add listeners to an Envoy that carries no request; no cluster is needed for that."""
    shared = directory / "envoy"
    command = (*TIDEGATE, "envoy", "--directory", str(shared), "--listen-host", ADDRESS, f"--shared-port={SHARED_PORT}")
    envoy = Program(name="Envoy", command=command, log=directory / "envoy.log")
    file = ListenerFile(Directory(shared), shared_port=SHARED_PORT, listen_host=ADDRESS)
    envoy.start()
    try:
        envoy.wait_until(lambda: listens(ADDRESS, SHARED_PORT))
        memory = [_with(envoy, file, count) for count in COUNTS]
        began = time.monotonic()
        file.write(_ports(COUNTS[-1] + 1))
        envoy.wait_until(lambda: listens(ADDRESS, FIRST_GATEWAY_PORT + COUNTS[-1]), 120)
        added_seconds = time.monotonic() - began
    finally:
        envoy.stop()
    each = (memory[-1] - memory[0]) / COUNTS[-1]
    return [
        Figure(
            "memory of Envoy with " + ", ".join(map(str, COUNTS)) + " services",
            ", ".join(f"{m:.0f}" for m in memory) + " MiB",
        ),
        Figure("a listener", f"{each:.3f} MiB"),
        Figure("listeners per GiB", f"{MEBIBYTES_PER_GIBIBYTE / each:.0f}"),
        Figure(f"one more, written -> takes connections, beside {COUNTS[-1]}", f"{1000 * added_seconds:.0f} ms"),
    ]


def _with(envoy: Program, file: ListenerFile, count: int) -> float:
    """Memory with so many services, in MiB."""
    file.write(_ports(count))
    if count:
        envoy.wait_until(lambda: listens(ADDRESS, FIRST_GATEWAY_PORT + count - 1), 120)
    time.sleep(SETTLE_SECONDS)
    return footprint(envoy.pid).resident_mebibytes


def _ports(count: int) -> dict[tuple[str, str], int]:
    return {("bench", f"service-{index}"): FIRST_GATEWAY_PORT + index for index in range(count)}
