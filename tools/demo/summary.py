"""What happened: ten lines for people, one JSON document for machines, and whether it was what should happen."""

from collections.abc import Mapping, Sequence
from typing import Any

from demo.history import Change, Service
from demo.measures import Measures
from demo.scenario import Part


def lines(parts: Sequence[Part], services: Mapping[str, Service], measures: Mapping[str, Measures]) -> list[str]:
    """What happened, in ten lines at most."""
    told = []
    for part in parts:
        service = services[part.name]
        told.append(_headline(part, service, measures[part.name]))
        told += [f"    {_clock(change.seconds)}  {change.message}" for change in _telling(service, part.told_changes)]
    return told


def _headline(part: Part, service: Service, measures: Measures) -> str:
    sizes = " → ".join(str(size) for size in _turns(service.sizes))
    what = f"{sizes} replicas in {_count(len(service.changes), 'change')}" if service.changes else f"always {sizes}"
    if not part.touched:
        what = f"advised {sizes} replicas; {part.deployment} kept its {service.ready}"
    times = [_seconds(measures.time_to_first_token(percent)) for percent in (50, 95)]
    return (
        f"{part.name}: {what}; {_count(measures.sent, 'request')}, {measures.failed} failed; "
        f"TTFT p50 {times[0]}, p95 {times[1]}"
    )


def _telling(service: Service, most: int) -> list[Change]:
    """The changes that tell the story, the more important first taken: to the top, the last, the first, the others."""
    if not service.changes:
        return []
    places = range(len(service.changes))
    top = max(places, key=lambda place: service.changes[place].to_replicas)
    telling = list(dict.fromkeys((top, places[-1], 0, *places)))[:most]
    return [service.changes[place] for place in sorted(telling)]


def _turns(sizes: Sequence[int]) -> list[int]:
    """Only the first size, the turning points and the last: 1 2 4 3 1 is 1 4 1."""
    kept: list[int] = []
    for number, size in enumerate(sizes):
        is_end = number in (0, len(sizes) - 1)
        if is_end or (size - sizes[number - 1]) * (sizes[number + 1] - size) < 0:
            kept.append(size)
    return kept


def problems(
    parts: Sequence[Part],
    services: Mapping[str, Service],
    measures: Mapping[str, Measures],
    sizes: Mapping[str, Sequence[int]],
    *,
    complete: bool,
) -> list[str]:
    """What should have happened and did not. Empty for a demo that showed what it is to show.

    Args:
        parts: The scenario.
        services: What was seen of them, by name.
        measures: What the client measured, by name.
        sizes: For parts that must not be touched: spec.replicas of the Deployment before and after.
        complete: The traces were played to their ends, so that the sizes of the scenario must have been reached.
    """
    found = []
    for part in parts:
        service, measured = services[part.name], measures[part.name]
        if measured.failed:
            example, _ = measured.failures.most_common(1)[0]
            found.append(f"{part.name}: {measured.failed} of {measured.sent} requests failed, such as: {example}")
        if measured.outstanding:
            found.append(f"{part.name}: {measured.outstanding} requests were never answered")
        if not service.records:
            found.append(f"{part.name}: status has no decision record")
        peak = max(service.sizes)
        if complete and peak < part.must_reach_replicas:
            found.append(f"{part.name}: it never went above {peak} replicas, {part.must_reach_replicas} were expected")
        if part.touched and service.sizes[-1] >= peak > service.sizes[0]:
            found.append(f"{part.name}: it went up to {peak} replicas and did not come down again")
        if not part.touched and len(set(sizes[part.name])) != 1:
            before, after = sizes[part.name]
            found.append(f"{part.deployment}: its replicas went from {before} to {after}; mode Advisory writes none")
    return found


def document(
    parts: Sequence[Part],
    services: Mapping[str, Service],
    measures: Mapping[str, Measures],
    found: Sequence[str],
    phases: Mapping[str, float],
) -> dict[str, Any]:
    """The same for machines: sizes, changes, records, requests, and how many seconds each phase took."""
    return {
        "problems": list(found),
        "phasesSeconds": {name: round(seconds, 1) for name, seconds in phases.items()},
        "services": {part.name: _service(part, services[part.name], measures[part.name]) for part in parts},
    }


def _service(part: Part, service: Service, measures: Measures) -> dict[str, Any]:
    return {
        "advisory": not part.touched,
        "sizes": service.sizes,
        "peakReplicas": max(service.sizes),
        "finalReplicas": service.sizes[-1],
        "readyReplicas": service.ready,
        "changes": [
            {
                "seconds": round(change.seconds, 1),
                "from": change.from_replicas,
                "to": change.to_replicas,
                "message": change.message,
            }
            for change in service.changes
        ],
        "decisions": service.records,
        "requests": {"sent": measures.sent, "answered": measures.answered, "failed": measures.failed},
        "failures": dict(measures.failures),
        "timeToFirstTokenSeconds": {f"p{percent}": measures.time_to_first_token(percent) for percent in (50, 95)},
    }


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} s"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
