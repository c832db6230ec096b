"""From records and readings to an observation. Pure."""

from collections.abc import Iterable

from tidegate.controller.records import PodRecord
from tidegate.engines.batch import max_sequences
from tidegate.engines.table import EngineTable
from tidegate.metrics.readings import Readings
from tidegate.scaling.budget import Budget
from tidegate.scaling.gateway_traffic import GatewayTraffic
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.placement import Placement


def observe(
    deployment: LiveDeployment,
    pods: Iterable[PodRecord],
    readings: Readings,
    table: EngineTable,
    *,
    place: Placement,
    replicas: int,
    owned: bool,
    yielded_to: str | None,
    gateway: GatewayTraffic | None,
    stale_after_seconds: float,
    now: float,
    budget: Budget | None = None,
    cost_per_hour: float | None = None,
) -> Observation:
    """See one service as the rule sees it. Pods that are being deleted take no more requests and count for nothing.

    Args:
        deployment: what is scaled.
        pods: its pods.
        readings: what these said last.
        table: of their engine.
        place: which of them have no place, and which are not there for it.
        replicas: its size, less the pods that drain.
        owned: whether its pods are ours; others do not drain, whatever is written on them.
        yielded_to: the other writer of the size that has been yielded to.
        gateway: what the gateways say of it; None where they have no part in it.
        stale_after_seconds: older samples say nothing about now.
        budget: what the service may cost now; None where nothing bounds it.
        now: seconds since the epoch.
        cost_per_hour: of one replica; None where no price is known.
    """
    return Observation(
        replicas=replicas,
        pods=tuple(
            PodObservation(
                uid=pod.uid,
                name=pod.key[1],
                ready=pod.ready,
                created=pod.created,
                template=pod.template,
                # A gate holds a pod back as surely as a lack of nodes: neither is on its way.
                unschedulable=pod.uid in place.waiting,
                reading=readings.get(pod.uid, now, stale_after_seconds) if pod.ready else None,
                draining=owned and pod.marks.draining_since is not None,
            )
            for pod in pods
            if not pod.leaving
        ),
        arrival_method=table.arrivals,
        expected_signals=table.expected_signals,
        prompts_counted_at=table.prompts_counted_at,
        answers_counted_at=table.answers_counted_at,
        work_unit=table.work_unit,
        max_sequences=max_sequences(table, deployment.batch_arguments),
        stale_after_seconds=stale_after_seconds,
        rollout_in_progress=deployment.rollout_in_progress,
        gateway=gateway,
        engine_is_silent=not table.metrics,
        yielded_to=yielded_to,
        refused=place.refused,
        without_place_since=place.since,
        cost_per_hour=cost_per_hour,
        budget=budget,
    )
