"""What is replayed, as tables: loads, seeds, routings and faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tidegate.simulator.models import MODELS
from tidegate.simulator.replay import SetUp
from tidegate.simulator.trouble import parse_fault

TRACES = Path(__file__).resolve().parents[3] / "examples" / "traces"
MODEL = "rtx4090"
METRICS_DELAY_SECONDS = 15.0
"""How old metrics are when a policy sees them: the tick of an HPA, or of a Prometheus."""

MOST_REPLICAS = 40
SEEDS = (1, 2, 3)
ROUTINGS: Mapping[str, str] = {"least-loaded": "Gateway mode", "sticky": "Direct mode"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A load, and the service that meets it."""

    name: str
    trace: str
    """File in examples/traces."""

    copies: int
    startup_seconds: float
    initial_replicas: int
    static_sizes: Sequence[int]
    """Sizes of the static frontier."""

    starts_short: bool = False
    """Whether it starts with too few on purpose. A static size is then ordered in the first second, as nobody else can
    be earlier; elsewhere it is there from the start, in hindsight."""

    @property
    def title(self) -> str:
        """For people."""
        kind = "code" if "code" in self.trace else "conversation"
        start = f"{self.initial_replicas} replicas at the start"
        return f"{kind} x{self.copies}, cold start {self.startup_seconds:g} s, {start}"

    def set_up(self, *, seed: int, routing: str, fault: str) -> SetUp:
        """The same for the simulator."""
        return SetUp(
            model=replace(MODELS[MODEL], startup_seconds=self.startup_seconds),
            initial_replicas=self.initial_replicas,
            max_replicas=MOST_REPLICAS,
            metrics_delay_seconds=METRICS_DELAY_SECONDS,
            routing=routing,
            seed=seed,
            faults=(parse_fault(fault),) if fault else (),
        )


_CONVERSATION, _CODE = "azure-2023-conversation-full.csv.gz", "azure-2023-code-full.csv.gz"

CASES: Mapping[str, Case] = {
    case.name: case
    for case in (
        Case(
            name="conversation-x3",
            trace=_CONVERSATION,
            copies=3,
            startup_seconds=60,
            initial_replicas=7,
            static_sizes=(4, 5, 6, 7, 8, 9),
        ),
        Case(
            name="conversation-x3-short",
            trace=_CONVERSATION,
            copies=3,
            startup_seconds=60,
            initial_replicas=2,
            static_sizes=(5, 6, 7, 8, 9, 10, 12),
            starts_short=True,
        ),
        Case(
            name="conversation-x3-short-slow",
            trace=_CONVERSATION,
            copies=3,
            startup_seconds=180,
            initial_replicas=2,
            static_sizes=(5, 6, 7, 8, 9, 10, 12, 14),
            starts_short=True,
        ),
        Case(
            name="conversation-x5",
            trace=_CONVERSATION,
            copies=5,
            startup_seconds=120,
            initial_replicas=11,
            static_sizes=(8, 9, 10, 11, 12, 13, 14),
        ),
        Case(
            name="code-x2",
            trace=_CODE,
            copies=2,
            startup_seconds=60,
            initial_replicas=4,
            static_sizes=(4, 6, 8, 9, 10, 12, 15, 20),
        ),
        Case(
            name="code-x4",
            trace=_CODE,
            copies=4,
            startup_seconds=60,
            initial_replicas=7,
            static_sizes=(7, 10, 13, 15, 17, 20, 24, 30),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class FaultCase:
    """Something that goes wrong in the middle of a run."""

    fault: str
    """As `tidegate simulate --fault` takes it."""

    what: str


FAULTS: Sequence[FaultCase] = (
    FaultCase("metrics-gap:60@900", "no metrics for 60 s"),
    FaultCase("scrape-failures:5", "5 % of scrapes fail"),
    FaultCase("slow-replica:3@900", "one replica three times slower"),
    FaultCase("output-doubles:2@1800", "answers double in length"),
    FaultCase("prefix-cache:0.5@1800", "a prefix cache turns on"),
    FaultCase("clients-give-up:10", "clients give up after 10 s"),
)
FAULT_CASES = ("conversation-x3", "conversation-x3-short", "code-x4")
"""Set-ups that are run with each fault: steady, in need, and in bursts."""

GAP = FAULTS[0]
GAP_SECONDS = (900.0, 960.0)
"""When the gap begins and ends; a policy sees it as much later as metrics are old."""
