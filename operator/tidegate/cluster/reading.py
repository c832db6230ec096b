"""What everybody who reads objects asks of a document, and of an address in it."""

from datetime import datetime

from tidegate.cluster.resources import Document


def seconds(time: str | None) -> float:
    """A Kubernetes timestamp in seconds since the epoch; 0 for none."""
    return datetime.fromisoformat(time).timestamp() if time else 0.0


def is_leaving(pod: Document) -> bool:
    """Whether a pod is being deleted, or is over: it serves no more, though it may stay for its logs."""
    phase = (pod.get("status") or {}).get("phase")
    return "deletionTimestamp" in pod["metadata"] or phase in {"Failed", "Succeeded"}


def is_ready(pod: Document) -> bool:
    """Whether the kubelet says that a pod takes requests."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def joined(host: str, port: int) -> str:
    """`host:port`; an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
