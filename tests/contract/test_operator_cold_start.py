"""How long pods take to start, as a real scheduler says it, and a kubelet that is played."""

import pytest
from operated_namespace import OperatedNamespace

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

SLOW = {"metadata": {"annotations": {"tidegate.dev/simulated-startup": "4s"}}}


def test_a_start_from_nothing_is_told_phase_by_phase(here: OperatedNamespace) -> None:
    """In status and as one Event; the image is there at once, and the model takes four seconds."""
    here.apply(here.least(template=SLOW))
    here.wait_serving(pods=1)
    start = here.status()["coldStart"]
    # Kubernetes writes whole seconds: each station may be told one too early or too late.
    assert 3 <= start["loadedSeconds"] <= start["totalSeconds"]
    assert start["scheduledSeconds"] + start["pulledSeconds"] + start["loadedSeconds"] == start["totalSeconds"]
    (event,) = here.wait("it is told as an Event", lambda: here.events("ColdStart"))
    assert event.startswith(f"{start['pod']} was ready {start['totalSeconds']} s after it was created: ")


def test_a_second_pod_is_no_start_from_nothing(here: OperatedNamespace) -> None:
    """Its time is kept all the same."""
    here.apply(here.least())
    here.wait_serving(pods=1)
    first = here.status()["coldStart"]["pod"]
    here.apply(here.least(replicas=2))
    here.wait_serving(pods=2)
    assert here.status()["coldStart"]["pod"] != first
    assert len(here.events("ColdStart")) == 1
