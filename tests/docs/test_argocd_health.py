"""The health check that we give to users of Argo CD, in the language's own interpreter (Argo CD's speaks Lua 5.1)."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tidegate.api.conditions import Reason

SCRIPT = Path(__file__).parents[2] / "docs" / "guides" / "argocd" / "health.lua"
INTERPRETERS = ("lua5.1", "luajit", "lua5.2", "lua5.3", "lua5.4", "lua")


def health(document: dict[str, Any]) -> tuple[str, str]:
    """What Argo CD would show: status and message."""
    interpreter = next((found for name in INTERPRETERS if (found := shutil.which(name))), None)
    if interpreter is None:
        pytest.skip("NOT TESTED: Argo CD's health check needs a Lua interpreter, for example Debian's lua5.1")
    script = (
        f"obj = {lua(document)}\nlocal found = (function()\n{SCRIPT.read_text()}\nend)()\n"
        'print(found.status .. "\\n" .. found.message)'
    )
    told = subprocess.run(  # noqa: S603 - our own script
        [interpreter, "-"], input=script, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    status, _, message = told.stdout.strip().partition("\n")
    return status, message


def lua(value: Any) -> str:
    """A value in Lua's words; null is what is not there."""
    match value:
        case dict():
            return "{" + ", ".join(f"[{json.dumps(key)}] = {lua(each)}" for key, each in value.items()) + "}"
        case list():
            return "{" + ", ".join(map(lua, value)) + "}"
        case _:
            return json.dumps(value)


def service(
    ready: str = "True", reason: str = "Serving", valid: str = "True", seen: int = 3, **spec: Any
) -> dict[str, Any]:
    """An InferenceService in generation 3, with conditions as the operator writes them."""
    return {
        "metadata": {"name": "chat", "generation": 3},
        "spec": spec,
        "status": {
            "observedGeneration": seen,
            "conditions": [
                {"type": "Ready", "status": ready, "reason": reason, "message": f"of {reason}"},
                {"type": "SpecValid", "status": valid, "reason": "InvalidSpec", "message": "spec.x: is wrong"},
                {"type": "MetricsAvailable", "status": "False", "reason": "Missing", "message": "none"},
            ],
        },
    }


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"metadata": {"generation": 1}, "spec": {}}, "Progressing"),
        ({"metadata": {"generation": 1}, "spec": {}, "status": {}}, "Progressing"),
        ({"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": 1}}, "Progressing"),
        (service(), "Healthy"),
        (service(seen=2), "Progressing"),
        (service(reason="ScalingUp"), "Healthy"),
        (service(reason="Unschedulable"), "Healthy"),
        (service(reason="ScaledToZero"), "Healthy"),
        (service(scaling={"mode": "Advisory"}), "Healthy"),
        (service(scaling={"mode": "Paused"}), "Healthy"),
        (service("False", "Starting"), "Progressing"),
        (service("False", "RollingOut"), "Progressing"),
        (service("False", "Unschedulable"), "Progressing"),
        (service("Unknown", "NotYetWritten"), "Progressing"),
        (service("False", "PinnedAtZero"), "Suspended"),
        (service("False", "NoReadyPods"), "Degraded"),
        (service("False", "Crashing"), "Degraded"),
        (service("False", "ImagePullFailing"), "Degraded"),
        (service(valid="False"), "Degraded"),
        (service("False", "InvalidSpec", valid="False"), "Degraded"),
        (service("False", "InvalidSpec", valid="False", seen=2), "Progressing"),
    ],
)
def test_each_state_has_its_health(document: dict[str, Any], status: str) -> None:
    """A wave of a sync waits for what is progressing, and goes on at what is healthy."""
    assert health(document)[0] == status


def test_the_message_is_the_conditions() -> None:
    """Whoever looks at Argo CD alone reads the reason, and the field at fault."""
    assert health(service("False", "Crashing"))[1] == "Crashing: of Crashing"
    assert health(service(valid="False"))[1] == "InvalidSpec: spec.x: is wrong"


def test_the_reasons_it_knows_are_reasons_there_are() -> None:
    """A reason that is renamed is not forgotten here."""
    known = re.findall(r"^  (\w+) = true", SCRIPT.read_text(), re.MULTILINE)

    assert known
    assert set(known) <= {reason.value for reason in Reason}
