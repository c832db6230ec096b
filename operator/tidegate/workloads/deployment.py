"""The Deployment of a service, or of one of its variants, as it is applied."""

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import (
    DEFAULT_VARIANT,
    INPUTS_HASH_ANNOTATION,
    RENDER_VERSION_ANNOTATION,
    ROUTING_LABEL,
    ROUTING_SERVING,
    SERVICE_LABEL,
    VARIANT_LABEL,
    deployment_name,
)
from tidegate.workloads.claim_template import claim_template_name
from tidegate.workloads.granted import granted
from tidegate.workloads.hashing import RENDER_VERSION, inputs_hash, with_body_hash
from tidegate.workloads.owner import Document, Owner, child_metadata
from tidegate.workloads.pod_template import TERMINATION_GRACE_SECONDS, pod_template

PROGRESS_MARGIN_SECONDS = 600 + TERMINATION_GRACE_SECONDS
"""On top of the time to load a model: ten minutes to pull an image of 10 to 20 GB, and the old pod's end, which must
give its accelerators back before the new pod can be placed."""

REVISION_HISTORY_LIMIT = 3
"""ReplicaSets kept for `kubectl rollout undo`; ten, the default, make a fleet of thousands slow to list."""


def deployment(
    owner: Owner,
    spec: InferenceServiceSpec,
    profile: AcceleratorProfileSpec | None,
    variant: str = DEFAULT_VARIANT,
) -> Document:
    """Make the body of the Deployment of one of a service's variants for server-side apply.

    It carries no `spec.replicas`: these have an owner of their own (`tidegate.workloads.ownership`), which also says
    when the caller must add them.

    Args:
        owner: the service, after which it is named.
        spec: its spec, with an `engine`; of a variant, what `InferenceServiceSpec.of_variant` gives.
        profile: the profile that `spec.accelerator` names; None without an accelerator.
        variant: which way to run the model it is.

    Returns:
        The body, with the annotations that hold the hash of the inputs, the render version and its own hash.

    Raises:
        TemplateConflictError: `spec.template` would break the service.
        AcceleratorError: the accelerator that is asked for cannot be given.
        ValueError: the spec has no engine, or an accelerator without its profile.
    """
    if spec.engine is None:
        raise ValueError("spec.engine: None: a Deployment is made for services with an engine only, not for targetRef")
    given = granted(spec, profile)
    additions = given.allocation.additions
    selector = {SERVICE_LABEL: owner.name, VARIANT_LABEL: variant}
    metadata = child_metadata(
        owner,
        labels={VARIANT_LABEL: variant, **additions.workload_labels},
        annotations={
            INPUTS_HASH_ANNOTATION: inputs_hash(spec, profile),
            RENDER_VERSION_ANNOTATION: RENDER_VERSION,
        },
    )
    body: Document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, "name": deployment_name(owner.name, variant)},
        "spec": {
            "selector": {"matchLabels": selector},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": _rolling_update(scarce=spec.accelerator is not None),
            },
            "progressDeadlineSeconds": spec.engine.startup_timeout_seconds + PROGRESS_MARGIN_SECONDS,
            "revisionHistoryLimit": REVISION_HISTORY_LIMIT,
            "template": pod_template(
                labels={**selector, ROUTING_LABEL: ROUTING_SERVING},
                engine=spec.engine,
                model_name=spec.model.name,
                additions=additions,
                share_flags=given.flags,
                claim_template=claim_template_name(owner, additions.claim) if additions.claim else None,
                user_template=spec.template.to_overlay() if spec.template else None,
            ),
        },
    }
    return with_body_hash(body)


def _rolling_update(*, scarce: bool) -> Document:
    """One pod at a time: before the old one goes, or where a free accelerator may not exist, after it."""
    return {"maxSurge": 0, "maxUnavailable": 1} if scarce else {"maxSurge": 1, "maxUnavailable": 0}
