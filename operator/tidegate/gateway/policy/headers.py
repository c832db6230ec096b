"""What a pod is told about a request, beside what the client says; Envoy writes it over anything of that name."""

from collections.abc import Callable

from tidegate.gateway.exchange import Request

COLD_START_HEADER = "x-tidegate-cold-start"
"""`true` when no pod took requests as this one came."""

HELD_HEADER = "x-tidegate-held-milliseconds"
REQUEST_ID_HEADER = "x-request-id"

_LAST_ON_ITS_CONNECTION = ("connection", "close")
"""The engine says that it closes the connection, and so Envoy sends nothing more on it."""

_COLD = (COLD_START_HEADER, "true")
_WARM = (COLD_START_HEADER, "false")


def headers_to_add(
    request: Request, *, cold: bool, held_seconds: float, new_id: Callable[[], str], keeps_connections: bool = True
) -> tuple[tuple[str, str], ...]:
    """The headers that a forwarded request gets.

    Args:
        request: as it came; an id that it brought stays.
        cold: whether it found no pod.
        held_seconds: how long it has waited.
        new_id: gives an id to a request without one.
        keeps_connections: False where the engine closes connections that it has promised to keep: a request that comes
            at the same moment would be lost, and could not be sent again.
    """
    told: tuple[tuple[str, str], ...] = (_COLD if cold else _WARM, (HELD_HEADER, f"{held_seconds * 1000:.0f}"))
    if not keeps_connections:
        told = (*told, _LAST_ON_ITS_CONNECTION)
    return told if REQUEST_ID_HEADER in request.headers else (*told, (REQUEST_ID_HEADER, new_id()))
