"""The faults, as a table: what breaks, how it is mended, how long it lasts, how often it is drawn."""

import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway_rig.api_link import ApiLink
from gateway_rig.gateway import Gateway
from gateway_rig.program import Program
from gateway_rig.rig import Rig

Mend = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that is broken now.

    Attributes:
        target: For the account.
        mend: Puts it right; may take as long as a program takes to end or to start.
    """

    target: str
    mend: Mend


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What there is to break."""

    rig: Rig
    api_server: Program
    dice: random.Random

    def gateway(self) -> Gateway:
        """One of the gateways."""
        return self.dice.choice(self.rig.gateways)

    def pod(self) -> str | None:
        """The address of a pod; None if there is none."""
        addresses = [address for pod in self.rig.services.pods() if (address := pod.get("status", {}).get("podIP"))]
        return self.dice.choice(addresses) if addresses else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault.

    Attributes:
        what: For people.
        breaks: Breaks something; None if there was nothing to break.
        seconds: Least and most that it lasts.
        weight: How often it is drawn, beside the others.
        restarts_picker: Whether a picker begins anew. All services have been used when it does, as far as it knows: in
            so far as one does so every half minute, none falls asleep.
    """

    what: str
    breaks: Callable[[Field], Broken | None]
    seconds: tuple[float, float]
    weight: int = 1
    restarts_picker: bool = False


def _killed(*programs: Program, target: str) -> Broken:
    for program in programs:
        program.kill()
    return Broken(target, lambda: _start(*programs))


def _start(*programs: Program) -> None:
    for program in programs:
        if not program.runs:
            program.start()


def _picker_killed(field: Field) -> Broken:
    gateway = field.gateway()
    return _killed(gateway.picker, target=f"gateway-{gateway.index}")


def _envoy_killed(field: Field) -> Broken:
    gateway = field.gateway()
    return _killed(gateway.envoy, target=f"gateway-{gateway.index}")


def _gateway_killed(field: Field) -> Broken:
    gateway = field.gateway()
    return _killed(gateway.envoy, gateway.picker, target=f"gateway-{gateway.index}")


def _all_gateways_killed(field: Field) -> Broken:
    programs = [program for gateway in field.rig.gateways for program in (gateway.envoy, gateway.picker)]
    return _killed(*programs, target="all gateways")


def _gateway_replaced(field: Field) -> Broken:
    """As a rollout does it: asked to end, waited for, started anew."""
    gateway = field.gateway()
    gateway.picker.ask_to_end()

    def mend() -> None:
        gateway.stop()
        gateway.start()

    return Broken(f"gateway-{gateway.index}", mend)


def _picker_frozen(field: Field) -> Broken | None:
    gateway = field.gateway()
    if not gateway.picker.runs:
        return None
    gateway.freeze()
    return Broken(f"gateway-{gateway.index}", gateway.thaw)


def _operator_killed(field: Field) -> Broken:
    return _killed(field.rig.operator, target="operator")


def _api_server_killed(field: Field) -> Broken:
    return _killed(field.api_server, target="API server")


def _link(pick: Callable[[Field], list[ApiLink]], what: Callable[[ApiLink], None]) -> Callable[[Field], Broken]:
    def breaks(field: Field) -> Broken:
        links = pick(field)
        for link in links:
            what(link)

        def mend() -> None:
            for link in links:
                link.mend()

        return Broken(" and ".join(link.name for link in links), mend)

    return breaks


def _one_gateway(field: Field) -> list[ApiLink]:
    return [field.rig.links[f"gateway-{field.gateway().index}"]]


def _operator(field: Field) -> list[ApiLink]:
    return [field.rig.links["operator"]]


def _everybody(field: Field) -> list[ApiLink]:
    return list(field.rig.links.values())


def _connections_reset(field: Field) -> Broken | None:
    if (address := field.pod()) is None:
        return None
    field.rig.engines.told("POST", f"/break/{address}")
    return Broken(address, lambda: None)


def _engine_fails(field: Field) -> Broken | None:
    if (address := field.pod()) is None:
        return None
    field.rig.engines.told("PUT", f"/faults/{address}", {"error500": True})
    return Broken(address, lambda: _mended(field, address))


def _engine_hangs(field: Field) -> Broken | None:
    """It takes requests and never answers; then it is killed, as a liveness probe does it."""
    if (address := field.pod()) is None:
        return None
    field.rig.engines.told("PUT", f"/faults/{address}", {"hang": True})

    def mend() -> None:
        _mended(field, address)
        field.rig.engines.told("POST", f"/break/{address}")

    return Broken(address, mend)


def _mended(field: Field, address: str) -> None:
    field.rig.engines.told("DELETE", f"/faults/{address}")


def _pod_killed(field: Field) -> Broken | None:
    pods = field.rig.services.pods()
    if not pods:
        return None
    pod = field.dice.choice(pods)
    field.rig.services.kill_pod(pod["metadata"]["name"])
    return Broken(pod.get("status", {}).get("podIP", ""), lambda: None)


KINDS: Mapping[str, Kind] = {
    "picker killed": Kind(what="SIGKILL", breaks=_picker_killed, seconds=(0.2, 3), weight=4, restarts_picker=True),
    "picker frozen": Kind(what="SIGSTOP", breaks=_picker_frozen, seconds=(0.5, 8)),
    "Envoy killed": Kind(what="SIGKILL", breaks=_envoy_killed, seconds=(0.2, 3), weight=4),
    "gateway killed": Kind(
        what="SIGKILL of both", breaks=_gateway_killed, seconds=(1, 25), weight=3, restarts_picker=True
    ),
    "both gateways killed": Kind(
        what="SIGKILL of all four", breaks=_all_gateways_killed, seconds=(0.5, 4), restarts_picker=True
    ),
    "gateway replaced": Kind(
        what="SIGTERM, then anew", breaks=_gateway_replaced, seconds=(0, 0.1), weight=2, restarts_picker=True
    ),
    "operator killed": Kind(what="SIGKILL", breaks=_operator_killed, seconds=(0.5, 30), weight=3),
    "API server killed": Kind(what="SIGKILL", breaks=_api_server_killed, seconds=(0.5, 5)),
    "API link of a gateway cut": Kind(
        what="resets", breaks=_link(_one_gateway, ApiLink.cut), seconds=(0.5, 20), weight=2
    ),
    "API link of a gateway stalled": Kind(
        what="no byte", breaks=_link(_one_gateway, ApiLink.stall), seconds=(0.5, 20), weight=2
    ),
    "API connections of a gateway lost": Kind(
        what="old ones carry nothing and never end", breaks=_link(_one_gateway, ApiLink.lose), seconds=(0, 0.1)
    ),
    "API link of the operator cut": Kind(what="resets", breaks=_link(_operator, ApiLink.cut), seconds=(0.5, 20)),
    "API link of the operator stalled": Kind(what="no byte", breaks=_link(_operator, ApiLink.stall), seconds=(0.5, 20)),
    "all API links cut": Kind(what="resets", breaks=_link(_everybody, ApiLink.cut), seconds=(0.5, 10)),
    "engine's connections reset": Kind(what="resets", breaks=_connections_reset, seconds=(0, 0.1), weight=4),
    "engine answers 500": Kind(what="errors", breaks=_engine_fails, seconds=(2, 8)),
    "engine hangs, then dies": Kind(what="no answer", breaks=_engine_hangs, seconds=(2, 8)),
    "pod killed": Kind(what="deleted without grace", breaks=_pod_killed, seconds=(0, 0.1), weight=3),
}


def draw(dice: random.Random, names: Sequence[str]) -> str:
    """One of these faults."""
    return dice.choices(names, weights=[KINDS[name].weight for name in names])[0]


def carry_out(name: str, field: Field) -> tuple[Broken, float] | None:
    """Break something; what, and how long it is to stay so. None if there was nothing to break, or it broke already."""
    kind = KINDS[name]
    with contextlib.suppress(OSError):
        broken = kind.breaks(field)
        if broken is not None:
            return broken, field.dice.uniform(*kind.seconds)
    return None
