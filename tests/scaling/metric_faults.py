"""What can be wrong with a pod's metrics."""

from collections.abc import Callable
from dataclasses import replace

from serving_pod import ServingPod

from tidegate.scaling.sample import Sample, ScrapeFailure

Reading = Sample | ScrapeFailure | None
Fault = Callable[[ServingPod, Sample], Reading]
"""What is read instead of a pod's sample; None leaves the reading before it in place."""


def unreadable(_: ServingPod, sample: Sample) -> Reading:
    """The page cannot be had."""
    return ScrapeFailure(time=sample.time, reason="Timeout", message="no answer within 2 s")


def unread(_: ServingPod, __: Sample) -> Reading:
    """Nobody asks: the last sample gets older."""
    return None


def without(*names: str) -> Fault:
    """The page lacks these signals."""
    return lambda _, sample: replace(sample, **dict.fromkeys(names))


def showing(value: float, *names: str) -> Fault:
    """The page gives this value for these signals."""
    return lambda _, sample: replace(sample, **dict.fromkeys(names, value))


def only(uid: str, fault: Fault) -> Fault:
    """Just this pod has the fault."""
    return lambda pod, sample: fault(pod, sample) if pod.uid == uid else sample
