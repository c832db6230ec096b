"""Which pod: the least loaded for its weight, or the one that knows the caller while it is not overloaded."""

import math
import random
from collections.abc import Callable, Iterable
from hashlib import blake2b

from tidegate.gateway.policy.pod_load import PodLoad

BOUND = 1.25
"""Of the mean load: a pod with more gets no request for affinity's sake (consistent hashing with bounded loads)."""

Places = Callable[[PodLoad], int]
"""How many requests of this gateway a pod takes at once."""

_BITS = 52  # What a float holds with a half beside it.


def least_loaded(pods: Iterable[PodLoad], *, places: Places, source: random.Random) -> PodLoad | None:
    """The pod that would have the least load for its weight with one request more; None where no place is free.

    With one more, not as it is: of pods that have nothing to do, those of the greatest weight are the fastest. So
    shares follow the weights as closely as whole requests can (D'Hondt's rule for seats).

    Args:
        pods: those that may be picked.
        places: of each of them.
        source: decides between equals.
    """
    best: list[PodLoad] = []
    least = math.inf
    for pod in pods:
        load = pod.in_flight + pod.inherited
        if load >= places(pod):
            continue
        share = (load + 1) / pod.pod.weight
        if share < least:
            best, least = [pod], share
        elif share == least:
            best.append(pod)
    if len(best) > 1:
        return best[int(source.random() * len(best))]
    return best[0] if best else None


def by_affinity(value: str, pods: Iterable[PodLoad], *, places: Places) -> PodLoad | None:
    """The pod that requests with this value go to, or the next in its order that is not overloaded.

    The order is that of weighted rendezvous hashing: a pod that comes or goes moves only its own share of the values.

    Args:
        value: of the affinity header.
        pods: those that may be picked.
        places: of each of them.

    Returns:
        None where no pod that is below its share of the work has a free place.
    """
    free = list(pods)
    weight = sum(pod.pod.weight for pod in free)
    work = sum(pod.load for pod in free) + 1
    best, most = None, -math.inf
    for pod in free:
        bound = math.ceil(BOUND * work * pod.pod.weight / weight)
        if pod.load >= min(places(pod), bound):
            continue
        rank = pod.pod.weight / -math.log(_fraction(value, pod.pod.uid))
        if rank > most:
            best, most = pod, rank
    return best


def _fraction(value: str, uid: str) -> float:
    """A number between 0 and 1, both excluded, that the two settle."""
    digest = blake2b(value.encode("utf-8", "surrogateescape"), digest_size=8, key=uid.encode()[:64]).digest()
    return ((int.from_bytes(digest) >> (64 - _BITS)) + 0.5) / (1 << _BITS)
