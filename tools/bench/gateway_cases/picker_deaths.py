"""The picker killed again and again under streams: none may be cut, and what is new is refused cleanly or held."""

import time
from pathlib import Path

from bench.gateway_cases.figures import Figure, times
from bench.gateway_cases.pinned import pinned_service
from gateway_rig.token_stream import Streams, sink

DEATHS = 20
PAUSE_SECONDS = 3.0
DEAD_SECONDS = 0.3
"""What a kubelet takes at least to start a container again; it backs off to minutes when one dies too often."""

STREAMS = Streams(streams=256, rate=10, tokens=150, seconds=DEATHS * (PAUSE_SECONDS + DEAD_SECONDS) + 5, again=True)


def measure(directory: Path) -> list[Figure]:
    """Kill it, and count."""
    with pinned_service(directory, 4) as (everything, _, port):
        gateway = everything.gateways[0]
        running = sink([f"{gateway.address}:{port}"], STREAMS)
        time.sleep(3)
        back = []
        for _ in range(DEATHS):
            gateway.picker.kill()
            time.sleep(DEAD_SECONDS)
            began = time.monotonic()
            gateway.picker.start()
            gateway.wait_ready()
            back.append(time.monotonic() - began)
            time.sleep(max(0.0, PAUSE_SECONDS - back[-1]))
        seen = running.figures()
    return [
        Figure("times that the picker was killed", str(DEATHS), "20"),
        Figure("streams that were complete", str(seen["complete"])),
        Figure("streams cut", str(seen["cut"]), "0"),
        Figure("requests lost without an answer", str(seen["lost"]), "0"),
        Figure("requests refused meanwhile", str(seen["refused"])),
        Figure("  of these without Retry-After", str(seen["refusedWithoutRetryAfter"]), "0"),
        times("picker started -> ready", back),
    ]
