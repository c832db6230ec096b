"""`python tools/bench hardware`; see `--help`."""

import sys

from bench.hardware.command import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
