"""Run by `helm test`: the operator answers through its Service, is ready, and shows its metrics."""

import os
import urllib.request

URL = os.environ["OPERATOR_URL"]


def get(path: str) -> str:
    """The text at a path of the operator."""
    with urllib.request.urlopen(f"{URL}{path}", timeout=10) as response:  # noqa: S310 - the chart's own URL
        text: str = response.read().decode()
        return text


print("/readyz:", get("/readyz").strip())
series = [line for line in get("/metrics").splitlines() if line.startswith("tidegate_")]
if not series:
    raise SystemExit(f"{URL}/metrics shows no series of tidegate")
print("/metrics:", len(series), "series of tidegate")
