"""An explanation as text for a terminal. Pure."""

import textwrap
from collections.abc import Iterable, Sequence

from tidegate.api.inference_service_status import Change
from tidegate.api.learned_status import Confidence, LearnedCapacity, LearnedLeadTime
from tidegate.api.scaling import Mode
from tidegate.cli.explanation import Explanation
from tidegate.cli.sleeping import moment, sleeping
from tidegate.cli.turn import Direction, Turn
from tidegate.cli.variants_text import HEADER, Row, cost, variants
from tidegate.controller.cold_start import wording
from tidegate.scaling.wording import count, number

NARROWEST = 60
"""Three columns have room down to this width."""

_DIRECTIONS = {
    Direction.UP: "more, if any of these:",
    Direction.DOWN: "fewer, once all of these:",
    Direction.OTHER: "another size, once:",
}


def text_of(explanation: Explanation, width: int = 100) -> str:
    """Write the explanation.

    Args:
        explanation: of a service.
        width: of the terminal, in characters; lines are broken so that they fit where they can be.

    Returns:
        Lines, the last one ended too.
    """
    width = max(NARROWEST, width)
    parts = [_now(explanation, width)]
    if not explanation.is_seen:
        parts.append(
            _section("Why", ["no operator has looked at it yet: is one running, and may it see this namespace?"], width)
        )
        return "\n".join(parts)
    parts += [
        _section("Why", _why(explanation), width),
        _table("Variants", HEADER, variants(explanation.spec, explanation.status, explanation.now), width),
        _table("Terms", ("term", "wants", "because"), _terms(explanation), width),
        _table("Limits that bit", None, _limits(explanation), width),
        _section("Sleep", sleeping(explanation.spec, explanation.status, explanation.now), width),
        _section("Learned", _learned(explanation), width),
        _section("Traffic", _traffic(explanation), width),
        _section("Cost", cost(explanation.spec, explanation.status, explanation.now), width),
        _table("Not as it should be", None, _concerns(explanation), width),
        _section("What would change it", _outlook(explanation.outlook), width),
        _table("History", ("time", "size", "who and why"), _history(explanation), width),
    ]
    return "\n".join(part for part in parts if part)


def _now(explanation: Explanation, width: int) -> str:
    spec, status = explanation.spec, explanation.status
    engine = spec.serving_engine
    others = f" and {count(len(spec.variants), 'other variant')}" if spec.variants else ""
    what = f"{spec.model.name} on {engine.type}{others}"
    target = f", the pods of Deployment {spec.target_ref.name}" if spec.target_ref else ""
    scaling = spec.scaling
    bounds = f"{scaling.min_replicas} to {scaling.max_replicas}"
    mode = {
        Mode.AUTOMATIC: f"scaled automatically, {bounds}",
        Mode.ADVISORY: f"Advisory: sizes of {bounds} are decided and not carried out",
        Mode.PAUSED: "Paused: nothing is decided",
    }[scaling.mode]
    pin = f"; pinned by hand to {spec.replicas}" if spec.replicas is not None else ""
    sizes = f"{count(status.replicas, 'replica')}, {status.ready_replicas} ready, {status.desired_replicas} decided"
    lines = [f"{explanation.namespace}/{explanation.name}: {what}{target}", f"{sizes}; {mode}{pin}"]
    if explanation.is_seen and not explanation.is_current:
        lines.append("the spec has changed since: the operator has not seen its last change yet")
    return "".join(f"{_wrapped(line, width)}\n" for line in lines)


def _why(explanation: Explanation) -> list[str]:
    decision = explanation.status.decision
    if decision is None:
        return ["no size is decided: see what is not as it should be"]
    carried_out = "carried out" if decision.applied else "not carried out"
    return [decision.message, f"{decision.reason}, since {moment(decision.time, explanation.now)}, {carried_out}"]


def _terms(explanation: Explanation) -> list[Row]:
    decision = explanation.status.decision
    return [(each.term, str(each.replicas), each.because) for each in decision.proposals] if decision else []


def _limits(explanation: Explanation) -> list[Row]:
    decision = explanation.status.decision
    return [(each.name, f"{each.from_} → {each.to}", each.because) for each in decision.limits] if decision else []


def _learned(explanation: Explanation) -> list[str]:
    status = explanation.status
    unit = status.signals.work_unit if status.signals else "units"
    start = status.cold_start
    return [
        *(_of(each.variant, explanation) + _capacity(each, unit) for each in status.capacity),
        *(_of(each.variant, explanation) + _lead_time(each) for each in status.lead_time),
        *(
            []
            if start is None
            else [f"the last pod was {wording(start)} ({start.pod}, at {moment(start.time, explanation.now)})"]
        ),
    ]


