"""Times as Kubernetes writes them, and as seconds since the epoch."""

from datetime import UTC, datetime


def seconds_of(timestamp: object) -> float | None:
    """Seconds since the epoch; None for what is no timestamp."""
    try:
        return datetime.fromisoformat(timestamp).timestamp() if isinstance(timestamp, str) else None
    except ValueError:
        return None


def timestamp_of(seconds: float) -> str:
    """As Kubernetes writes it, whole seconds of UTC: `2026-01-01T08:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
