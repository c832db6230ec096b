"""What the real loop records is decided again identically: over rotations, restarts, broken pages and new policies."""

import json
import stat
from pathlib import Path

from cluster_objects import LEAST, NAMESPACE
from flights import MIB, RecordedOperator, decided_again, segments

from tidegate.cluster.resources import INFERENCE_SERVICES

SCALED = {
    **LEAST,
    "scaling": {
        "maxReplicas": 24,
        "tokenThroughput": {"targetPerReplica": 25},
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 30}},
    },
}


async def flown(directory: Path, *, turns: int, pods: int = 24, **options: int) -> RecordedOperator:
    """An operator with one service that has served for some turns."""
    operator = RecordedOperator(directory, **options)
    operator.apply(SCALED)
    await operator.turn()
    await operator.serve(turns, pods=pods)
    return operator


async def test_every_decision_comes_out_the_same(tmp_path: Path) -> None:
    """NaN, failures, restarts of pods and looks between two scrapes among them."""
    operator = await flown(tmp_path, turns=150)
    operator.land()

    again, recording = decided_again(tmp_path)

    assert (again.differing, recording.notes, recording.left_out) == (0, [], 0)
    assert again.decisions == operator.outcomes["Recorded"] >= 150
    text = segments(tmp_path)[0].read_text()
    assert '"nan"' in text
    assert '"Timeout"' in text
    assert len({json.loads(line)["decision"]["to_replicas"] for line in text.splitlines()[1:]}) > 3


async def test_files_are_bounded_and_each_can_be_decided_again_alone(tmp_path: Path) -> None:
    """The oldest goes when another one begins; what a segment needs from those before stands in it."""
    operator = await flown(tmp_path, turns=400, max_bytes=3 * MIB, files=3)
    operator.land()

    files = segments(tmp_path)
    assert len(files) == 3
    assert files[0].name != "recording-000001.jsonl"
    assert sum(path.stat().st_size for path in files) <= 3 * MIB
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    alone = [decided_again(path)[0] for path in files]
    together, recording = decided_again(tmp_path)
    assert [again.differing for again in (*alone, together)] == [0, 0, 0, 0]
    assert together.decisions == sum(again.decisions for again in alone) > 100
    assert recording.notes == []


async def test_a_restart_begins_with_the_memory_that_was_adopted(tmp_path: Path) -> None:
    """The next segment goes on with the numbers, and says that its memory is not that of the line before."""
    operator = await flown(tmp_path, turns=20)
    operator.restart()
    await operator.serve(20, pods=24)
    operator.land()

    first, second = segments(tmp_path)
    again, recording = decided_again(tmp_path)
    assert (again.differing, recording.notes) == (0, [])
    assert [json.loads(path.read_text().splitlines()[0])["segment"] for path in (first, second)] == [1, 2]
    assert json.loads(second.read_text().splitlines()[1])["adopted"] is True


async def test_policy_and_memory_are_written_when_they_are_needed(tmp_path: Path) -> None:
    """Both in the first line of each service, the policy again when it changes, and nothing else of the spec."""
    operator = RecordedOperator(tmp_path)
    secret = {"template": {"spec": {"containers": [{"name": "engine", "env": [{"name": "K", "value": "hush"}]}]}}}
    operator.apply({**LEAST, **secret})
    operator.apply(LEAST, name="other")
    await operator.turn()
    for _ in range(3):
        await operator.turn()
    operator.apply({**LEAST, **secret, "scaling": {"minReplicas": 2}}, generation=2)
    await operator.turn()
    operator.land()

    text = segments(tmp_path)[0].read_text()
    lines = [json.loads(line) for line in text.splitlines()[1:]]
    given = {
        name: [("policy" in line, "memory" in line) for line in lines if line["service"] == f"{NAMESPACE}/{name}"]
        for name in ("chat", "other")
    }
    unchanged = [(False, False)] * 2
    assert given == {
        "chat": [(True, True), *unchanged, (True, False)],
        "other": [(True, True), *unchanged, (False, False)],
    }
    assert "hush" not in text
    assert decided_again(tmp_path)[0].differing == 0


async def test_a_service_made_anew_begins_anew(tmp_path: Path) -> None:
    """Deleted and applied under the same name, it has nothing of the memory before."""
    operator = await flown(tmp_path, turns=5)
    operator.cluster.lose(INFERENCE_SERVICES, (NAMESPACE, "chat"))
    await operator.turn()
    operator.apply(SCALED)
    await operator.serve(5, pods=24)
    operator.land()

    lines = [json.loads(line) for line in segments(tmp_path)[0].read_text().splitlines()[1:]]
    assert [line["adopted"] for line in lines if "memory" in line] == [True, True]
    assert decided_again(tmp_path)[0].differing == 0


async def test_nothing_is_written_before_there_is_something_to_write(tmp_path: Path) -> None:
    """An operator that stands by makes no files, and takes none from the one that leads."""
    operator = RecordedOperator(tmp_path / "new")
    await operator.turn()
    operator.land()

    assert not (tmp_path / "new").exists()
