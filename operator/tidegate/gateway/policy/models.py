"""Which service a model's name means at the shared address, and what the address says exists."""

import json
from collections.abc import Iterable

from tidegate.gateway.exchange import Reply
from tidegate.gateway.routed_service import Key, RoutedService

MOST_NAMES = 20
"""Listed in the message of an error."""


class ModelDirectory:
    """The names of all models that can be reached at the shared address.

    Of two services that claim one name the older has it, and of two of an age the first by namespace and name, in every
    gateway alike.
    """

    def __init__(self) -> None:
        self._claims: dict[str, list[tuple[float, Key]]] = {}
        self._services: dict[Key, RoutedService] = {}
        self._page: bytes | None = None
        self._told: str | None = None

    def put(self, service: RoutedService) -> None:
        """Learn of a service, or of what changed in it."""
        self.forget(service.key)
        if not service.shared or service.deleting:
            return
        self._services[service.key] = service
        for name in dict.fromkeys(service.models):
            claims = self._claims.setdefault(name, [])
            claims.append((service.created, service.key))
            claims.sort()

    def forget(self, key: Key) -> None:
        """Forget a service, if it was known."""
        self._page = self._told = None
        service = self._services.pop(key, None)
        for name in dict.fromkeys(service.models) if service is not None else ():
            claims = [claim for claim in self._claims[name] if claim[1] != key]
            if claims:
                self._claims[name] = claims
            else:
                del self._claims[name]

    def find(self, name: str) -> Key | None:
        """The service that is meant by a model's name; None where none is."""
        claims = self._claims.get(name)
        return claims[0][1] if claims else None

    def told(self) -> str:
        """The names that exist, as the end of a sentence; at most `MOST_NAMES` of them."""
        if self._told is None:
            names = sorted(self._claims)
            more = f" and {len(names) - MOST_NAMES} more (GET /v1/models)" if len(names) > MOST_NAMES else ""
            self._told = f"there are {', '.join(names[:MOST_NAMES])}{more}" if names else "no model is served here"
        return self._told

    def page(self) -> Reply:
        """The answer to `GET /v1/models`: all names that exist, whether their services are awake or not."""
        if self._page is None:
            winners = ((name, self._services[claims[0][1]]) for name, claims in sorted(self._claims.items()))
            self._page = _models_document(winners)
        return json_reply(self._page)

    def entry(self, name: str) -> Reply | None:
        """The answer to `GET /v1/models/{name}`; None where there is no such model."""
        key = self.find(name)
        return None if key is None else json_reply(json.dumps(_model(name, self._services[key])).encode())


def own_page(service: RoutedService) -> Reply:
    """The answer to `GET /v1/models` at the port of a service without a pod."""
    return json_reply(_models_document((name, service) for name in service.models))


def own_entry(name: str, service: RoutedService) -> Reply | None:
    """The answer to `GET /v1/models/{name}` at the port of a service without a pod; None where it has no such model."""
    return json_reply(json.dumps(_model(name, service)).encode()) if name in service.models else None


def json_reply(body: bytes) -> Reply:
    """Answer 200 with a document."""
    return Reply(status=200, headers=(("content-type", "application/json"),), body=body)


def _models_document(models: Iterable[tuple[str, RoutedService]]) -> bytes:
    """OpenAI's list of models."""
    return json.dumps({"object": "list", "data": [_model(name, service) for name, service in models]}).encode()


def _model(name: str, service: RoutedService) -> dict[str, object]:
    """OpenAI's description of a model, with `root` as vLLM has it: what an alias stands for."""
    return {
        "id": name,
        "object": "model",
        "created": int(service.created),
        "owned_by": service.key[0],
        "root": service.models[0],
    }
