"""The command: makes the runs that are not known yet, side by side, and writes the page."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from typing import Any

from bench.interruption import end_as_on_ctrl_c

from .cache import ROOT, RunCache
from .jobs import TIDEGATE, Job, first_jobs, quick_jobs, rivals
from .measured import Measured
from .page import Effort, page
from .plots import draw
from .runs import run
from .set_ups import CASES, SEEDS

PAGE = ROOT / "docs" / "benchmarks" / "scaling.md"
CACHE = ROOT / ".cache" / "bench-scaling"
NICENESS = 10

Runs = dict[Job, Mapping[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 if all of it ran."""
    end_as_on_ctrl_c()
    parser = argparse.ArgumentParser(prog="make bench-scaling", description="Measure scaling against all rivals.")
    parser.add_argument("--quick", action="store_true", help="one seed, few policies; shows the page, writes nothing")
    parser.add_argument(
        "--case", action="append", choices=CASES, help="only this set-up; shows the page, writes nothing"
    )
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="runs at a time (default: one a core)"
    )
    parser.add_argument("--warm", action="store_true", help="make only what knows nothing of the rule, for later")
    parser.add_argument("--known", action="store_true", help="make no runs; write the page of those that are known")
    asked = parser.parse_args(arguments)
    cases = tuple(asked.case or CASES)
    made = partial(_made, cache=RunCache(CACHE), processes=0 if asked.known else asked.processes)
    if asked.warm:
        made(job for job in first_jobs(cases) if job.policy != TIDEGATE)
        return 0
    if asked.quick:
        runs = made(quick_jobs(cases))
    else:
        runs = made(first_jobs(cases))
        runs |= made(_jobs_of_best(Measured(runs), cases))
    measured = Measured(runs)
    missing = len(set(first_jobs(cases)) - runs.keys()) if asked.known else 0
    effort = Effort(len(runs), sum(each["secondsTaken"] for each in runs.values()), missing)
    if asked.quick or asked.case:
        print(page(measured, effort))
        return 0
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(measured, effort, PAGE.read_text() if PAGE.exists() else ""))
    for case in CASES.values():
        draw(measured, case, PAGE.parent / "scaling" / f"{case.name}.svg")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


def _jobs_of_best(measured: Measured, cases: Iterable[str]) -> list[Job]:
    """The best target of each rival with all seeds: which one it is, the runs with the first seed have told."""
    best = [(case, policy) for case in cases for rival in rivals() if (policy := measured.best_swept(case, rival))]
    return [Job(case=case, policy=policy, seed=seed) for case, policy in best for seed in SEEDS]


def _made(jobs: Iterable[Job], cache: RunCache, processes: int) -> Runs:
    """All runs: those that are known, and the others made now, so many at a time; with 0 processes, only the known."""
    wanted = list(dict.fromkeys(jobs))
    runs: Runs = {job: found for job in wanted if (found := cache.find(job)) is not None}
    missing = [job for job in wanted if job not in runs]
    print(f"{len(wanted)} runs, {len(runs)} of them known", file=sys.stderr)
    if not processes:
        return runs
    start = time.monotonic()
    with _pool(processes) as pool:
        waiting = {pool.submit(run, job): job for job in missing}
        for count, future in enumerate(as_completed(waiting), start=1):
            job = waiting[future]
            runs[job] = future.result()
            cache.keep(job, runs[job])
            left = (time.monotonic() - start) / count * (len(missing) - count)
            print(
                _line(job, runs[job], f"{count}/{len(missing)}, {left / 60:.0f} min left"), file=sys.stderr, flush=True
            )
    return runs


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that make way for others; whoever interrupts need not wait for runs that have not begun."""
    pool = ProcessPoolExecutor(processes, initializer=os.nice, initargs=(NICENESS,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _line(job: Job, made: Mapping[str, Any], progress: str) -> str:
    where = " ".join(filter(None, (job.case, job.policy, f"seed {job.seed}", job.routing, job.fault)))
    return (
        f"[{progress}] {where}: {made['sloAttainment']:.2%} @ {made['gpuHours']:.2f} GPU-h, "
        f"{made['secondsTaken']:.1f} s"
    )
