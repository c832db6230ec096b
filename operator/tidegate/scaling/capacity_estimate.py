"""From what was learned of a replica to what it can do: step times, sizes of requests, what limits a batch."""

from dataclasses import dataclass, replace
from typing import Self

from tidegate.scaling.capacity import Capacity
from tidegate.scaling.sizes import Sums
from tidegate.scaling.step_time import StepTime

DEFAULT_BATCH = 16.0
"""Requests at once in a full replica, where neither its arguments nor its KV cache nor its queue have shown how many:
what many engines are started with. More than twice what was ever seen is not counted on."""

HALF_LIFE_SECONDS = 120.0

FULL_SECONDS = 30.0
SAME_SHARE = 0.05
"""Where requests wait for so long and as many run all the while, to this share, the engine takes no more at once."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What limits a batch: the KV cache that a running request takes, or how many a full pod was seen to hold."""

    kv_share: float = 0.0
    running: float = 0.0
    time: float | None = None
    full_batch: float | None = None
    """Running requests of a pod in whose queue others waited."""

    most_running: float = 0.0
    """Per pod, the most that was seen."""

    full_since: float | None = None
    """Since when requests wait while always as many run; None while they do not."""

    slots: float | None = None
    """Requests that a pod held all the while that others waited, whatever room its KV cache had: an engine's own bound
    does not show in its metrics, and not always in its arguments."""

    @property
    def kv_share_per_request(self) -> float | None:
        """Mean share of one pod's KV cache, 0 to 1; None where the engine does not tell, or nothing ran yet."""
        return self.kv_share / self.running if self.running and self.kv_share else None

    def see(
        self,
        *,
        kv_share: float | None,
        running: float | None,
        is_full: bool,
        pods: int,
        now: float,
        held_when_full: float | None = None,
    ) -> Self:
        """Take in the sums over `pods` pods.

        Args:
            kv_share: of the KV cache, 0 to 1 for each pod; None where it is not shown.
            running: requests; None where they are not shown.
            is_full: whether requests wait for want of room.
            pods: how many.
            now: seconds since the epoch.
            held_when_full: running requests of a pod that is full, as a mean; where not told, of all pods.
        """
        if not running or not pods:  # Nothing fades: what was last known is as good as anything.
            return replace(self, time=now, full_since=None)
        keep = 1.0 if self.time is None else 0.5 ** (max(0.0, now - self.time) / HALF_LIFE_SECONDS)
        seen = replace(self, time=now, kv_share=self.kv_share * keep, running=self.running * keep)
        held = running / pods
        full = held if held_when_full is None else held_when_full
        full_since = self._full_since(full, now) if is_full else None
        is_bound = full_since is not None and now - full_since >= FULL_SECONDS
        return replace(
            seen,
            kv_share=seen.kv_share + (kv_share or 0.0),
            running=seen.running + running,
            full_batch=full if is_full else self.full_batch,
            most_running=max(self.most_running, held),
            full_since=full_since,
            slots=full if is_bound else self._slots_but_for(max(held, full)),
        )

    def _full_since(self, held: float, now: float) -> float:
        is_same = self.full_batch is not None and abs(held - self.full_batch) <= SAME_SHARE * self.full_batch
        return self.full_since if is_same and self.full_since is not None else now

    def _slots_but_for(self, held: float) -> float | None:
        """What was taken for a bound is none once more are held."""
        return None if self.slots is not None and held > self.slots * (1 + SAME_SHARE) else self.slots


def given_capacity(units_per_second: float, sums: Sums, *, unit_is_request: bool) -> Capacity | None:
    """What one replica is given to do by the policy; None while the size of requests is not known."""
    size = 1.0 if unit_is_request else sums.work_per_request
    if not size:
        return None
    return Capacity(
        requests_per_second=units_per_second / size,
        units_per_second=units_per_second,
        busy_seconds_per_request=size / units_per_second,
        batch=None,
        doubt=0.0,
        is_given=True,
    )


def capacity_of(
    steps: StepTime,
    sums: Sums,
    occupancy: Occupancy,
    *,
    kv_target: float,
    max_sequences: int | None,
    inter_token_seconds: float | None,
) -> Capacity | None:
    """What one replica can do of requests of the present sizes; None while that is not known.

    A request keeps a replica busy for c * its prompt + (beta + alpha / batch) * its answer: the time of a step is
    shared by all sequences in it.

    Args:
        steps: how long steps take.
        sums: the sizes of requests.
        occupancy: what limits the batch.
        kv_target: share of the KV cache to fill at most, 0 to 1.
        max_sequences: the engine's own bound on the batch.
        inter_token_seconds: the promise, if there is one: a fuller batch would break it.
    """
    if steps.seconds is None or not sums.answers:
        return None
    alpha, beta, c = steps.seconds
    prompt = sums.prompt_work / sums.prompts if sums.prompts else 0.0
    answer = sums.other_work / sums.answers
    batch = _batch(occupancy, kv_target, max_sequences)
    if inter_token_seconds is not None and answer > 0:
        batch = min(batch, _largest_batch_within(inter_token_seconds, steps.seconds, prompt / answer))
    busy = c * prompt + (beta + alpha / batch) * answer
    if busy <= 0:
        return None
    gradient = (answer / batch, answer, prompt)
    variance = sum(gradient[i] * gradient[j] * steps.covariance[i][j] for i in range(3) for j in range(3))
    return Capacity(
        requests_per_second=1 / busy,
        units_per_second=(prompt + answer) / busy,
        busy_seconds_per_request=busy,
        batch=batch,
        doubt=max(0.0, variance) ** 0.5 / busy,
    )


def _batch(occupancy: Occupancy, kv_target: float, max_sequences: int | None) -> float:
    bounds = [] if max_sequences is None else [float(max_sequences)]
    share = occupancy.kv_share_per_request
    if share is not None:
        bounds.append(kv_target / share)
    if occupancy.slots is not None:
        bounds.append(occupancy.slots)
    if occupancy.full_batch is not None and share is None:
        bounds.append(occupancy.full_batch)
    if not bounds:
        bounds = [DEFAULT_BATCH, 2 * occupancy.most_running]
    return max(1.0, min(bounds))


def _largest_batch_within(seconds: float, steps: tuple[float, float, float], prompt_per_token: float) -> float:
    """The batch at which a step lasts so long: each sequence brings its share of prompts along."""
    alpha, beta, c = steps
    per_sequence = beta + c * prompt_per_token
    return max(1.0, (seconds - alpha) / per_sequence) if per_sequence > 0 else float("inf")
