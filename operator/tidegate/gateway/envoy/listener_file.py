"""The file of listeners that Envoy watches: checked, and replaced in one step."""

import json
import os
from collections.abc import Callable, Mapping
from functools import partial

from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.listeners import Document, listener_name, repick_listener, service_listener, shared_listener
from tidegate.gateway.envoy.names import REPICK_LISTENER, SHARED_LISTENER
from tidegate.gateway.routed_service import Key

_PORTS = range(1, 65536)


class ListenersRefusedError(Exception):
    """The listeners are not written, for Envoy would drop those that run; says which service is wrong, and how."""


class ListenerFile:
    """Keeps the listeners of the services that there are.

    Envoy cuts the streams of a listener that is edited, so one is only ever added or removed: a service's listener
    depends on nothing but its name and its port. Envoy refuses a listener whose port another process has, and serves
    all others; `rewrite` has it try again.
    """

    def __init__(self, directory: Directory, *, shared_port: int | None, listen_host: str = "0.0.0.0") -> None:  # noqa: S104 - pods listen on all
        self._directory = directory
        self._shared_port = shared_port
        self._host = listen_host
        self._texts: dict[str, str] = {}  # By name: a service more must not cost thousands of documents.

    def names(self, ports: Mapping[Key, int]) -> frozenset[str]:
        """Return the names of the listeners that Envoy has once it took these services."""
        own = {listener_name(key, port) for key, port in ports.items()}
        return frozenset(own | {REPICK_LISTENER} | ({SHARED_LISTENER} if self._shared_port is not None else set()))

    def write(self, ports: Mapping[Key, int]) -> bool:
        """Write the listeners of these services, and say whether the file has changed.

        Args:
            ports: Each service's own port.

        Raises:
            ListenersRefusedError: Two have one port, or a port is none.
            OSError: The directory cannot be written.
        """
        _check(ports, self._shared_port)
        texts = {name: self._texts.get(name) or _text(document()) for name, document in self._listeners(ports).items()}
        self._texts = texts
        text = _file_text(texts)
        file = self._directory.listener_file
        if file.exists() and file.read_text() == text:
            return False
        self._replace(text)
        return True

    def rewrite(self) -> None:
        """Replace the file by what was last written, which has Envoy try refused listeners again.

        That mends a file that somebody else has changed, too. Before the first write it stays as it is: an Envoy that
        outlived its picker serves by it.

        Raises:
            OSError: There is none yet, or the directory cannot be written.
        """
        self._replace(_file_text(self._texts) if self._texts else self._directory.listener_file.read_text())

    def _listeners(self, ports: Mapping[Key, int]) -> dict[str, Callable[[], Document]]:
        listeners: dict[str, Callable[[], Document]] = {REPICK_LISTENER: partial(repick_listener, self._directory)}
        if self._shared_port is not None:
            listeners[SHARED_LISTENER] = partial(shared_listener, self._shared_port, host=self._host)
        for key, port in sorted(ports.items()):
            listeners[listener_name(key, port)] = partial(service_listener, key, port, host=self._host)
        return listeners

    def _replace(self, text: str) -> None:
        self._directory.listeners.mkdir(parents=True, exist_ok=True)
        # Elsewhere than the file: Envoy looks at every change of the directory it watches.
        fresh = self._directory.root / f".listeners.{os.getpid()}"
        fresh.write_text(text)
        fresh.replace(self._directory.listener_file)


def _file_text(texts: Mapping[str, str]) -> str:
    return f'{{"resources":[{",".join(texts.values())}]}}'


def _text(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))


def _check(ports: Mapping[Key, int], shared_port: int | None) -> None:
    owners: dict[int, str] = {} if shared_port is None else {shared_port: "the shared address"}
    for (namespace, name), port in sorted(ports.items()):
        if port not in _PORTS:
            raise ListenersRefusedError(f"{namespace}/{name}: port {port} is none; ports are 1 to 65535.")
        if port in owners:
            raise ListenersRefusedError(f"{namespace}/{name}: port {port} belongs to {owners[port]}.")
        owners[port] = f"{namespace}/{name}"