def _of(variant: str, explanation: Explanation) -> str:
    """Which variant a sentence is about, where there are several."""
    return f"{variant}: " if explanation.status.variants else ""


def _capacity(capacity: LearnedCapacity, unit: str) -> str:
    if capacity.units_per_second is None:
        return f"what one replica does is not known yet, after {count(capacity.samples, 'look')} at pods at work"
    does = f"one replica does {number(float(capacity.units_per_second))} {unit}/s"
    if capacity.confidence is Confidence.GIVEN:
        return f"{does}: given, by scaling.tokenThroughput"
    if capacity.requests_per_second is not None:
        does += f", {number(float(capacity.requests_per_second))} requests/s of those that come now"
    learned = f"; confidence {capacity.confidence}, from {count(capacity.samples, 'look')} at pods at work"
    coefficients = (capacity.alpha_milliseconds, capacity.beta_milliseconds, capacity.c_milliseconds)
    if None in coefficients:
        return does + learned
    alpha, beta, c = (number(float(each)) for each in coefficients if each is not None)
    return (
        f"{does}{learned}: a step takes {alpha} ms, {beta} more for each sequence and {c} for each prompt token in it"
    )


def _lead_time(lead_time: LearnedLeadTime) -> str:
    return (
        f"a replica is ready {lead_time.p75_seconds} s after it is ordered, three times of four "
        f"(half of them after {lead_time.p50_seconds} s); of {count(lead_time.samples, 'pod')}"
    )


def _traffic(explanation: Explanation) -> list[str]:
    signals = explanation.status.signals
    if signals is None:
        return []
    unit = f"{signals.work_unit}/s"

    def rate(value: str | None, words: str) -> str:
        return f"{number(float(value))} {words}" if value is not None else ""

    parts = [
        rate(signals.arriving_per_second, f"{unit} arrive"),
        rate(signals.requests_per_second, "requests/s arrive"),
        rate(signals.served_per_second, f"{unit} are served"),
        f"{signals.waiting:,} waiting" if signals.waiting is not None else "",
        f"{signals.running:,} running" if signals.running is not None else "",
        f"KV cache {signals.kv_cache_percent} % full" if signals.kv_cache_percent is not None else "",
    ]
    read = f"{signals.pods_sampled} of {count(signals.pods_ready, 'ready pod')} read"
    return ["; ".join(part for part in (*parts, read) if part)]


def _concerns(explanation: Explanation) -> list[Row]:
    return [
        (
            f"{each.type}={each.status}",
            each.reason,
            f"{each.message} (since {moment(each.last_transition_time, explanation.now)})",
        )
        for each in explanation.concerns
    ]


def _outlook(turns: Sequence[Turn]) -> list[str]:
    lines = []
    for direction, words in _DIRECTIONS.items():
        of_direction = [turn for turn in turns if turn.direction is direction]
        if of_direction:
            lines.append(words)
        lines += [f"- {turn.when}" + (f" (now: {turn.measured})" if turn.measured else "") for turn in of_direction]
    return lines


def _history(explanation: Explanation) -> list[Row]:
    return [
        (moment(change.time, explanation.now), f"{change.from_} → {change.to}", _who_and_why(change))
        for change in explanation.status.changes
    ]


def _who_and_why(change: Change) -> str:
    why = change.message.removeprefix(f"{change.from_} → {change.to}: ")
    return why if change.by and why.startswith(change.by) else f"{change.by or 'Tidegate'}: {why}"


def _section(title: str, lines: Iterable[str], width: int) -> str:
    wrapped = [_wrapped(line, width, "    " if line.startswith("- ") else "  ") for line in lines]
    return "".join(f"{line}\n" for line in (title, *wrapped)) if wrapped else ""


def _wrapped(line: str, width: int, indent: str = "") -> str:
    return textwrap.fill(
        line,
        width,
        initial_indent=indent,
        subsequent_indent=indent + ("  " if line.startswith("- ") else ""),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(title: str, header: Row | None, rows: Sequence[Row], width: int) -> str:
    """Three columns, of which the last takes what is left of the line, and as many lines as it needs."""
    if not rows:
        return ""
    rows = [header, *rows] if header else rows
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    lead = 2 + first + 2 + second + 2
    lines = [title]
    for row in rows:
        start = f"  {row[0]:<{first}}  {row[1]:<{second}}  "
        rest = textwrap.wrap(row[2], width - lead, break_on_hyphens=False) or [""]
        lines.append(f"{start}{rest[0]}".rstrip())
        lines += [f"{'':{lead}}{line}" for line in rest[1:]]
    return "".join(f"{line}\n" for line in lines)
