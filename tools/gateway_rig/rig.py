"""The rig: all parts together, started in order and ended in order."""

import json
import os
import socket
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gateway_rig import ground as grounds
from gateway_rig.api_link import ApiLink, api_links
from gateway_rig.gateway import INSTALL, LEASE_NAMESPACE, Gateway, answers, listens, new_gateway
from gateway_rig.program import TIDEGATE, Program
from gateway_rig.services import Services
from local_cluster import Cluster

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """The process that is the engine in all pods.

    Attributes:
        port: Where each pod answers.
        record: What reached them; see `gateway_rig.engines`.
    """

    program: Program
    port: int
    admin_port: int
    record: Path

    def told(self, method: str, path: str, body: Any = None) -> bytes:
        """Ask or steer them; returns what they answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", data=data, method=method)
        with _DIRECT.open(request, timeout=10) as answer:
            found: bytes = answer.read()
            return found

    def counts(self) -> dict[str, dict[str, int]]:
        """`in_flight`, `most_in_flight` and `answered` requests by the pods' addresses."""
        found: dict[str, dict[str, int]] = json.loads(self.told("GET", "/counts"))
        return found

    def all_events(self) -> list[tuple[float, str, str, str]]:
        """The record so far: time, event, address, id."""
        self.told("GET", "/counts")  # Which writes out what is in memory.
        return [tuple(json.loads(line)) for line in self.record.read_text().splitlines()]

    def events(self, name: str) -> list[tuple[float, str, str]]:
        """All events of a name so far: time, address, id."""
        return [(time, address, identity) for time, event, address, identity in self.all_events() if event == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Everything that runs.

    Attributes:
        directory: Of logs and records.
        links: By `operator` and `gateway-N`: the way to the API server; empty if they have none of their own.
    """

    directory: Path
    cluster: Cluster
    services: Services
    engines: Engines
    operator: Program
    operator_port: int
    gateways: list[Gateway]
    links: Mapping[str, ApiLink]

    def ports(self, names: list[str]) -> dict[str, int]:
        """The services' ports, once every gateway listens on them."""
        ports = self.services.ports(names)
        for gateway in self.gateways:
            for port in ports.values():
                gateway.envoy.wait_until(partial(listens, gateway.address, port))
        return ports

    def operator_is_ready(self) -> bool:
        """Whether its store is filled."""
        return answers("127.0.0.1", self.operator_port, "/readyz")


@contextmanager
def rig(
    directory: Path,
    *,
    gateways: int = 1,
    with_links: bool = False,
    startup_seconds: float = 0.0,
    gateway_cpu: int | None = None,
    other_cpu: int | None = None,
) -> Iterator[Rig]:
    """Bring everything up; it is ended when the block ends.

    Args:
        directory: For logs and records.
        gateways: How many.
        with_links: Whether operator and gateways reach the API server by links that can be cut.
        startup_seconds: What an engine needs from the first contact until it answers its health check.
        gateway_cpu: The only CPU of Envoy and picker; None for any.
        other_cpu: The only CPU of engines and operator; None for any.

    Raises:
        ToolsError: Something did not come up.
    """
    with ExitStack() as stack:
        cluster = stack.enter_context(grounds.ground(directory))
        names = ("operator", *(f"gateway-{index}" for index in range(gateways))) if with_links else ()
        links = stack.enter_context(api_links(names, grounds.api_server_port(cluster)))
        kubeconfigs = {
            name: grounds.kubeconfig_through(cluster, link.port, directory / f"{name}.yaml")
            for name, link in links.items()
        }
        engines = _engines(directory, cluster, startup_seconds, other_cpu)
        stack.callback(engines.program.stop)
        engines.program.start()
        engines.program.wait_until(lambda: answers("127.0.0.1", engines.admin_port, "/counts"))
        first_host = 20 + free_port() % 60
        found = [
            new_gateway(
                index,
                directory=directory,
                kubeconfig=kubeconfigs.get(f"gateway-{index}", cluster.kubeconfig),
                first_host=first_host,
                metrics_port=free_port(),
                cpu=gateway_cpu,
            )
            for index in range(gateways)
        ]
        port = free_port()
        kubeconfig = kubeconfigs.get("operator", cluster.kubeconfig)
        operator = _operator(directory, kubeconfig, port, other_cpu)
        stack.callback(operator.stop)
        operator.start()
        for gateway in found:
            stack.callback(gateway.stop)
            gateway.start()
        everything = Rig(
            directory=directory,
            cluster=cluster,
            services=Services(cluster),
            engines=engines,
            operator=operator,
            operator_port=port,
            gateways=found,
            links=links,
        )
        operator.wait_until(everything.operator_is_ready)
        for gateway in found:
            gateway.wait_ready()
        yield everything


def _engines(directory: Path, cluster: Cluster, startup_seconds: float, cpu: int | None) -> Engines:
    record = directory / "engines.jsonl"
    port, admin_port = free_engine_port(), free_port()
    command = [sys.executable, "-m", "gateway_rig.engines", f"--port={port}", f"--admin-port={admin_port}"]
    command += [f"--record={record}", f"--kubeconfig={cluster.kubeconfig}", f"--startup-seconds={startup_seconds}"]
    program = Program(name="engines", command=command, log=directory / "engines.log", cpu=cpu)
    return Engines(program=program, port=port, admin_port=admin_port, record=record)


def _operator(directory: Path, kubeconfig: Path, port: int, cpu: int | None) -> Program:
    arguments = ["operator", f"--kubeconfig={kubeconfig}", "--host=127.0.0.1", f"--port={port}"]
    arguments += [f"--gateway={LEASE_NAMESPACE}/{INSTALL}", "--routing-mode=Gateway"]
    return Program(name="operator", command=(*TIDEGATE, *arguments), log=directory / "operator.log", cpu=cpu)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_engine_port(first: int = 8600) -> int:
    """A port that is free on all addresses, below those that services have on gateways."""
    start = first + os.getpid() % 200  # Rigs that start at one time do not try the same ones.
    for port in range(start, first + 400):
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))  # noqa: S104 - as the engines will
            except OSError:
                continue
            return port
    raise OSError(f"no port from {start} to {first + 399} is free")
