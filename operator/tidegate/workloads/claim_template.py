"""The ResourceClaimTemplate of a service whose replicas get their devices by claims."""

from collections.abc import Mapping
from typing import Any

from tidegate.workloads.hashing import digest, with_body_hash
from tidegate.workloads.owner import Document, Owner, child_metadata


def claim_template_name(owner: Owner, claim: Mapping[str, Any]) -> str:
    """Its name, with a hash of what is claimed: a template cannot be changed, so another claim is another template.

    Args:
        owner: the service.
        claim: `devices` of the claim.
    """
    return f"{owner.name}-{digest(claim)}"


def claim_template(owner: Owner, claim: Mapping[str, Any]) -> Document:
    """Make its body for server-side apply.

    Templates of earlier claims stay until the service goes: `kubectl rollout undo` needs them, and they cost nothing.
    """
    body = child_metadata(owner, labels={}, annotations={})
    return with_body_hash(
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaimTemplate",
            "metadata": {**body, "name": claim_template_name(owner, claim)},
            "spec": {"spec": {"devices": dict(claim)}},
        }
    )
