"""A gateway's page with every series that rules and dashboards ask for, on the real clock; its counts are made up."""

import time
from collections.abc import Mapping

from cluster_objects import NAMESPACE

from tidegate.gateway.exporter import Exporter
from tidegate.gateway.picker.admin import EnvoyFigures
from tidegate.gateway.policy.counts import Durations, Report, ServiceCounts

KEY = (NAMESPACE, "chat")


class ScrapedGateway:
    """The gateways' exporter over counts that grow each time they are asked for."""

    def __init__(self) -> None:
        self._asked = 0
        self._cold_starts = Durations()
        self.exporter = Exporter(self._report, self._slice_since, self._figures, time.time)
        self.exporter.leader.set(1)
        self.exporter.members.set(1)

    def _slice_since(self) -> Mapping[tuple[str, str], float]:
        return {KEY: time.time()}

    async def _figures(self) -> EnvoyFigures:
        return EnvoyFigures(
            connections=2,
            requests=1,
            heap_bytes=2_000_000,
            listeners=3,
            listener_failures=0,
        )

    def _report(self) -> Report:
        self._asked += 1
        self._cold_starts.add(3.0)
        counts = ServiceCounts(
            requests_total=10 * self._asked,
            in_flight=4,
            held=1,
            oldest_held_seconds=0.5,
            held_bytes=2048,
            abandoned_total=self._asked,
            last_use=time.time(),
            slots=16,
            state="Warm",
            retries_total=self._asked,
            rejected={"PathUnknown": self._asked},
            wakes={"Woken": self._asked},
            responses={200: 9 * self._asked},
            cold_start=self._cold_starts,
        )
        return Report(
            services={KEY: counts},
            held=1,
            held_bytes=2048,
            held_bytes_limit=1_000_000,
            unrouted={"ModelUnknown": self._asked},
            mended=0,
            leaving=False,
        )
