"""An operator that records, and what becomes of its recording."""

import math
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from cluster_objects import NAMESPACE
from operator_under_test import OperatorUnderTest

from tidegate.cluster.resources import DEPLOYMENTS
from tidegate.controller.recorder import Recorder, RecordingOptions
from tidegate.simulator.recording import Recording, open_recording
from tidegate.simulator.redecide import Redecided, SamePolicy

MIB = 1024 * 1024
COUNTERS = ("requests_ended", "requests_finished", "first_tokens", "prompt_tokens", "generated_tokens", "steps")

TROUBLES: list[str | dict[str, float]] = ["Timeout", {"waiting": math.nan}, {}]
"""What a pod says that cannot be read, is out of its mind, or has just started anew."""


class RecordedOperator(OperatorUnderTest):
    """An operator under test whose decisions are recorded."""

    def __init__(self, directory: Path, *, max_bytes: int = 64 * MIB, files: int = 4, **options: Any) -> None:
        self.directory = directory
        self.outcomes: Counter[str] = Counter()
        self._options = RecordingOptions(directory=directory, max_bytes=max_bytes, files=files)
        self._start_recorder()
        self._random = Random(7)  # noqa: S311 - no secret
        super().__init__(**options)

    def restart(self) -> None:
        """A new process: another recorder, on the same directory."""
        self.land()
        self._start_recorder()
        super().restart()

    def land(self) -> None:
        """End the recording; all that was seen is on disk."""
        self._recorder.__exit__(None, None, None)

    async def serve(self, turns: int, *, pods: int, name: str = "chat") -> None:
        """Let pods serve a load that comes in waves; now and then one of them is broken for a while, or starts anew."""
        for turn in range(turns):
            size = self.cluster.found(DEPLOYMENTS, (NAMESPACE, name))["spec"]["replicas"]
            self.start_pods(min(pods, size), name, ready=self._random.random() < 0.98)
            wave = 1 + math.sin(self.now / 60)
            for number in range(1, pods + 1):
                self._serve(f"127.0.0.{number}", wave)
            if turn % 20 >= 15:
                self.pods.says["127.0.0.1"] = TROUBLES[turn // 20 % len(TROUBLES)]
            await self.turn()
            await self.turn(after=0.5)

    def _serve(self, address: str, wave: float) -> None:
        before, chance = self.pods.says.get(address), self._random.random
        signals = before if isinstance(before, dict) else {}
        counters = {name: signals.get(name, 0.0) + wave * 100 * chance() for name in COUNTERS}
        self.pods.says[address] = {
            **counters,
            "running": 20 * chance(),
            "waiting": max(0.0, 10 * wave - 8 * chance()),
            "kv_usage": wave / 3,
        }

    def _start_recorder(self) -> None:
        self._recorder = Recorder(self._options, lambda outcome: self.outcomes.update([outcome])).__enter__()
        self.record = self._recorder.take


def decided_again(path: Path) -> tuple[Redecided, Recording]:
    """Decide a recording again."""
    recording, same = open_recording(path), SamePolicy()
    for step in recording.steps():
        same.see(step)
    return same.outcome, recording


def segments(directory: Path) -> list[Path]:
    """The files of a recording, oldest first."""
    return sorted(directory.iterdir())
