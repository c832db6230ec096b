"""The Prometheus text format, written quickly: one simulated process answers for thousands of engines.

The output for counters, gauges and histograms is byte for byte that of Python's prometheus-client, which vLLM uses (a
test compares them). That library is made for one registry per process and takes several times as long.
"""

from collections.abc import Iterable, Mapping

from prometheus_client.utils import floatToGoString

from .measures import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of every page, whatever the client asks for."""


def number(value: float) -> str:
    """A value as prometheus-client writes it."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call] # the library types only parts of itself


def label_text(labels: Mapping[str, str]) -> str:
    """Labels in braces, sorted by name and escaped; nothing when there are none."""
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(labels[name])}"' for name in sorted(labels)) + "}"


def gauge(name: str, explanation: str, labels: Mapping[str, str], value: float) -> str:
    """A gauge with one label set."""
    return f"# HELP {name} {explanation}\n# TYPE {name} gauge\n{name}{label_text(labels)} {number(value)}\n"


def counter(
    name: str, explanation: str, values: Iterable[tuple[Mapping[str, str], float]], created: float | None = None
) -> str:
    """A counter, given without ``_total``, with its label sets; with the time of creation if that is given."""
    series = [(label_text(labels), value) for labels, value in values]
    lines = [f"# HELP {name}_total {explanation}\n# TYPE {name}_total counter\n"]
    lines += [f"{name}_total{labels} {number(value)}\n" for labels, value in series]
    if created is not None:
        lines.append(f"# HELP {name}_created {explanation}\n# TYPE {name}_created gauge\n")
        lines += [f"{name}_created{labels} {number(created)}\n" for labels, _ in series]
    return "".join(lines)


def histogram(
    name: str, explanation: str, labels: Mapping[str, str], observed: Histogram, created: float | None = None
) -> str:
    """A histogram with one label set; its buckets are made cumulative."""
    before, after = label_text({**labels, "le": "\0"}).split("\0")
    lines = [f"# HELP {name} {explanation}\n# TYPE {name} histogram\n"]
    lines += [
        f"{name}_bucket{before}{number(bound)}{after} {number(count)}\n" for bound, count in observed.cumulative()
    ]
    plain = label_text(labels)
    lines.append(f"{name}_count{plain} {number(observed.count)}\n{name}_sum{plain} {number(observed.sum)}\n")
    if created is not None:
        lines.append(f"# HELP {name}_created {explanation}\n# TYPE {name}_created gauge\n")
        lines.append(f"{name}_created{plain} {number(created)}\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
