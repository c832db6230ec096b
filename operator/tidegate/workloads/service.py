"""The Service of a service: its address inside the cluster."""

from tidegate.api.engine import ServingEngine
from tidegate.api.names import ROUTING_GATEWAY, ROUTING_LABEL, ROUTING_SERVING, SERVICE_LABEL
from tidegate.engines.catalog import engine_table
from tidegate.workloads.conflict import PORT_NAME
from tidegate.workloads.hashing import with_body_hash
from tidegate.workloads.owner import Document, Owner, child_metadata


def service(owner: Owner, engine: ServingEngine, *, to_pods: bool = True) -> Document:
    """Make the body of a service's core/v1 Service for server-side apply.

    Its port has the engine's number, so that a client's URL is the same through it and straight to a pod; pods are
    found by the port's name. It leads to pods that are in service only: draining takes the routing label's value away.

    Args:
        owner: the service, after which it is named.
        engine: the engine that answers.
        to_pods: whether it leads to the pods itself; else it leads to the gateways alone, by the slice that these keep.

    Raises:
        ValueError: a Custom engine lacks what its table needs.
    """
    port = engine_table(engine).port
    body: Document = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(owner, labels={}, annotations={}),
        "spec": {
            "type": "ClusterIP",
            "selector": {SERVICE_LABEL: owner.name, ROUTING_LABEL: ROUTING_SERVING if to_pods else ROUTING_GATEWAY},
            # The protocol is part of the list's key in server-side apply: never leave it to a default.
            "ports": [{"name": PORT_NAME, "port": port, "targetPort": PORT_NAME, "protocol": "TCP"}],
        },
    }
    return with_body_hash(body)
