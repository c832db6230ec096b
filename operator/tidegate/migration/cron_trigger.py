"""KEDA's `cron` trigger: a span of time with more replicas is a schedule here.

Source: keda.sh/docs/2.17/scalers/cron (timezone, start, end and desiredReplicas; five cron fields).
"""

import re

from tidegate.api.scaling import MAXIMUM_SCHEDULES, Schedule
from tidegate.migration.autoscaler import Autoscaler, quoted
from tidegate.migration.documents import RefusedError, parsed
from tidegate.migration.kinds import Trigger
from tidegate.scaling.schedules import fault


def add_schedule(autoscaler: Autoscaler, trigger: Trigger) -> None:
    """Take a cron trigger over, or say why it could not be."""
    metadata = trigger.metadata or {}
    what = f"trigger cron from {quoted(str(metadata.get('start')))} to {quoted(str(metadata.get('end')))}"
    replicas = str(metadata.get("desiredReplicas", ""))
    if len(autoscaler.schedules) == MAXIMUM_SCHEDULES:
        autoscaler.lost.append(f"{what}: a service has at most {MAXIMUM_SCHEDULES} schedules")
        return
    if not re.fullmatch("[0-9]{1,9}", replicas):
        autoscaler.lost.append(f"{what}: desiredReplicas: {quoted(replicas)} is not a number of replicas")
        return
    wanted = int(replicas)
    if wanted <= autoscaler.minimum:
        autoscaler.notes.append(f"{what}: asks for {wanted}, and minReplicas {autoscaler.minimum} is as many")
        return
    document = {
        "name": _name(autoscaler, trigger),
        "start": metadata.get("start"),
        "end": metadata.get("end"),
        "timeZone": metadata.get("timezone"),
        "minReplicas": min(wanted, autoscaler.maximum),
    }
    try:
        wrong = fault(parsed(Schedule, document, "schedule"))
    except RefusedError as error:
        wrong = str(error)
    if wrong:
        autoscaler.lost.append(f"{what}: {wrong}")
        return
    autoscaler.schedules.append(document)
    if wanted > autoscaler.maximum:
        autoscaler.notes.append(f"{what}: asks for {wanted}, above maxReplicas: {autoscaler.maximum} is taken")


def _name(autoscaler: Autoscaler, trigger: Trigger) -> str:
    """The trigger's own name, as far as one may be written so; or a number."""
    name = re.sub("[^a-z0-9]+", "-", (trigger.name or "").lower()).strip("-")[:50]
    taken = {schedule["name"] for schedule in autoscaler.schedules}
    return name if name and name not in taken else f"{name or 'cron'}-{len(autoscaler.schedules) + 1}"
