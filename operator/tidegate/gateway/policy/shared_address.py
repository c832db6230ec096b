"""Requests at the shared address: which service they mean, or why none."""

from urllib.parse import unquote

from tidegate.gateway.exchange import Reply, Request
from tidegate.gateway.policy.models import ModelDirectory
from tidegate.gateway.policy.refusal import Problem, Refusal, quote
from tidegate.gateway.routed_service import Key

MODELS_PATH = "/v1/models"

_OWN_ADDRESS = "; the service's own address (status.url) takes any path and any body"


def find_service(request: Request, models: ModelDirectory) -> Key | Reply | Problem:
    """Read from a request at the shared address which service is to answer it.

    Args:
        request: one whose `service` is None.
        models: the names that exist.

    Returns:
        The service, or the answer where none is needed, or why there is none.
    """
    path = request.path.partition("?")[0].rstrip("/")
    if request.method in {"GET", "HEAD"}:
        return _about_models(path, models)
    if request.method != "POST":
        return _unknown_path(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        told = f"content-type: {quote(kind)}: " if kind else "content-type: none was sent: "
        return Problem(
            refusal=Refusal.NOT_JSON,
            message=f"{told}the shared address finds the model in a JSON body; send application/json{_OWN_ADDRESS}",
        )
    if request.model_problem:
        message = f"{request.model_problem.rstrip('.')}; {models.told()}"
        return Problem(refusal=Refusal.BODY_INVALID, message=message)
    if not request.model:
        message = f"model: missing: name the model that is to answer; {models.told()}{_OWN_ADDRESS}"
        return Problem(refusal=Refusal.MODEL_MISSING, message=message)
    return models.find(request.model) or _unknown_model(request.model, models)


def _about_models(path: str, models: ModelDirectory) -> Reply | Problem:
    """Questions about models are answered without waking one."""
    if path == MODELS_PATH:
        return models.page()
    name = path.removeprefix(f"{MODELS_PATH}/")
    if name == path:
        message = f"{quote(path)}: the shared address answers GET for {MODELS_PATH} only{_OWN_ADDRESS}"
        return Problem(refusal=Refusal.PATH_UNKNOWN, message=message)
    name = unquote(name)  # SDKs write a slash in it as %2F.
    return models.entry(name) or _unknown_model(name, models)


def _unknown_model(name: str, models: ModelDirectory) -> Problem:
    message = f"the model {quote(name)} does not exist, or is not served at this address: {models.told()}"
    return Problem(refusal=Refusal.MODEL_UNKNOWN, message=message)


def _unknown_path(request: Request) -> Problem:
    message = f"{quote(request.method)}: the shared address takes POST, and GET for {MODELS_PATH}{_OWN_ADDRESS}"
    return Problem(refusal=Refusal.PATH_UNKNOWN, message=message)
