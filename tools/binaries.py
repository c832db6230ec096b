"""Finds the outside programs this project runs, or builds them.

For each command, in this order:

1. `TIDEGATE_<NAME>`, such as `TIDEGATE_KUBE_APISERVER=/path/to/kube-apiserver`: used as it is.
2. `TIDEGATE_TOOLS_DIRECTORY`: a directory that may hold some or all of them.
3. PATH, if the version is one that is known to work. Commands of one source (the Kubernetes servers) are taken from
   PATH together and with one version, or not at all.
4. Built with Go from `tools/<module>`, kept in the cache directory.

From a shell: `python tools/binaries.py kubectl kwokctl` prints one path a line, in the order asked.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from building import ToolsError, build
from pins import CLUSTER_TOOLS, TOOLS, Source

VERSION_TIMEOUT_SECONDS = 20


def find(names: Sequence[str], environment: Mapping[str, str] | None = None) -> dict[str, Path]:
    """Find commands, building what is not there.

    Args:
        names: Commands, keys of `pins.TOOLS`.
        environment: Variables as in os.environ, which is the default.

    Returns:
        Name to absolute path, in the order of names.

    Raises:
        GoMissingError: Something has to be built, and there is no Go.
        ToolsError: A variable names something that cannot be run, or a build failed.
    """
    variables = os.environ if environment is None else environment
    found = {name: path for name in names if (path := named(name, variables))}
    missing = [name for name in names if name not in found]
    for source, commands in _by_source(missing):
        found |= on_path(commands, variables) or _built(source, commands, variables)
    return {name: found[name] for name in names}


def variable(name: str) -> str:
    """The environment variable that names a command."""
    return "TIDEGATE_" + name.upper().replace("-", "_")


def named(name: str, environment: Mapping[str, str]) -> Path | None:
    """The command as the environment names it, by itself or by the directory it is in.

    Raises:
        ToolsError: The named file cannot be run, or the named directory is none.
    """
    if path := environment.get(variable(name)):
        if not _runnable(Path(path)):
            raise ToolsError(f"{variable(name)} is {path!r}, which cannot be run; name an executable file or unset it.")
        return Path(path).absolute()
    if directory := environment.get("TIDEGATE_TOOLS_DIRECTORY"):
        if not Path(directory).is_dir():
            raise ToolsError(f"TIDEGATE_TOOLS_DIRECTORY is {directory!r}, which is no directory; correct or unset it.")
        inside = Path(directory, name).absolute()
        return inside if _runnable(inside) else None
    return None


def on_path(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, Path] | None:
    """Commands of one source from PATH, all of them and of one version, or None."""
    paths = {name: shutil.which(name, path=environment.get("PATH", "")) for name in names}
    if not all(paths.values()):
        return None
    versions = {name: version_of(Path(str(path)), TOOLS[name].version_arguments) for name, path in paths.items()}
    complaints = [complaint for name, version in versions.items() if (complaint := _complaint(name, version))]
    if not complaints and len(set(versions.values())) > 1:
        complaints = [f"{', '.join(versions)} on PATH are not used: their versions differ"]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return None if complaints else {name: Path(str(path)).absolute() for name, path in paths.items()}


def version_of(path: Path, arguments: Sequence[str]) -> tuple[int, int] | None:
    """The (major, minor) a command reports, or None if it reports none."""
    try:
        answer = subprocess.run(
            [path, *arguments],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\bv?(\d+)\.(\d+)\.\d+", answer.stdout)
    return (int(found[1]), int(found[2])) if found else None


def _complaint(name: str, version: tuple[int, int] | None) -> str:
    """Why a command on PATH is not good enough; empty if it is."""
    tool = TOOLS[name]
    oldest = ".".join(map(str, tool.oldest))
    newest = ".".join(map(str, tool.newest or ()))
    wanted = f"{oldest} to {newest}" if newest else f"{oldest} or newer"
    if version is None:
        return f"{name} on PATH is not used: `{name} {' '.join(tool.version_arguments)}` prints no version"
    if version < tool.oldest or (tool.newest is not None and version > tool.newest):
        return f"{name} on PATH is not used: it is version {'.'.join(map(str, version))}, wanted is {wanted}"
    return ""


def _runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _by_source(names: Iterable[str]) -> list[tuple[Source, list[str]]]:
    groups: dict[str, tuple[Source, list[str]]] = {}
    for name in names:
        source = TOOLS[name].source
        groups.setdefault(source.module, (source, []))[1].append(name)
    return list(groups.values())


def _built(source: Source, names: Sequence[str], environment: Mapping[str, str]) -> dict[str, Path]:
    directory = build(source, wanted_by=", ".join(names), environment=environment)
    return {name: directory / name for name in names}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the paths of the commands asked for; `cluster` stands for all that a Docker-free cluster needs."""
    parser = argparse.ArgumentParser(description="Find or build the outside programs this project runs.")
    parser.add_argument(
        "names", nargs="+", choices=[*TOOLS, "cluster"], metavar="NAME", help=", ".join([*TOOLS, "cluster"])
    )
    asked = parser.parse_args(arguments).names
    names = dict.fromkeys(each for name in asked for each in (CLUSTER_TOOLS if name == "cluster" else (name,)))
    try:
        found = find(list(names))
    except ToolsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(str(path) for path in found.values()))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Shells let background jobs start with it ignored.
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
