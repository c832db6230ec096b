"""What a visit has decided on, for whoever records it. Pure."""

from collections.abc import Iterator, Mapping

from tidegate.controller.records import ServiceRecord
from tidegate.controller.state import ServiceState
from tidegate.scaling.memory import Memory
from tidegate.scaling.recording import Look


def looks_taken(
    service: ServiceRecord, state: ServiceState, before: Mapping[str, Memory], now: float
) -> Iterator[Look]:
    """The looks at each variant of a service of which a size was decided.

    Args:
        service: the service.
        state: its memory after the visit.
        before: by variant, what was remembered before it.
        now: seconds since the epoch.
    """
    for own in state.every:
        if service.spec is None or own.decided_by is None or own.seen is None or own.decided is None:
            continue
        yield Look(
            service=service.key,
            variant=own.name,
            time=now,
            spec=own.decided_by,
            observation=own.seen,
            before=before[own.name],
            decision=own.decided,
            after=own.memory,
        )
