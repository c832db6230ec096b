"""The live view as a picture, for documents."""

import io
import re
from pathlib import Path

from rich.console import Console

from demo.view import Scene, live

COLUMNS = 118
SHARE_OF_LOAD = 0.6
"""Part of the load after which the picture is taken: most of what there is to see has happened."""


class Picture:
    """Takes one picture of the view, as SVG."""

    def __init__(self, file: Path | None) -> None:
        """Without a file it takes none."""
        self._file = file

    def see(self, scene: Scene) -> None:
        """Take the picture when it is time."""
        if self._file is None or scene.now < SHARE_OF_LOAD * scene.load_seconds:
            return
        console = Console(file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True, color_system="truecolor")
        console.print(live(scene))
        # Without the font that rich would have fetched from elsewhere: any monospaced one will do.
        self._file.write_text(
            re.sub(r"\s*@font-face \{.*?\}", "", console.export_svg(title="make demo"), flags=re.DOTALL)
        )
        self._file = None
