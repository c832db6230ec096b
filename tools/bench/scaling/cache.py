"""Runs that need not be made again: the same code, set-up, policy and seed give the same run."""

import ast
import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import grimp

from tidegate.simulator.tidegate_policy import TidegatePolicy

from .jobs import Job
from .runs import policy_and_set_up, requests_of, spec_of

ROOT = Path(__file__).resolve().parents[3]
FORMAT = 1
"""To be raised when `runs` changes what it keeps of a run."""

TRACES = "tidegate.simulator.trace"
RULE = "tidegate.scaling"
SHARED = ("tidegate.scaling.behavior",)
"""Parts of the rule that rivals use, too."""

DESCRIBED: Mapping[str, str] = {"tidegate.simulator.models": "MODELS"}
"""Tables by their module: the entry that a run uses is part of its key by itself."""


class RunCache:
    """A directory with a file for each run."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def find(self, job: Job) -> Mapping[str, Any] | None:
        """The run, if it was made before."""
        path = self._path(job)
        if not path.exists():
            return None
        with gzip.open(path, "rt") as file:
            found: Mapping[str, Any] = json.load(file)
        return found

    def keep(self, job: Job, run: Mapping[str, Any]) -> None:
        """Remember a run."""
        path = self._path(job)
        part = path.with_suffix(".part")
        with gzip.open(part, "wt") as file:
            json.dump(run, file)
        part.rename(path)  # Whole or not at all, whoever is interrupted.

    def _path(self, job: Job) -> Path:
        return self._directory / f"{key(job)}.json.gz"


def key(job: Job) -> str:
    """Of everything that a run depends on.

    That is the policy with all its numbers, the set-up, the requests, and the source of every module that the run
    imports. A rival knows nothing of the rule, so a change of the rule leaves its runs alone.
    """
    policy, set_up = policy_and_set_up(job, ())
    if isinstance(policy, TidegatePolicy):
        described, knows_rule = spec_of(set_up).model_dump_json(), True
    else:
        described, knows_rule = repr(policy), False
    if " at 0x" in described:
        raise ValueError(
            f"policy {job.policy}: {described} names an address; give its parts a repr that says what they are"
        )
    whole = {
        "format": FORMAT,
        "job": asdict(job),
        "policy": described,
        "setUp": repr(set_up),
        "requests": _requests_digest(job.case, job.seed),
        "sources": sources_digest(type(policy).__module__, knows_rule=knows_rule),
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:32]


@cache
def sources_digest(policy_module: str, *, knows_rule: bool) -> str:
    """Of the source of a policy, of the simulator, and of all that they import."""
    total = hashlib.sha256()
    for name in sorted(modules_behind(policy_module, knows_rule=knows_rule)):
        total.update(f"{name} {code_of(_file_of(name).read_text(), DESCRIBED.get(name, ''))}\n".encode())
    return total.hexdigest()


def code_of(source: str, leave_out: str = "") -> str:
    """What of a module's source can change a run: all but comments, docstrings and layout.

    Args:
        source: of the module.
        leave_out: a name in it whose value does not count.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined] # It was there.
                each for each in body if not _is_text(each) and not _is_value_of(leave_out, each)
            ]
    return ast.dump(tree)


def _is_value_of(name: str, statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and name in {ast.unparse(target) for target in statement.targets}


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def modules_behind(policy_module: str, *, knows_rule: bool) -> set[str]:
    """The policy's module, the simulator's, and all that they import.

    Left out is the rule, where it is not known, and what reads traces: the requests themselves are in the key.
    """
    graph = _graph(knows_rule=knows_rule)
    starts = (policy_module, "tidegate.simulator.replay", "tidegate.simulator.outcome")
    found = {*starts, *(behind for start in starts for behind in graph.find_upstream_modules(start))}
    return {name for name in found if not name.startswith(TRACES)}


@cache
def _graph(*, knows_rule: bool) -> grimp.ImportGraph:
    graph = grimp.build_graph("tidegate", cache_dir=None)
    for name in () if knows_rule else graph.modules:
        if name.startswith(f"{RULE}.") and name not in SHARED:
            graph.remove_module(name)
    return graph


def _file_of(module: str) -> Path:
    path = ROOT / "operator" / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _requests_digest(case: str, seed: int) -> str:
    return hashlib.sha256(repr(requests_of(case, seed)).encode()).hexdigest()
