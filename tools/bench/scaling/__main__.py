"""`python -m bench.scaling`, with `operator` and `tools` on the path; see `--help`."""

import sys

from .command import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
