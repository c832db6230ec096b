"""The table that describes an engine: where its metrics are, what they are called, how it is started."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tidegate.api.engine import EngineType
from tidegate.scaling.sample import ArrivalMethod, CountedAt


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric on an engine's page, or those of its series that count."""

    name: str

    only: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Label to the values of series that count; as in Prometheus, a label that is not there has the value "". Empty:
    all series count."""

    unit: float = 1.0
    """What the page counts in, in the units of the signal: 0.000001 for microseconds where those are seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """An argument that an engine must be started with to be found and read."""

    spellings: tuple[str, ...]
    """Every name the engine knows the flag by, with its dashes. The first is the one Tidegate writes."""

    value: str | None = None
    """What follows the flag; `{model}`, `{port}` and `{metrics_port}` are filled in. None where nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFlag:
    """The argument that says which share of the memory that it sees an engine may take."""

    spellings: tuple[str, ...]
    """As those of a Flag."""

    usual: Decimal
    """What it is by default, or what leaves enough beside it: the share of a whole device."""

    instead: tuple[str, ...] = ()
    """Arguments that set the memory otherwise, after which this one does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTable:
    """All that Tidegate knows about an engine. What differs between engines is here, as data."""

    type: EngineType

    port: int
    """Port of the engine's API."""

    metrics_port: int
    """Port of the metrics page."""

    metrics_path: str = "/metrics"

    health_path: str | None = None
    """Path that answers 200 once the model is loaded; None when no such path is known."""

    keeps_connections: bool = True
    """Whether a connection that it does not say it closes can carry another request."""

    metrics: Mapping[str, tuple[Metric, ...]]
    """Signal (a field of `Sample`) to the metrics that it has been read from over the versions, newest first.

    A signal that is not here is one that the engine does not offer: its absence from a sample means nothing. Empty:
    the engine has no metrics page.
    """

    optional: frozenset[str] = frozenset()
    """Signals that some pages of the engine lack for good. They are used where they are and not missed elsewhere."""

    buckets: Mapping[str, tuple[Metric, ...]] = field(default_factory=dict)
    """Latencies (fields of `Sample`) to the buckets of the histograms that they have been read from over the versions,
    newest first. Bounds are in seconds. Latencies are used where they are and not missed elsewhere."""

    absent_is_zero: frozenset[str] = frozenset()
    """Counters that a page of the engine shows only once they have counted something."""

    starts_empty: bool = False
    """A page shows none of the signals until the engine's first request: until then all of them are zero."""

    marks: tuple[str, ...] = ()
    """Metrics that show a page to be the engine's although they are no signals, or signals that others have as well."""

    arrivals: ArrivalMethod
    """How the arrival of requests shows in the metrics."""

    prompts_counted_at: CountedAt = CountedAt.DONE
    answers_counted_at: CountedAt = CountedAt.DONE
    """When `prompt_tokens` rises, and when all other work does."""

    work_unit: str = "tokens"
    """What work is counted in. `tokens`: prompt and generated tokens; `requests`: each counts 1; else `work_done`."""

    model_label: str | None = None
    """Label that holds the model's name, where one page can speak of several models."""

    flags: tuple[Flag, ...] = ()
    """Arguments to start the engine with, unless the user gave them."""

    batch_flags: tuple[str, ...] = ()
    """Spellings of the argument that says how many requests it works on at once, `-` for `_`. A bound of requests that
    are accepted, and so wait, is none."""

    rank_flags: tuple[str, ...] = ()
    """Spellings of the arguments that make it work in several ranks side by side, each with a batch of its own."""

    memory: MemoryFlag | None = None
    """How it is told its share of a device; None where no such argument is known."""

    thread_flags: tuple[str, ...] = ()
    """Spellings of the argument that says how many threads it computes with, where it counts the node's processors and
    not those that its container may use."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment to start the engine with, for what it has no flags for; values are filled in as those of flags."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of all metrics that the table looks for, its marks among them."""
        return (*(metric.name for metrics in self.metrics.values() for metric in metrics), *self.marks)

    @property
    def bucket_names(self) -> tuple[str, ...]:
        """Names of the buckets that the table looks for."""
        return tuple(metric.name for metrics in self.buckets.values() for metric in metrics)

    @property
    def is_told_metrics_port(self) -> bool:
        """Whether the engine is started with the port of its metrics: then another one is another pod."""
        told = (*(flag.value or "" for flag in self.flags), *self.environment.values())
        return any("{metrics_port}" in value for value in told)

    def fill(self, template: str, model_name: str) -> str:
        """Fill a template of a flag or an environment variable."""
        return template.format(model=model_name, port=self.port, metrics_port=self.metrics_port)

    @property
    def expected_signals(self) -> tuple[str, ...]:
        """Signals whose absence from a page is a fault."""
        return tuple(signal for signal in self.metrics if signal not in self.optional)
