"""Lets these tests use the operator that the controller's own tests are made with."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "controller"))
