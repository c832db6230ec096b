"""Observations made by hand: a size, and what each pod's page says."""

from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import Sample


def page(time: float, **signals: float) -> Sample:
    """A page read at that time; signals that are not given are 0."""
    names = ("waiting", "running", "kv_usage", "requests_ended", "requests_finished", "first_tokens")
    zeros = dict.fromkeys((*names, "prompt_tokens", "generated_tokens"), 0.0)
    return Sample(time=time, **(zeros | signals))


def observed(
    size: int, *pages: Sample | None, loading: int = 0, unschedulable: int = 0, stale_after_seconds: float = 15.0
) -> Observation:
    """A service of that size: a ready pod for each page (None: it was never read), and pods that are not ready."""
    ready = [
        PodObservation(uid=f"ready-{n}", name=f"ready-{n}", ready=True, reading=each) for n, each in enumerate(pages)
    ]
    coming = [PodObservation(uid=f"loading-{n}", name=f"loading-{n}", ready=False) for n in range(loading)]
    stuck = [
        PodObservation(uid=f"stuck-{n}", name=f"stuck-{n}", ready=False, unschedulable=True)
        for n in range(unschedulable)
    ]
    return Observation(replicas=size, pods=(*ready, *coming, *stuck), stale_after_seconds=stale_after_seconds)


def alike(size: int, now: float, **signals: float) -> Observation:
    """A service of that size whose pods are all ready and all say the same now."""
    return observed(size, *(page(now, **signals) for _ in range(size)))
