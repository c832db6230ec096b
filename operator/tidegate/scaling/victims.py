"""Who leaves first: the pods that lose the least by it."""

from tidegate.scaling.observation import PodObservation
from tidegate.scaling.sample import Sample, believable

Emptiness = tuple[bool, float, float, float, str]
"""Sorts pods, the emptiest first."""


def emptiness(pod: PodObservation) -> Emptiness:
    """How empty a pod is, to sort by: fewest requests, then least KV cache in use, then newest, then by name.

    A pod that has not been read, or does not tell of requests, is taken for fuller than any that does: it may be busy.
    """
    requests, kv_usage = _load(pod)
    return (requests is None, requests or 0.0, kv_usage, -(pod.created or 0.0), pod.name)


def is_idle(sample: Sample) -> bool:
    """Whether a sample says that nothing is left to finish. One that does not tell how many requests run says nothing.

    Engines that tell of running requests and not of waiting ones have no queue of their own.
    """
    return believable(sample.running) == 0 and (sample.waiting is None or believable(sample.waiting) == 0)


def _load(pod: PodObservation) -> tuple[float | None, float]:
    if not isinstance(pod.reading, Sample):
        return None, 0.0
    sample = pod.reading
    told = [value for value in (believable(sample.running), believable(sample.waiting)) if value is not None]
    return (sum(told) if told else None), believable(sample.kv_usage) or 0.0
