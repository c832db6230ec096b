"""A `go` for tests: it builds shell scripts, at once, and notes each build it was asked for."""

import stat
import textwrap
from pathlib import Path


def install(directory: Path, *, behaviour: str = "") -> Path:
    """Write a `go` command into a directory.

    Args:
        directory: Made if missing; put it on PATH.
        behaviour: Shell lines that run at the start of `go build`, such as `exit 1`.

    Returns:
        The file that gets one line for each `go build`: its arguments.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "builds.log"
    script = textwrap.dedent(
        """\
        #!/bin/sh
        if [ "$1" = list ]; then echo one; echo two; exit 0; fi
        echo "$@" >> {log}
        echo "go: downloading example.com/module v1.0.0" >&2
        echo "example.com/module" >&2
        {behaviour}
        while [ "$1" != -o ]; do shift; done
        printf '#!/bin/sh\\necho built\\n' > "$2"
        chmod +x "$2"
        """
    )
    return command(directory / "go", script.format(log=log, behaviour=behaviour)) and log


def command(path: Path, script: str) -> Path:
    """Write an executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def prints(path: Path, text: str) -> Path:
    """Write a command that prints a text, whatever it is asked."""
    return command(path, f"#!/bin/sh\necho '{text}'\n")
