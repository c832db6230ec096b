"""Who owns a Deployment's replicas, and the next write of them.

ADR 3 and the contract tests show what the API server records after which write.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.api.names import FIELD_MANAGER_BODY, FIELD_MANAGER_SCALE
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.managed_fields import APPLY, FieldManager, Path

REPLICAS: Path = ("f:spec", "f:replicas")

_BODY = (FIELD_MANAGER_BODY, APPLY, "")
_SCALER = (FIELD_MANAGER_SCALE, APPLY, "scale")

_INVENTED = "before-first-apply"
"""Named as the owner of a value that nobody owned, when the first apply over it arrives: nobody to report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaWriter:
    """A writer of replicas that is not Tidegate."""

    name: str
    """Its field manager: kubectl, kubectl-edit, helm, ...; kube-controller-manager for a HorizontalPodAutoscaler."""

    operation: str
    """Apply or Update."""

    subresource: str
    """`scale`, or empty for a write of the Deployment itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaOwnership:
    """Who owns `spec.replicas`. Nobody at all is possible: a default, or a zero written through /scale."""

    scaler: bool
    """Our scaler does. Others beside it agree with it and are no rivals."""

    body: bool
    """The body does: creation was cut off, or no other size was written since."""

    foreign: tuple[ReplicaWriter, ...]


def replica_ownership(managers: Iterable[FieldManager]) -> ReplicaOwnership:
    """Read from a Deployment's field managers who owns its replicas."""
    owners = [(manager.name, manager.operation, manager.subresource) for manager in managers if manager.owns(REPLICAS)]
    return ReplicaOwnership(
        scaler=_SCALER in owners,
        body=_BODY in owners,
        foreign=tuple(
            ReplicaWriter(name=name, operation=operation, subresource=subresource)
            for name, operation, subresource in owners
            if (name, operation, subresource) not in {_BODY, _SCALER} and name != _INVENTED
        ),
    )


def replicas_in_body(live: LiveDeployment) -> int | None:
    """The replicas that an apply of the body must carry: None, unless the body alone owns them.

    Left out then, they would be reset to 1: a pod more or fewer. This is what a crash between the two writes of a
    creation leaves behind; in modes that must not write /scale it may stay so. The number is right only for the
    resourceVersion it was read at: apply the body with it.
    """
    ownership = replica_ownership(live.managers)
    sole = ownership.body and not ownership.scaler and not ownership.foreign
    return live.replicas if sole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Apply the body with this size, then at once the same size to /scale."""

    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Apply this size to /scale as our scaler, with force and with the resourceVersion.

    Force, because the API server asks for it at zero and while the body still shares the claim; it takes nothing
    unseen, because the resourceVersion is the one at which the size and its owners were read.
    """

    from_replicas: int
    to_replicas: int
    """Equal to `from_replicas` where only the ownership is claimed: to finish a creation, or to take over a target."""

    resource_version: str


def replicas_step(live: LiveDeployment | None, wanted: int, *, owned: bool, may_scale: bool) -> Create | Scale | None:
    """Say which write brings a Deployment to its size.

    Args:
        live: the Deployment as it is; None when it is not there.
        wanted: the size that was decided.
        owned: whether it is ours, and so ours to create; False for a targetRef.
        may_scale: whether sizes are written: mode Automatic, and not yielded to another writer. Creation is always
            allowed.

    Returns:
        None when there is nothing to write.
    """
    if live is None:
        return Create(replicas=wanted) if owned else None
    if not may_scale or live.deleting:
        return None
    if live.replicas == wanted and replica_ownership(live.managers).scaler:
        return None
    return Scale(from_replicas=live.replicas, to_replicas=wanted, resource_version=live.resource_version)
