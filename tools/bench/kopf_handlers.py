"""What each of kopf's kinds of handler costs: `python tools/bench kopf`.

ConfigMaps on a real control plane are given to an operator of one handler that does nothing. Measured is how long it
takes until the handler has seen all of them, what the operator costs when nothing happens afterwards, and how often it
has written to the API server, which nobody asked it to do.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import kopf
from fleet_cluster import create, own_cluster, writes_by_the_operator
from interruption import end_as_on_ctrl_c
from process_figures import footprint

from cluster import CONFIGURATION
from local_cluster import Cluster
from tidegate.cluster.connection import kopf_connection, load_configuration

AMOUNTS = (500, 1000, 2000)
SETTLE_SECONDS = 10.0
REST_SECONDS = 20.0

Seen = Callable[[str], None]


def event(registry: kopf.OperatorRegistry, seen: Seen) -> None:
    """What Tidegate uses."""

    @kopf.on.event("", "v1", "configmaps", registry=registry)
    async def handle(uid: str, **_: Any) -> None:
        seen(uid)


def index(registry: kopf.OperatorRegistry, seen: Seen) -> None:
    """Kopf's own store."""

    @kopf.index("", "v1", "configmaps", registry=registry)
    async def handle(uid: str, **_: Any) -> dict[str, None]:
        seen(uid)
        return {uid: None}


def change(registry: kopf.OperatorRegistry, seen: Seen) -> None:
    """The handlers that most operators are written with."""

    @kopf.on.resume("", "v1", "configmaps", registry=registry)
    @kopf.on.create("", "v1", "configmaps", registry=registry)
    async def handle(uid: str, **_: Any) -> None:
        seen(uid)


def timer(registry: kopf.OperatorRegistry, seen: Seen) -> None:
    """A look at every object every five seconds."""

    @kopf.timer("", "v1", "configmaps", interval=5, registry=registry)
    async def handle(uid: str, **_: Any) -> None:
        seen(uid)


def daemon(registry: kopf.OperatorRegistry, seen: Seen) -> None:
    """A task for each object."""

    @kopf.daemon("", "v1", "configmaps", registry=registry)
    async def handle(uid: str, stopped: kopf.DaemonStopped, **_: Any) -> None:
        seen(uid)
        await stopped.wait()


HANDLERS = {"on.event": event, "index": index, "on.create, on.resume": change, "timer": timer, "daemon": daemon}


async def operate(kubeconfig: str, name: str, namespace: str, amount: int) -> None:
    """Be an operator of one handler; say so when it has seen that many objects."""
    registry, settings, uids = kopf.OperatorRegistry(), kopf.OperatorSettings(), set()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True

    def seen(uid: str) -> None:
        uids.add(uid)
        if len(uids) == amount:
            print("seen", flush=True)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return await kopf_connection(await load_configuration(kubeconfig))

    HANDLERS[name](registry, seen)
    await kopf.operator(registry=registry, settings=settings, standalone=True, namespaces=[namespace])


def measure(cluster: Cluster, name: str, amount: int) -> None:
    """Measure one handler, in a namespace of its own, and print a line."""
    namespace = f"{list(HANDLERS).index(name)}-{amount}"
    create(cluster, "/api/v1/namespaces", [{"metadata": {"name": namespace}}])
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    # Each namespace comes with one of its own: a root certificate.
    create(cluster, path, [{"metadata": {"name": f"object-{index}"}, "data": {"a": "b"}} for index in range(1, amount)])
    writes, began = writes_by_the_operator(cluster), time.monotonic()
    command = [sys.executable, __file__, "--operate", str(cluster.kubeconfig), name, namespace, str(amount)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "seen\n":
                raise RuntimeError(f"the operator with {name} ended")
            seconds, filled = time.monotonic() - began, footprint(process.pid)
            time.sleep(SETTLE_SECONDS)
            before = footprint(process.pid)
            time.sleep(REST_SECONDS)
            after = footprint(process.pid)
        finally:
            process.terminate()
    cores = (after.cpu_seconds - before.cpu_seconds) / REST_SECONDS
    print(
        f"{name:24}{amount:8}{seconds:8.1f} s{filled.cpu_seconds:8.1f} s{cores:8.1%}"
        f"{after.highest_resident_mebibytes:8.0f} MiB{writes_by_the_operator(cluster) - writes:8}",
        flush=True,
    )


def main() -> None:
    """Measure all handlers with all amounts of objects."""
    end_as_on_ctrl_c()
    print(f"{'':24}{'objects':>8}{'all seen':>10}{'CPU time':>10}{'at rest':>8}{'memory':>12}{'writes':>8}", flush=True)
    with own_cluster(CONFIGURATION / "nodes.yaml") as cluster:
        for amount in AMOUNTS:
            for name in HANDLERS:
                measure(cluster, name, amount)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--operate"]:
        kubeconfig_file, handler, where, objects = sys.argv[2:]
        asyncio.run(operate(kubeconfig_file, handler, where, int(objects)))
    else:
        main()
