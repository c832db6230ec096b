"""The picture of a hardware comparison in docs/images: the report of a simulation, as a browser shows it.

`python -m bench.hardware.picture`, with `operator` and `tools` on the path and a Chromium installed.
"""

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.cli import main as tidegate

from .fleets import TRACES
from .prices import KINDS

PICTURE = Path(__file__).resolve().parents[3] / "docs" / "images" / "hardware.png"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1280, 1330


def main() -> int:
    """Make the picture; 1 without a browser."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        print(f"no picture: none of {', '.join(PROGRAMS)} is installed; install Debian's chromium", file=sys.stderr)
        return 1
    with TemporaryDirectory() as directory:
        report = Path(directory) / "report.html"
        options = [
            f"--variant={variant}={kind.model_name},{kind.cost_per_hour:g}"
            for variant, kind in KINDS.items()
            if variant in {DEFAULT_VARIANT, "l4"}
        ]
        trace = TRACES / "azure-2023-conversation-full.csv.gz"
        arguments = ["simulate", f"--trace={trace}", "--startup-seconds=120", *options, f"--report={report}"]
        tidegate([*arguments, "--rival=wva-tokens"], standalone_mode=False)
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Its sandbox refuses to run as root.
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=sandbox)
            page = browser.new_page(color_scheme="light", viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(report.as_uri())
            page.wait_for_selector("#plots .main-svg .point")
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURE)
            browser.close()
    print(f"wrote {PICTURE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
