"""An operator that works only while it holds a Lease."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operator_process import OperatorProcess, running_operator

HANDOVER_SECONDS = 60
QUICK = ("--lease-duration-seconds=6", "--renew-deadline-seconds=4", "--retry-period-seconds=1")


@contextmanager
def electing_operator(
    namespace: str, kubeconfig: Path, log: Path, *, until_ready: bool = True
) -> Iterator[OperatorProcess]:
    """Run one for a namespace, with its Lease there, and shorter times than the usual ones."""
    lease = ("--leader-elect", "--lease-name=operators", f"--lease-namespace={namespace}")
    arguments = (f"--namespace={namespace}", *lease, *QUICK)
    with running_operator(kubeconfig, log, *arguments, until_ready=until_ready) as operator:
        yield operator
