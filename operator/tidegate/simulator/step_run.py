"""Steps of one replica that are all alike."""

from dataclasses import dataclass

from .request import Request


@dataclass(slots=True)
class StepRun:
    """``steps`` of equal length, one after the other from ``start``; prompts are prefilled in runs of one step."""

    start: float
    step_seconds: float
    steps: int
    prefills: tuple[tuple[Request, int], ...] = ()
    """Each with the tokens of its prompt that are computed."""

    @property
    def end(self) -> float:
        """When the last of them ends."""
        return self.start + self.steps * self.step_seconds

    def completed(self, time: float) -> int:
        """Steps that have ended by ``time``; the last millionth of a step counts as its end (rounding)."""
        if time >= self.end:  # However short the steps are: the clock may be too coarse to tell them apart.
            return self.steps
        return min(self.steps, int((time - self.start) / self.step_seconds + 1e-6))
