from pathlib import Path

import pytest

from bench.scaling import cache
from bench.scaling.cache import RunCache, code_of, key, modules_behind
from bench.scaling.jobs import TIDEGATE, Job, first_jobs
from tidegate.simulator.rivals.catalog import RIVALS

RULE = Job(case="code-x2", policy=TIDEGATE, seed=1)
RIVAL = Job(case="code-x2", policy="hpa-running=24", seed=1)


def test_the_rule_is_run_again_when_the_rule_changes_and_rivals_are_not() -> None:
    """What a run imports is what it depends on; a rival's run does not depend on the rule."""
    of_rule = modules_behind("tidegate.simulator.tidegate_policy", knows_rule=True)
    of_rival = modules_behind("tidegate.simulator.rivals.horizontal_pod_autoscaler", knows_rule=False)
    both = {"tidegate.simulator.replica", "tidegate.simulator.replay", "tidegate.simulator.virtual_pods"}
    assert both <= of_rule & of_rival
    assert {"tidegate.scaling.decide", "tidegate.scaling.terms"} <= of_rule
    assert [name for name in of_rival if name.startswith("tidegate.scaling")] == ["tidegate.scaling.behavior"]
    assert "tidegate.simulator.rivals.knative" not in of_rival


def test_every_run_has_a_key_of_its_own() -> None:
    """No two of the bench's runs are taken for each other, and each key is the same when asked for again."""
    jobs = list(dict.fromkeys(first_jobs(["code-x2", "conversation-x3"], seeds=(1, 2))))
    keys = [key(job) for job in jobs]
    assert len(set(keys)) == len(jobs)
    assert [key(job) for job in jobs] == keys


def test_a_policy_that_cannot_say_what_it_is_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address in its description would differ by the run: the cache would never be right."""
    monkeypatch.setattr(cache, "repr", lambda _: "<Policy object at 0x7f>", raising=False)
    with pytest.raises(ValueError, match="names an address"):
        key(RIVAL)


def test_a_change_of_words_is_no_change_of_code() -> None:
    """Comments, docstrings and layout leave runs alone; a number does not."""
    one = 'def f():\n    """Say."""\n    return 1  # one\n'
    other = 'def f():\n    """Say it\n    better."""\n\n    return (\n        1\n    )\n'
    assert code_of(one) == code_of(other)
    assert code_of(one) != code_of(one.replace("return 1", "return 2"))


def test_a_table_counts_only_by_the_entry_that_is_used() -> None:
    """A model that is added runs nothing again; other values of the module do."""
    one, other = "MODELS = {1: 2}\nLIMIT = 3\n", "MODELS = {1: 2, 4: 5}\nLIMIT = 3\n"
    assert code_of(one) != code_of(other)
    assert code_of(one, "MODELS") == code_of(other, "MODELS")
    assert code_of(one, "MODELS") != code_of(one.replace("3", "4"), "MODELS")


def test_a_run_that_was_kept_is_found_by_who_depends_on_the_same(tmp_path: Path) -> None:
    """A new cache on the same directory finds it; another seed does not."""
    assert RunCache(tmp_path).find(RIVAL) is None
    RunCache(tmp_path).keep(RIVAL, {"sloAttainment": 0.5})
    assert RunCache(tmp_path).find(RIVAL) == {"sloAttainment": 0.5}
    assert RunCache(tmp_path).find(Job(case="code-x2", policy="hpa-running=24", seed=2)) is None
    assert [path.suffix for path in tmp_path.iterdir()] == [".gz"]


def test_the_bench_runs_every_rival_there_is() -> None:
    """A rival that somebody adds to the catalogue is measured without a word here."""
    assert {job.policy.partition("=")[0] for job in first_jobs()} == {TIDEGATE, *RIVALS}
