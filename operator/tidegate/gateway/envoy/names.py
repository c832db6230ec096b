"""Names that Envoy's configuration and the picker have to agree on."""

DESTINATION_HEADER = "x-gateway-destination-endpoint"
"""`IP:port` of the pod, as endpoint pickers of the Gateway API Inference Extension say it."""

PICK_HEADER = "x-pick-id"
"""Names a request from its pick to its line in the access log; a request without it is never forwarded."""

OWN_PREFIX = "x-tidegate-"
"""No client may send a header of this prefix."""

SERVICE_HEADER = "x-tidegate-service"
"""`namespace/name` of the service whose port a request came to; absent at the shared address."""

FIRST_PICK_HEADER = "x-tidegate-first-pick"
"""On the way to a second pod: the pick id of the first."""

MODEL_HEADER = "x-tidegate-model"
"""On the way to a second pod, of a request to the shared address: its model, percent-encoded."""

WARM_UP_HEADER = "x-tidegate-warm-up"
"""Of requests that the picker sends to have Envoy know an address."""

ATTEMPT_HEADER = "x-envoy-attempt-count"

METADATA_NAMESPACE = "tidegate"
"""Of what Envoy read from a body: keys MODEL_KEY and PROBLEM_KEY."""

MODEL_KEY = "model"
PROBLEM_KEY = "problem"

PICKER_CLUSTER = "picker"
ENGINES_CLUSTER = "engines"
REPICK_CLUSTER = "repick"
ENGINE_OR_REPICK_CLUSTER = "engine_or_repick"

SHARED_LISTENER = "shared"
REPICK_LISTENER = "repick"
