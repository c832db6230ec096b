"""What the gateway costs and how soon it wakes: `python tools/bench gateway [--case NAME]`.

Each case brings up all that it needs on this machine, and nothing else: a real control plane, operator, gateway,
engines and clients, on loopback addresses. Goals are printed beside the figures; none is asserted.
"""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from gateway_cases.busy import busy_seconds, others_share
from gateway_cases.figures import shown
from interruption import end_as_on_ctrl_c

from building import ToolsError

CASES = {
    "wakes": "Requests to services that sleep: how soon the wake is written, and how soon the request is handed on",
    "held": "10,000 requests with bodies of 2 KiB, held by one gateway",
    "right-size": "200 requests at zero, 20 at once for each pod",
    "streams": "Streams of tokens, directly and through the gateway",
    "picker-deaths": "The picker killed 20 times under 256 streams",
    "share": "1 -> 4 pods under 50 clients that keep their connections, mode Gateway",
    "listeners": "Services that one gateway carries",
}


def main() -> int:
    """Run cases; 0 if all of them ran."""
    end_as_on_ctrl_c()
    parser = argparse.ArgumentParser(description="Measure the gateway.")
    parser.add_argument("--case", action="append", choices=tuple(CASES), help="run this only; may be repeated")
    parser.add_argument("--logs", type=Path, help="keep logs and records in this directory")
    asked = parser.parse_args()
    failed = []
    for name in asked.case or CASES:
        print(f"{name}: {CASES[name]}", flush=True)
        began = time.monotonic()
        case = importlib.import_module(f"bench.gateway_cases.{name.replace('-', '_')}")
        try:
            with tempfile.TemporaryDirectory(prefix="gateway-") as scratch:
                directory = Path(scratch) if asked.logs is None else asked.logs / name
                directory.mkdir(parents=True, exist_ok=True)
                before = busy_seconds()
                figures = case.measure(directory)
                print(shown([*figures, others_share(before, busy_seconds(), time.monotonic() - began)]), flush=True)
        except ToolsError as error:
            failed.append(name)
            print(f"{name} failed: {error}", file=sys.stderr, flush=True)
        print(f"{name}: took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
