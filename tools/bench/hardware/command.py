"""The command: makes the runs, and writes the page."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from bench.interruption import end_as_on_ctrl_c

from .fleets import CASES, Job, jobs_of, run
from .page import goals, page

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "benchmarks" / "hardware.md"
NICENESS = 10

Runs = Mapping[Job, Mapping[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 if all of it ran."""
    end_as_on_ctrl_c()
    parser = argparse.ArgumentParser(
        prog="python -m bench.hardware", description="Measure what a choice of hardware costs."
    )
    parser.add_argument(
        "--case", action="append", choices=CASES, help="only this trace; shows the page, writes nothing"
    )
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="runs at a time (default: one a core)"
    )
    parser.add_argument("--keep", type=Path, help="keep runs in this directory, and take those that are there")
    asked = parser.parse_args(arguments)
    runs = made([job for name in asked.case or CASES for job in jobs_of(name)], asked.processes, asked.keep)
    old = PAGE.read_text("utf-8") if PAGE.exists() else ""
    text = page(runs, old)
    if asked.case:
        print(text)
        return 0
    PAGE.write_text(text, "utf-8")
    print("\n".join(goals(runs)))
    return 0


def made(jobs: Sequence[Job], processes: int, kept: Path | None) -> Runs:
    """All runs, so many at a time."""
    runs: dict[Job, Mapping[str, Any]] = {}
    for job in jobs:
        if kept is not None and (file := _file(kept, job)).exists():
            runs[job] = json.loads(file.read_text("utf-8"))
    missing = [job for job in jobs if job not in runs]
    with ProcessPoolExecutor(processes, initializer=os.nice, initargs=(NICENESS,)) as pool:
        waiting = {pool.submit(run, job): job for job in missing}
        for count, future in enumerate(as_completed(waiting), start=1):
            job = waiting[future]
            runs[job] = future.result()
            if kept is not None:
                kept.mkdir(parents=True, exist_ok=True)
                _file(kept, job).write_text(json.dumps(runs[job]), "utf-8")
            told = f"{runs[job]['sloAttainment']:.2%} for {runs[job]['cost']:.2f}"
            print(f"[{count}/{len(missing)}] {job.case} {job.fleet} {job.tuning}: {told}", file=sys.stderr, flush=True)
    return {job: runs[job] for job in jobs}


def _file(kept: Path, job: Job) -> Path:
    return kept / f"{job.case} {job.fleet} {job.tuning}.json"
