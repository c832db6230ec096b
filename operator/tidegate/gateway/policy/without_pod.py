"""What a service's own port answers while no pod does, to requests that are no use and so wake nobody."""

import json
from urllib.parse import unquote

from tidegate.gateway.exchange import Reply, Request
from tidegate.gateway.policy.models import json_reply, own_entry, own_page
from tidegate.gateway.policy.refusal import Problem, Refusal, quote
from tidegate.gateway.policy.shared_address import MODELS_PATH
from tidegate.gateway.policy.standing import State
from tidegate.gateway.routed_service import RoutedService

HEALTH_PATH = "/health"
"""Where the engine names none."""


def answer_without_pod(
    request: Request, service: RoutedService, state: State, *, retry_after_seconds: int
) -> Reply | Problem:
    """Answer a request that is no use, to a service without a pod that takes requests.

    Args:
        request: at the service's own port or, with its model, at the shared address.
        service: not gone.
        state: Waking, Asleep or Blocked.
        retry_after_seconds: when a pod may be there.
    """
    path = request.path.partition("?")[0]
    if request.method in {"GET", "HEAD"}:
        if path == MODELS_PATH:
            return own_page(service)
        name = path.removeprefix(f"{MODELS_PATH}/")
        entry = own_entry(unquote(name), service) if name != path else None  # SDKs write a slash in it as %2F.
        if entry is not None:
            return entry
        if path in {engine.health_path or HEALTH_PATH for engine in service.engines.values()}:
            # Load balancers ask; the address answers, and a request that uses the model wakes it.
            return json_reply(json.dumps({"status": state.value}).encode())
    return Problem(
        refusal=Refusal.ASLEEP,
        retry_after_seconds=retry_after_seconds,
        message=f"no pod of the InferenceService {'/'.join(service.key)} takes requests now ({state.value}), and "
        f"{quote(request.method)} {quote(path)} wakes none; a POST to an inference path, such as /v1/completions, does",
    )
