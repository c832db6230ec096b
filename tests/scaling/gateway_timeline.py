"""A service behind gateways on a timeline: they count what arrives, hold it while no pod is ready, and may be lost."""

from dataclasses import dataclass, field
from typing import Self

from timeline import START, Timeline

from tidegate.scaling.gateway_traffic import GatewaySample, GatewayTraffic
from tidegate.scaling.observation import Observation


@dataclass(slots=True)
class Gateway:
    """One gateway process."""

    name: str
    started: float
    requests: int = 0
    held: int = 0
    abandoned: int = 0
    last_use: float = 0.0
    answers: bool = True

    def use(self, now: float) -> None:
        """A request has arrived."""
        self.requests += 1
        self.last_use = now


@dataclass(slots=True)
class GatewayTimeline(Timeline):
    """Requests arrive at the gateways in turn."""

    gateways: list[Gateway] = field(default_factory=lambda: [Gateway("a", START), Gateway("b", START)])
    carries_all: bool = True
    silent: bool = False
    """Whether the engine shows no metrics."""

    def route(self) -> None:
        """One request arrives at a gateway, which hands it on, or holds it."""
        gateway = self.gateways[self.arrived % len(self.gateways)]
        if self.ready:
            if self.carries_all:
                gateway.use(self.now)
            Timeline.route(self)
            return
        self.arrived += 1
        gateway.use(self.now)
        gateway.held += 1

    def serve(self, seconds: float) -> None:
        """What was held is handed on as soon as a pod is ready."""
        Timeline.serve(self, seconds)
        if self.ready:
            for gateway in self.gateways:
                while gateway.held:
                    gateway.held -= 1
                    min(self.ready, key=lambda pod: len(pod.waiting) + len(pod.running)).receive(self.now)

    def clients_leave(self) -> Self:
        """All who wait give up."""
        for gateway in self.gateways:
            gateway.abandoned += gateway.held
            gateway.held = 0
        return self

    def silence_gateway(self, index: int = 0) -> Self:
        """One gateway lives, and cannot be read."""
        self.gateways[index].answers = False
        return self

    def restart_gateway(self, index: int = 0) -> Self:
        """One gateway is a new process that remembers nothing, and can be read."""
        self.gateways[index] = Gateway(self.gateways[index].name, self.now)
        return self

    def observation(self) -> Observation:
        """The service as the rule sees it, gateways included."""
        in_flight = sum(len(pod.waiting) + len(pod.running) for pod in self.pods) if self.carries_all else 0
        samples = tuple(
            GatewaySample(
                gateway=gateway.name,
                time=self.now,
                requests=gateway.requests,
                in_flight=in_flight if gateway is self.gateways[0] else 0,
                held=gateway.held,
                abandoned=gateway.abandoned,
                last_use=max(gateway.started, gateway.last_use),
            )
            for gateway in self.gateways
            if gateway.answers
        )
        self.facts = {
            **self.facts,
            "gateway": GatewayTraffic(
                samples=samples,
                complete=bool(samples) and len(samples) == len(self.gateways),
                carries_all=self.carries_all,
            ),
            "engine_is_silent": self.silent,
        }
        return Timeline.observation(self)
