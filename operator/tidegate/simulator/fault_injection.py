"""Makes the faults of a replay happen, each at its time."""

from heapq import heapify, heappop, heappush
from math import inf, isnan
from random import Random

from .request import Request
from .trace import TraceRequest
from .trouble import Fault, Trouble
from .virtual_pods import VirtualPod, VirtualPods

RETRY_SECONDS = 1.0
"""How soon it is tried again to slow down a replica, where none is ready."""


class FaultInjection:
    """The faults of one replay, on its pods and its clients.

    Every request is asked of it, every scrape, and it acts at `next_time`. Without faults it draws no random numbers
    and is never due.
    """

    __slots__ = ("_deadlines", "_pods", "_random", "_sent", "_slow", "_times", "_trouble", "next_time")

    def __init__(self, trouble: Trouble, pods: VirtualPods, seed: int) -> None:
        self._trouble = trouble
        self._pods = pods
        self._random = Random(f"{seed} scrapes")  # noqa: S311 - a simulation; its own, so that routing stays as it is
        self._slow: dict[Fault, VirtualPod | None] = dict.fromkeys(trouble.slow_replicas())
        self._times = [time for fault in trouble.faults for time in (fault.begin_seconds, fault.end_seconds)]
        heapify(self._times)
        self._deadlines: list[tuple[float, int, Request]] = []
        self._sent = 0
        self.next_time = inf
        """When to `act` next; infinity for never."""
        self._set_next_time()

    def request(self, asked: TraceRequest) -> Request:
        """The request as it is sent; from then on its client waits."""
        if not self._trouble.faults:  # Of the time of a replay without faults the questions below are a tenth.
            return Request(asked.prompt_tokens, asked.output_tokens)
        now = asked.time_seconds
        sent = self._trouble.as_sent(asked, self._pods.context_tokens)
        cached_tokens = int(sent.prompt_tokens * self._trouble.cached_share(now))
        request = Request(sent.prompt_tokens, sent.output_tokens, cached_tokens=cached_tokens)
        if (patience_seconds := self._trouble.patience_seconds(now)) < inf:
            self._sent += 1
            heappush(self._deadlines, (now + patience_seconds, self._sent, request))
            self._set_next_time()
        return request

    def scrape_fails(self, time: float) -> bool:
        """Whether the scrape of one pod at this time fails."""
        return self._trouble.scrape_fails(time, self._random)

    def act(self, time: float) -> None:
        """Do what is due; the pods have been advanced to this time."""
        while self._deadlines and self._deadlines[0][0] <= time:
            request = heappop(self._deadlines)[2]
            if isnan(request.first_token):
                self._pods.abort(request, time)
        if self._times and self._times[0] <= time:
            while self._times and self._times[0] <= time:
                heappop(self._times)
            self._pods.set_nodes(self._trouble.nodes(time), time, self._trouble.without_room(time))
            for fault in self._slow:
                self._slow_down(fault, time)
        self._set_next_time()

    def _slow_down(self, fault: Fault, time: float) -> None:
        """Make one replica slow when the fault begins, the oldest that is well, and mend it when the fault ends."""
        pod = self._slow[fault]
        if pod is None and time in fault:
            well = [each for each in self._pods.ready if each not in self._slow.values()]
            if not well:
                heappush(self._times, time + RETRY_SECONDS)
                return
            self._slow[fault] = well[0]
            self._pods.slow_down(well[0], fault.value, time)
        elif pod is not None and time not in fault:
            self._slow[fault] = None
            self._pods.slow_down(pod, 1.0, time)

    def _set_next_time(self) -> None:
        deadline = self._deadlines[0][0] if self._deadlines else inf
        self.next_time = min(deadline, self._times[0] if self._times else inf)
