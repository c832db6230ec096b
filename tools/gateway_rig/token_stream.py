"""Both ends of streams of tokens, in Go: cheap enough to leave the CPUs to what is measured between them."""

import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from building import ToolsError, cache_directory, find_go
from gateway_rig.program import Program, prepared

SOURCE = Path(__file__).resolve().parent / "token_stream" / "main.go"


def token_stream() -> Path:
    """The program, built with Go if it has not been; it needs nothing but Go's standard library.

    Raises:
        ToolsError: There is no Go, or it did not build.
    """
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]
    final = cache_directory(os.environ) / "tools" / f"token-stream-{digest}"
    if not final.exists():
        go = find_go(os.environ, title="token_stream, the source and sink of streams,")
        part = final.with_name(f"{final.name}.part-{os.getpid()}")
        part.parent.mkdir(parents=True, exist_ok=True)
        # The person's own Go settings must not change what is built.
        variables = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GO111MODULE": "on"}
        command = [str(go), "build", "-trimpath", "-o", str(part), str(SOURCE)]
        answer = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise ToolsError(f"token_stream did not build:\n{answer.stderr}")
        part.rename(final)
    return final


def source(directory: Path, port: int, cpu: int | None) -> Program:
    """The engine in all pods at this port; not started."""
    command = [str(token_stream()), "source", "-listen", f"0.0.0.0:{port}"]
    return Program(name="source of tokens", command=command, log=directory / "source.log", cpu=cpu)


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """What a sink asks for: so many streams at a time of so many tokens at such a pace, for a while."""

    streams: int
    rate: float
    """Tokens per second of a stream; 0: as fast as they come."""

    tokens: int
    seconds: float
    again: bool = False
    """Whether a stream that has ended is followed by another."""

    warm_seconds: float = 2.0
    """From the start, of which nothing is counted."""


@dataclass(frozen=True, slots=True)
class Sink:
    """A sink that runs."""

    process: "subprocess.Popen[str]"

    def figures(self) -> dict[str, Any]:
        """Wait until it has ended; what it prints.

        Raises:
            ToolsError: It failed.
        """
        output, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise ToolsError(f"the sink of tokens ended with {self.process.returncode}")
        found: dict[str, Any] = json.loads(output)
        return found


def sink(targets: Sequence[str], streams: Streams, cpu: int | None = None) -> Sink:
    """Start one.

    Args:
        targets: Addresses with ports; streams are divided among them.
        streams: What to ask for.
        cpu: The only one it may use.
    """
    command = [str(token_stream()), "sink", f"-targets={','.join(targets)}"]
    command += [f"-streams={streams.streams}", f"-rate={streams.rate}", f"-tokens={streams.tokens}"]
    command += [f"-seconds={streams.seconds}", f"-warm-seconds={streams.warm_seconds}", f"-again={streams.again}"]
    return Sink(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=prepared(cpu)))  # noqa: PLW1509 - sets limits only
