"""`python tools/bench`: measures what docs/benchmarks.md publishes; see `--help`.

A bench is a program that prints its figures. It is run with the package and the tools on its path.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from interruption import end_as_on_ctrl_c

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Bench:
    """One thing that is measured."""

    what: str
    """A sentence or three for the page: what is measured, and the budget."""

    command: tuple[str, ...]
    """A file of this directory and its arguments."""


BENCHES: Mapping[str, Bench] = {
    "import": Bench(
        "Starting a command. Budget: `import tidegate.cli` in less than 0.3 s.",
        ("import_cost.py",),
    ),
    "decide": Bench(
        "One decision about one service, by its pods.",
        ("decide_cost.py",),
    ),
    "scrape": Bench(
        "Reading a pod's page of 100 KB over loopback, and 1,000 of them a second. Budget: at most "
        "1.5 ms of CPU time for a page.",
        ("scrape_cost.py", "--pods", "1000", "--seconds", "10"),
    ),
    "prometheus": Bench(
        "Reading 1,000 pods of vLLM out of a real Prometheus, which was filled beforehand with what it would keep of "
        "them. Its CPU time is the kernel's count. [metrics-sources.md](metrics-sources.md) tells when to.",
        ("prometheus_cost.py", "--pods", "1000"),
    ),
    "metrics-page": Bench(
        "The operator's own metrics page, asked for by Prometheus, with 5,000 services; and how long it keeps the loop "
        "from its work.",
        ("metrics_page.py", "5000"),
    ),
    "handover": Bench(
        "Two operators, one leader, default times: from a signal to the leader until another one leads, three times "
        "each. [High availability](high-availability.md) tells what happens meanwhile.",
        ("handover.py", "3"),
    ),
    "overload": Bench(
        "What the estimate of demand is worth while clients give up: estimate ÷ truth, where 1.00 is right. The plan "
        "was to give up on an estimate below 0.80. [ADR 1](adr/0001-demand-is-what-arrives.md) tells what follows.",
        ("overload_demand.py", "3"),
    ),
    "kopf": Bench(
        "What kopf's kinds of handler cost, each in an operator that does nothing else. "
        "[ADR 2](adr/0002-kopf-feeds-a-store.md) tells what follows.",
        ("kopf_handlers.py",),
    ),
    "gateway": Bench(
        "The gateway on one machine: wakes, what is held, what the hop costs, what a death costs. `--case NAME` runs "
        "one part of it. [What is behind the figures](benchmarks/gateway.md).",
        ("gateway_path.py",),
    ),
    "placement": Bench(
        "How full 50 GPUs are when the first of 200 services with a share of one is left over, at a real scheduler, "
        "with what Tidegate's pods prefer and without. Goal: 90 %. [Accelerators](accelerators.md) tells what they "
        "prefer.",
        ("placement.py", "--seeds", "3"),
    ),
    "hardware": Bench(
        "A service on several kinds of hardware, on each kind alone, and what hindsight would have bought, on a real "
        "trace and a cloud's prices. It writes [a page of its own](benchmarks/hardware.md).",
        ("hardware/__main__.py",),
    ),
    "idle-tick": Bench(
        "A fleet of 500 services at rest on a real control plane, seen from outside the operator.",
        ("fleet.py", "500"),
    ),
}

CASES = "gateway"
"""The bench that has parts."""

FLEET = Bench(
    "The same with a large fleet: `python tools/bench --fleet 5000`. Budget for 5,000 services and 10,000 pods: store "
    "filled in less than 10 s; at rest less than 200 ms of CPU time for a tick without reading pods, less than 256 MiB "
    "of memory, no writes. [ADR 2](adr/0002-kopf-feeds-a-store.md) tells what was done for it.",
    ("fleet.py",),
)

HEAD = """\
# Benchmarks

Written by `python tools/bench --write`, on {machine}. CPU times repeat within a tenth or so; times of the wall clock
depend on what else the machine does. Each heading is the name of a bench: `python tools/bench NAME` runs it.
[The gateway](benchmarks/gateway.md) and [the rule](benchmarks/scaling.md) have pages of their own.
"""


def main() -> int:
    """Run what is asked for; 0 if all of it ran."""
    end_as_on_ctrl_c()
    parser = argparse.ArgumentParser(description="Measure.", epilog=f"Names: {', '.join(BENCHES)}.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="benches to run (default: all)")
    parser.add_argument("--fleet", type=int, metavar="SERVICES", help="run only a fleet of so many; 5,000 take an hour")
    parser.add_argument("--case", action="append", metavar="NAME", help="of the bench gateway: this part only")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {PAGE.relative_to(ROOT)}")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; the names are {', '.join(BENCHES)}")
    benches = {name: BENCHES[name] for name in asked.names or BENCHES}
    if asked.case and (asked.names != [CASES] or asked.write):
        parser.error(
            f"--case is of the bench {CASES} alone, and a part of it is not written; name that, without --write"
        )
    for case in asked.case or ():
        benches[CASES] = replace(benches[CASES], command=(*benches[CASES].command, f"--case={case}"))
    if asked.fleet is not None:
        benches = {"fleet": Bench(FLEET.what, (*FLEET.command, str(asked.fleet)))}
    failed = []
    for name, bench in benches.items():
        figures = run(name, bench)
        if figures is None:
            failed.append(name)
        elif asked.write:
            old = PAGE.read_text() if PAGE.exists() else ""
            PAGE.write_text(page_with(old, name, section(name, bench, figures)))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run(name: str, bench: Bench) -> str | None:
    """Run a bench and show what it prints; the same as text, or None if it failed."""
    print(f"== {name}: {bench.what}", flush=True)
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "operator"), str(HERE.parent)))}
    command = [sys.executable, str(HERE / bench.command[0]), *bench.command[1:]]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                lines.append(line)
        except KeyboardInterrupt:
            process.terminate()  # It cleans up; the block waits for it.
            raise
    return None if process.returncode else "".join(lines)


def section(name: str, bench: Bench, figures: str) -> str:
    """A bench's part of the page."""
    # The last line of some is for programs.
    shown = [line for line in figures.strip("\n").splitlines() if not line.startswith("{")]
    body = "\n".join(shown)
    fenced = body if any(line.startswith("|") for line in shown) else f"```text\n{body}\n```"
    return f"## {name}\n\n{bench.what}\n\n{fenced}\n"


def page_with(page: str, name: str, part: str) -> str:
    """The page with one part replaced or added; parts keep the order of the table, a fleet comes last."""
    parts = {found.split("\n", 1)[0].removeprefix("## "): found for found in re.split(r"\n(?=## )", page)[1:]}
    parts[name] = part
    order = [known for known in (*BENCHES, "fleet") if known in parts]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    return "\n".join([HEAD.format(machine=machine), *(parts[known].rstrip("\n") + "\n" for known in order)])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
