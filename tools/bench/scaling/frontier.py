"""What a share of kept promises costs in hindsight, and how much more somebody paid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One way to run a service through a trace."""

    attainment: float
    """Share of requests whose promise was kept, 0 to 1."""

    gpu_hours: float


@dataclass(frozen=True, slots=True)
class Regret:
    """GPU hours in units of what hindsight would have paid for the same."""

    ratio: float
    beyond: bool = False
    """Whether no point in hindsight kept the promise as often: the ratio is against the best there is, too high."""

    below: bool = False
    """Whether every point kept it more often: the ratio is against the cheapest there is, too low."""


def pareto(points: Iterable[Point]) -> list[Point]:
    """The points that no other beats in one and equals in the other, by rising attainment and so by rising cost."""
    best: list[Point] = []
    for point in sorted(points, key=lambda it: (-it.attainment, it.gpu_hours)):
        if not best or point.gpu_hours < best[-1].gpu_hours:
            best.append(point)
    return best[::-1]


def regret(point: Point, frontier: Sequence[Point]) -> Regret:
    """How much more than the frontier costs at the same attainment.

    Between two points of the frontier the cost is interpolated: each could be used for a part of the time. Outside
    of it the nearest point is taken, and the answer says so.

    Raises:
        ValueError: if the frontier is empty.
    """
    if not frontier:
        raise ValueError("the frontier has no points; run static sizes or clairvoyants of this set-up")
    if point.attainment > frontier[-1].attainment:
        return Regret(point.gpu_hours / frontier[-1].gpu_hours, beyond=True)
    if point.attainment <= frontier[0].attainment:
        return Regret(point.gpu_hours / frontier[0].gpu_hours, below=point.attainment < frontier[0].attainment)
    for low, high in pairwise(frontier):
        if point.attainment <= high.attainment:
            part = (point.attainment - low.attainment) / (high.attainment - low.attainment)
            return Regret(point.gpu_hours / (low.gpu_hours + part * (high.gpu_hours - low.gpu_hours)))
    raise AssertionError("unreachable: the point lies within the frontier")
