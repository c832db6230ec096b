"""How long a handover takes: `python tools/bench handover`.

Two operators share a Lease with the default times on a real control plane. The one that leads gets a signal, at any
moment between two renewals; measured is the time until the Lease names the other one, and from then to its first turn.
"""

import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fleet_cluster import fleet_cluster
from interruption import end_as_on_ctrl_c
from operator_process import OPERATOR, OperatorProcess, operator_process

from local_cluster import Cluster

SIGNALS = (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP)
RENEWAL_SECONDS = 2.0
LONGEST_SECONDS = 60.0


def main() -> None:
    """Measure and print."""
    end_as_on_ctrl_c()
    rounds = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as name, fleet_cluster(1, Path(name)) as cluster:
        for number in SIGNALS:
            took = [_handover(cluster, Path(name), number, f"{number.name.lower()}-{index}") for index in range(rounds)]
            leads, turns = ([each[part] for each in took] for part in (0, 1))
            print(
                f"{number.name}: {min(leads):4.1f} to {max(leads):4.1f} s until the Lease names another holder, "
                f"{min(turns):.1f} to {max(turns):.1f} s more to its first turn",
                flush=True,
            )


def _handover(cluster: Cluster, directory: Path, number: signal.Signals, lease: str) -> tuple[float, float]:
    """Seconds from the signal to another holder, and from there to its first turn."""
    program = (*OPERATOR, "--leader-elect", f"--lease-name={lease}", "--lease-namespace=default")
    with (
        operator_process(program, cluster.kubeconfig, directory / f"{lease}-one.log") as one,
        operator_process(program, cluster.kubeconfig, directory / f"{lease}-two.log") as two,
    ):
        _wait(lambda: _leads(one) or _leads(two))
        leader, follower = (one, two) if _leads(one) else (two, one)
        follower.wait_until_ready()
        holder, turns = _holder(cluster, lease), _turns(follower)
        time.sleep(RENEWAL_SECONDS * random.uniform(1, 2))  # noqa: S311 - a moment, not a secret
        began = time.monotonic()
        leader.process.send_signal(number)
        try:
            _wait(lambda: _holder(cluster, lease) not in {holder, ""})
            named = time.monotonic()
            _wait(lambda: _turns(follower) > turns)
            return named - began, time.monotonic() - named
        finally:
            leader.process.send_signal(signal.SIGCONT)  # So that one that stands still can be told to end.


def _wait(condition: Callable[[], bool]) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: It took longer than any handover may.
    """
    deadline = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no handover within {LONGEST_SECONDS:g} s")
        time.sleep(0.02)


def _holder(cluster: Cluster, lease: str) -> str:
    found = cluster.api_server().get(f"/apis/coordination.k8s.io/v1/namespaces/default/leases/{lease}").document
    return str(found.get("spec", {}).get("holderIdentity", ""))


def _leads(operator: OperatorProcess) -> bool:
    operator.wait_until_ready()
    return operator.totals()["tidegate_leader"] == 1.0


def _turns(operator: OperatorProcess) -> float:
    return operator.totals()["tidegate_tick_duration_seconds_count"]


if __name__ == "__main__":
    main()
