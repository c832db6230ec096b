"""Names that clusters remember: group, labels, annotations, field managers. Changing one is a migration."""

GROUP = "inference.tidegate.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

SERVICE_LABEL = f"{GROUP}/service"
"""On every child and its pods: the InferenceService's name. Half of the immutable selector."""

VARIANT_LABEL = f"{GROUP}/variant"
"""On every Deployment and its pods: the variant's name. The other half."""

ROUTING_LABEL = f"{GROUP}/routing"
"""On pods, and in the Service's selector only: a pod whose label is not `serving` gets no new connections."""

ROUTING_SERVING = "serving"
ROUTING_DRAINING = "draining"
ROUTING_GATEWAY = "gateway"
"""In the Service's selector only, and on no pod: it selects none, and leads where the gateways' slice does. A Service
without any selector would keep the slices that it had, and Kubernetes would mirror its Endpoints besides."""

DRAINING_SINCE_ANNOTATION = f"{GROUP}/draining-since"
"""On pods that drain: since when. It makes them such: whoever leads next goes on from there."""

DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
"""On pods, of Kubernetes: of those that are ready, a ReplicaSet takes away the ones with the lowest first."""

SHARE_LABEL = f"{GROUP}/accelerator-share"
"""On pods that have a share of an accelerator: how large it is. They are put where others of them are."""

MAX_COST_ANNOTATION = f"{GROUP}/max-cost-per-hour"
"""On Namespaces, of whoever pays: what all InferenceServices of one may cost for an hour, together."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "tidegate"

DEFAULT_VARIANT = "default"

INPUTS_HASH_ANNOTATION = f"{GROUP}/inputs-hash"
"""On a Deployment: hash of what the user wrote (spec and profile). Only a change of it rolls pods."""

RENDER_VERSION_ANNOTATION = f"{GROUP}/render-version"
"""On a Deployment: the version of the code that turned those inputs into this body."""

BODY_HASH_ANNOTATION = f"{GROUP}/body-hash"
"""On every child: hash of the body as it was applied, so that a difference is seen without comparing fields."""

FIELD_MANAGER_BODY = "tidegate"
"""Applies the bodies of children and the status of our own objects."""

FIELD_MANAGER_SCALE = "tidegate-scaler"
"""Applies replicas on `/scale`, and nothing else."""

FIELD_MANAGER_PODS = "tidegate-drain"
"""Writes the label and the two annotations of pods that leave, and nothing else."""

FIELD_MANAGER_GATEWAY = "tidegate-gateway"
"""Applies the EndpointSlices that lead to the gateways, and nothing else. A wake is a size, under the scaler's name."""

GATEWAY_LABEL = f"{GROUP}/gateway"
"""On the Lease that each gateway keeps: the name of the install that it belongs to."""

GATEWAY_ADDRESS_ANNOTATION = f"{GROUP}/gateway-address"
"""On that Lease: the address of the gateway's listeners."""

GATEWAY_METRICS_ANNOTATION = f"{GROUP}/gateway-metrics"
"""On that Lease: address and port of the gateway's metrics."""

GATEWAY_STATE_ANNOTATION = f"{GROUP}/gateway-state"
"""On that Lease: `serving`, or `leaving` for one that ends and takes no more connections."""

SLICE_MANAGED_BY = f"gateway.{GROUP}"
"""Value of `endpointslice.kubernetes.io/managed-by` on slices that lead to the gateways: no other controller's."""

MAXIMUM_NAME_LENGTH = 40
"""Of an InferenceService: leaves room for `-<variant>` and for a pod's two hashes within 63 characters."""


def deployment_name(service: str, variant: str) -> str:
    """The Deployment of a variant: that of the default one bears the service's name."""
    return service if variant == DEFAULT_VARIANT else f"{service}-{variant}"
