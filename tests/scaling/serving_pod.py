"""A pod that serves requests, simple enough to predict by hand: so many at once, so many seconds each."""

from dataclasses import dataclass, field

from tidegate.scaling.sample import SIGNAL_NAMES, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What requests are like, and what a pod makes of them."""

    slots: int = 8
    """Requests that one pod works on at once."""

    seconds: float = 4.0
    """How long each takes: a pod finishes `slots / seconds` requests per second at most."""

    step_seconds: float = 0.02
    """How long a step of the engine takes, however many requests are in it: 4 seconds are 200 tokens."""

    prompt_tokens: float = 800.0
    output_tokens: float = 200.0
    work: float = 1.0
    """Work units of one request, where work is not counted in tokens."""

    patience_seconds: float = float("inf")
    """A client leaves the queue after this long."""


@dataclass(slots=True, eq=False)
class Served:
    """One request, equal to no other."""

    arrived: float
    started: float | None = None


@dataclass(slots=True)
class ServingPod:
    """One pod. Its counters are those of an engine that counts everything; a timeline shows only some of them."""

    uid: str
    ready_at: float
    created: float = 0.0
    waiting: list[Served] = field(default_factory=list)
    running: list[Served] = field(default_factory=list)
    counters: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Count from zero."""
        self.restart(self.ready_at)

    def restart(self, ready_at: float) -> None:
        """The container starts anew: what it held is lost, and every counter is zero again."""
        self.ready_at = ready_at
        self.waiting, self.running = [], []
        self.counters = dict.fromkeys(SIGNAL_NAMES, 0.0)

    def receive(self, time: float) -> None:
        """A request arrives."""
        self.waiting.append(Served(time))
        self.counters["requests_received"] += 1

    def serve(self, load: Load, start: float, seconds: float) -> None:
        """Work for a while: finish, give up, start, generate."""
        end = start + seconds
        counters = self.counters
        counters["steps"] += seconds / load.step_seconds if self.running else 0.0
        for request in self.running:
            worked = min(end, request.started + load.seconds) - start
            counters["generated_tokens"] += load.output_tokens * worked / load.seconds
        finished = [request for request in self.running if request.started + load.seconds <= end]
        left = [request for request in self.waiting if request.arrived + load.patience_seconds <= end]
        self.running = [request for request in self.running if request not in finished]
        if left:
            self.waiting = [request for request in self.waiting if request not in left]
        counters["requests_finished"] += len(finished)
        counters["requests_ended"] += len(finished) + len(left)
        counters["work_done"] += len(finished) * load.work
        while self.waiting and len(self.running) < load.slots:
            request = self.waiting.pop(0)
            request.started = end
            self.running.append(request)
            counters["first_tokens"] += 1
            counters["prompt_tokens"] += load.prompt_tokens

    def sample(self, time: float, load: Load, signals: tuple[str, ...]) -> Sample:
        """What its metrics page says, as far as `signals` goes."""
        gauges = {
            "waiting": float(len(self.waiting)),
            "running": float(len(self.running)),
            "kv_usage": len(self.running) / load.slots,
        }
        values = self.counters | gauges
        return Sample(time=time, **{name: values[name] for name in signals})
