"""Why a Prometheus does not have a pod's metrics, or no new ones: what it says of its own scrapes tells. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from tidegate.engines.table import EngineTable
from tidegate.metrics.failure import ScrapeError, ScrapeReason
from tidegate.metrics.prometheus_queries import NAMESPACE_LABEL, POD_LABEL
from tidegate.metrics.prometheus_series import PodName


def outcomes_by_pod(answer: Any) -> dict[PodName, list[bool]]:
    """Whether each pod's last scrapes went well, from the answer to `scrape_outcomes`.

    Raises:
        ValueError: it is not one.
    """
    by_pod: dict[PodName, list[bool]] = {}
    try:
        for one in answer:
            labels = one["metric"]
            pod = (labels.get(NAMESPACE_LABEL, ""), labels[POD_LABEL])
            by_pod.setdefault(pod, []).append(float(one["value"][1]) == 1.0)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise ValueError("the answer is not a vector of labelled values") from error
    return by_pod


def diagnosed(
    error: ScrapeError,
    pod: PodName,
    table: EngineTable,
    matchers: Iterable[tuple[str, str]],
    outcomes: Sequence[bool] | None,
) -> ScrapeError:
    """Say why there is nothing of a pod, or nothing new.

    Args:
        error: that there is not.
        pod: the pod.
        table: its engine's table.
        matchers: labels and values that were asked for besides.
        outcomes: whether its last scrapes went well, by target; empty where it is not scraped; None if unknown.
    """
    looked_for = _looked_for(pod, matchers)
    if outcomes is None:
        return ScrapeError(error.reason, f"{error}; looked for {looked_for}")
    if any(outcomes):
        example = next(iter(table.metrics.values()))[0].name
        return ScrapeError(
            ScrapeReason.NO_KNOWN_METRICS,
            f"the pod is scraped, but lately had none of the metrics of engine type {table.type}, such as {example}; "
            "check engine.type, which port and path are scraped, and that no relabeling drops them",
        )
    if outcomes:
        why = 'its scrapes of the pod fail; "Targets" in its own pages says why'
    else:
        why = (
            f"it does not scrape the pod, or not under these labels: {looked_for}; make a PodMonitor for it, and check "
            "relabelings and --prometheus-matcher"
        )
    return ScrapeError(error.reason, f"{error}: {why}")


def _looked_for(pod: PodName, matchers: Iterable[tuple[str, str]]) -> str:
    labels = ((NAMESPACE_LABEL, pod[0]), (POD_LABEL, pod[1]), *matchers)
    return ", ".join(f'{label}="{value}"' for label, value in labels)
