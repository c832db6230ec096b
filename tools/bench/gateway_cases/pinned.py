"""A service of a fixed size whose pods are the source of tokens, behind one gateway."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway_rig.rig import Rig, free_engine_port, rig
from gateway_rig.services import Shape
from gateway_rig.token_stream import source

SERVICE = "streams"


@contextmanager
def pinned_service(
    directory: Path,
    pods: int,
    *,
    gateway_cpu: int | None = None,
    other_cpu: int | None = None,
    max_sequences: int = 256,
) -> Iterator[tuple[Rig, list[str], int]]:
    """Bring it up.

    Args:
        directory: For logs.
        pods: How many.
        gateway_cpu: The only CPU of Envoy and picker; None for any.
        other_cpu: The only CPU of all else; None for any.
        max_sequences: Of each pod.

    Yields:
        The rig, the pods' addresses with their port, and the service's port on the gateway.
    """
    with rig(directory, gateway_cpu=gateway_cpu, other_cpu=other_cpu) as everything:
        if other_cpu is not None:
            for pid in everything.cluster.components().values():
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), {other_cpu})
        port = free_engine_port(first=9000)
        tokens = source(directory, port, other_cpu)
        tokens.start()
        try:
            shape = Shape(engine_port=port, replicas=pods, max_replicas=max(4, pods), max_sequences=max_sequences)
            everything.services.create(SERVICE, shape)
            everything.services.wait_ready(SERVICE, pods)
            gateway_port = everything.ports([SERVICE])[SERVICE]
            time.sleep(2)  # The gateway sees the last pod, too.
            yield everything, [f"{address}:{port}" for address in everything.services.ready_pods(SERVICE)], gateway_port
        finally:
            tokens.stop()
