"""A small document as `tidegate simulate --json` writes it, for tests of the report."""

from typing import Any

HOSTILE = "<script>document.title='owned'</script> \"a\" & 'b' %{x} <b>bold</b>"


def change(seconds: float, before: int, after: int, decision: dict[str, Any] | None = None) -> dict[str, Any]:
    """A change of size, with a record where one is given."""
    plain = {"seconds": seconds, "from": before, "to": after, "because": f"{after} are enough"}
    return plain if decision is None else plain | {"decision": decision}


RECORD = {
    "reason": "ScaledUp",
    "message": "4 → 7: 9,200 tokens/s are arriving and one replica does 1,900; 2 of the 3 are for the 41 that wait",
    "proposals": [
        {"term": "throughput", "replicas": 5, "because": "9,200 tokens/s are arriving"},
        {"term": "drain", "replicas": 7, "because": "41 requests wait"},
    ],
    "limits": [{"name": "behavior", "from": 9, "to": 7, "because": "no more than 3 at once"}],
}


def run(policy: str, changes: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """One run of ten minutes."""
    seconds = [10.0 * index for index in range(61)]
    return {
        "policy": policy,
        "sloAttainment": 0.98765,
        "gpuHours": 1.25,
        "requests": 1234,
        "unfinished": 3,
        "ttftMs": {"p50": 150.0, "p95": 1900.0, "p99": None},
        "itlMs": {"p50": 21.0, "p95": 40.0, "p99": 55.0},
        "scaleUps": 1,
        "scaleDowns": 0,
        "reversals": 0,
        "peakReplicas": 7,
        "recoverySeconds": 30.0,
        "series": {
            "seconds": seconds,
            "arrivals": [5 + index % 7 for index in range(61)],
            "desired": [4 if index < 20 else 7 for index in range(61)],
            "ready": [4 if index < 26 else 7 for index in range(61)],
            "created": [4 if index < 20 else 7 for index in range(61)],
            "waiting": [max(0, 40 - abs(index - 22) * 8) for index in range(61)],
            "running": [20] * 61,
            "ttftP95Ms": [None if index == 3 else 300.0 + 90 * max(0, 30 - abs(index - 24)) for index in range(61)],
            "gpuHours": [0.01 * index for index in range(61)],
        },
        "changes": changes or [],
    }


def document(*runs: dict[str, Any], name: str = "trace.csv") -> dict[str, Any]:
    """A whole document; without runs given, of Tidegate and one rival."""
    return {
        "trace": {"name": name, "requests": 1234},
        "setUp": {"startupSeconds": 60.0, "ttftMs": 2000, "itlMs": 100},
        "runs": list(runs) or [run("Tidegate", [change(200, 4, 7, RECORD)]), run("static=7")],
    }
