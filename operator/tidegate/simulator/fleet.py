"""All engines of one process, told apart by the address and port that a client connected to.

Or the one engine of an ordinary pod, which is the same by whichever way it is reached: a port-forward comes by another
address than the operator, and must not find another engine.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tidegate.api.engine import EngineType
from tidegate.engines.catalog import TABLES

from .engine import Engine
from .faults import Faults
from .models import MODELS, ReplicaModel

ALL = "all"
"""Stands for every address, of engines that exist and of those to come."""

DEFAULT_MODELS = dict.fromkeys(EngineType, "rtx4090") | {
    EngineType.LLAMA_CPP: "cpu",
    EngineType.OLLAMA: "cpu",
    EngineType.TEI: "embedder",
    EngineType.INFINITY: "embedder",
    EngineType.CUSTOM: "painter",
}
"""The replica model of a listener that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A port, and what answers there."""

    flavour: EngineType
    port: int
    model: ReplicaModel
    metrics_port: int | None = None
    """Where its metrics page is, if not on the same port."""

    @classmethod
    def parse(cls, text: str, *, startup_seconds: float | None = None, metrics_port: int | None = None) -> "Listener":
        """Read ``FLAVOUR:PORT`` or ``FLAVOUR:PORT:REPLICA_MODEL``, for example ``vLLM:8000:l4``.

        Args:
            text: what to read.
            startup_seconds: instead of the replica model's.
            metrics_port: port of the metrics page, for engines that have another one for it. Default: their usual one.

        Raises:
            ValueError: names what is wrong and what would be right.
        """
        flavour, _, rest = text.partition(":")
        port, _, name = rest.partition(":")
        if flavour not in set(EngineType):
            raise ValueError(f"{text!r}: flavour is {flavour!r}; give one of {', '.join(EngineType)}")
        if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the largest port
            raise ValueError(f"{text!r}: port is {port!r}; give a number from 0 to 65535")
        name = name or DEFAULT_MODELS[EngineType(flavour)]
        if name not in MODELS:
            raise ValueError(f"{text!r}: replica model is {name!r}; give one of {', '.join(MODELS)}")
        model = MODELS[name]
        if startup_seconds is not None:
            model = replace(model, startup_seconds=startup_seconds)
        table = TABLES.get(EngineType(flavour))
        apart = table is not None and table.metrics_port != table.port
        if apart and metrics_port is None and table is not None:
            metrics_port = table.metrics_port
        return cls(
            flavour=EngineType(flavour), port=int(port), model=model, metrics_port=metrics_port if apart else None
        )


class Fleet:
    """Engines by (address, port).

    Each is created when its address is first spoken to, and its start-up counts from then.

    Args:
        model_names: names of the served model, the first for labels; empty: whatever clients ask for.
        time_scale: engine seconds per second.
        stream_interval_seconds: least time between two events of a stream.
        alone: all addresses are one.
    """

    def __init__(
        self,
        *,
        model_names: tuple[str, ...] = (),
        time_scale: float = 1.0,
        stream_interval_seconds: float = 0.0,
        alone: bool = False,
    ) -> None:
        self.model_names = model_names
        self._time_scale = time_scale
        self._stream_interval_seconds = stream_interval_seconds
        self.alone = alone
        self._engines: dict[tuple[str, int], Engine] = {}
        self._faults: dict[str, Faults] = {}

    def engine(self, address: str, listener: Listener) -> Engine:
        """The engine at this address, created if need be."""
        address = self._known_as(address)
        key = (address, listener.port)
        if (engine := self._engines.get(key)) is None:
            engine = self._engines[key] = Engine(
                listener.model,
                created=time.time(),
                model_name=self.model_names[0] if self.model_names else "unnamed",
                time_scale=self._time_scale,
                stream_interval_seconds=self._stream_interval_seconds,
            )
            if (faults := self.faults(address)).slow != 1:
                engine.slow_down(faults.slow)
        return engine

    def faults(self, address: str) -> Faults:
        """What is wrong at this address."""
        return self._faults.get(address) or self._faults.get(ALL) or Faults()

    def set_faults(self, address: str, faults: Faults) -> None:
        """Break (or with ``Faults()`` mend) one address, or all: that replaces what was set for single ones."""
        address = self._known_as(address)
        if address == ALL:
            self._faults.clear()
        self._faults[address] = faults
        for _, engine in self._at(address):
            engine.slow_down(faults.slow)

    def reset(self, address: str) -> int:
        """Forget the engines at an address (or all): their requests are cut off; returns how many there were."""
        gone = list(self._at(address))
        for key, engine in gone:
            engine.forget()
            del self._engines[key]
        return len(gone)

    def __iter__(self) -> Iterator[tuple[tuple[str, int], Engine]]:
        return iter(list(self._engines.items()))

    def _known_as(self, address: str) -> str:
        return ALL if self.alone else address

    def _at(self, address: str) -> Iterator[tuple[tuple[str, int], Engine]]:
        address = self._known_as(address)
        return ((key, engine) for key, engine in self if address in (ALL, key[0]))
