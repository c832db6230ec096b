"""`python tools/faults`; see `--help`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python has put this directory on the path; the package, and the tools it uses, are one up.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    import interruptible
    from faults.command import main

    interruptible.run(main)
