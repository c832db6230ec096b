"""Sizes that were written, and when, out of the API server's audit log."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class SizeWrite:
    """One write of a Deployment's `/scale` that the API server accepted.

    Attributes:
        name: Of the Deployment.
        accepted: When it had done so, in seconds of `time.time()`.
        agent: What the writer calls itself.
    """

    name: str
    accepted: float
    agent: str


def size_writes(log: Path) -> list[SizeWrite]:
    """All of them, in the order of the log."""
    found = []
    for line in log.read_text().splitlines():
        if '"scale"' not in line:
            continue
        try:
            event = json.loads(line)
        except ValueError:
            continue  # The last line, half written.
        target = event.get("objectRef", {})
        status = event.get("responseStatus", {}).get("code", 0)
        if target.get("resource") == "deployments" and target.get("subresource") == "scale" and status in SUCCESS:
            accepted = datetime.fromisoformat(event["stageTimestamp"]).timestamp()
            found.append(SizeWrite(target["name"], accepted, event.get("userAgent", "")))
    return found
