import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.picking import Outstanding
from demo.scenario import CHAT, LEGACY, PARTS
from demo.watching import Pod, Pods

LABELS = {
    "inference.tidegate.dev/service": "chat",
    "inference.tidegate.dev/routing": "serving",
    "pod-template-hash": "x",
}
PODS = [Pod(f"chat-{number}", f"127.64.0.{number}") for number in range(3)]


def test_the_pod_with_the_fewest_outstanding_requests_is_picked() -> None:
    """A pod that has less to do wins, and requests that ended no longer count."""
    outstanding = Outstanding()
    with outstanding.at(PODS[0]), outstanding.at(PODS[2]):
        assert outstanding.pick(PODS) == PODS[1]
    with outstanding.at(PODS[1]), outstanding.at(PODS[2]):
        assert outstanding.pick(PODS) == PODS[0]


def test_idle_pods_take_turns() -> None:
    """Of pods with equally little to do each is picked as often."""
    outstanding = Outstanding()
    assert set(Counter(outstanding.pick(PODS).name for _ in range(30)).values()) == {10}


def test_a_request_that_fails_is_not_outstanding_either() -> None:
    """An error in the middle of an answer frees the pod."""
    outstanding = Outstanding()
    with pytest.raises(RuntimeError), outstanding.at(PODS[0]):
        raise RuntimeError
    assert outstanding[PODS[0]] == 0


@given(st.lists(st.integers(0, 2), max_size=60))
def test_load_stays_level(ends: list[int]) -> None:
    """However requests end, a picked pod never has more outstanding than another."""
    outstanding = Outstanding()
    running: list[tuple[Pod, Any]] = []
    for end in ends:
        pod = outstanding.pick(PODS)
        assert outstanding[pod] == min(outstanding[other] for other in PODS)
        place = outstanding.at(pod)
        place.__enter__()
        running.append((pod, place))
        for _ in range(min(end, len(running))):
            running.pop(0)[1].__exit__(None, None, None)
    for _, place in running:
        place.__exit__(None, None, None)


def _pod(uid: str = "1", *, ready: str = "True", address: str = "127.64.0.1", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": uid, "name": f"chat-{uid}", "labels": LABELS, **metadata},
        "status": {"podIP": address, "conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        ("ADDED", _pod(), 1),
        ("MODIFIED", _pod(), 1),
        ("MODIFIED", _pod(ready="False"), 0),
        ("MODIFIED", _pod(address=""), 0),
        ("MODIFIED", _pod(labels={**LABELS, "inference.tidegate.dev/routing": "draining"}), 0),
        ("MODIFIED", _pod(deletionTimestamp="2026-01-01T00:00:00Z"), 0),
        ("DELETED", _pod(), 0),
        ("MODIFIED", {"metadata": _pod()["metadata"]}, 0),
    ],
)
def test_only_ready_pods_that_stay_take_requests(kind: str, document: dict[str, Any], expected: int) -> None:
    """A pod that is not ready, has no address, is out of service, is leaving or is gone gets none."""
    pods = Pods(PARTS)
    pods.see("ADDED", _pod())
    pods.see(kind, document)
    assert len(pods.of(CHAT)) == expected


def test_each_service_has_its_own_pods() -> None:
    """Pods are told apart by their labels; strangers belong to nobody."""
    pods = Pods(PARTS)
    pods.see("ADDED", _pod())
    pods.see("ADDED", _pod("2", labels={"app": "legacy-vllm"}))
    pods.see("ADDED", _pod("3", labels=None))
    assert [[pod.name for pod in pods.of(part)] for part in (CHAT, LEGACY)] == [["chat-1"], ["chat-2"]]


def test_a_watch_that_starts_anew_forgets_what_it_knew() -> None:
    """Pods that vanished while nothing was watched are not sent requests for ever."""
    pods = Pods(PARTS)
    pods.see("ADDED", _pod())
    pods.see("RESTARTED", {})
    assert pods.of(CHAT) == []


async def test_a_request_waits_for_the_first_ready_pod() -> None:
    """Without pods a request waits; every one that waits goes on when one is ready."""
    pods = Pods(PARTS)
    waiting = [asyncio.create_task(pods.some(CHAT)) for _ in range(2)]
    await asyncio.sleep(0)
    pods.see("ADDED", _pod(ready="False"))
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    pods.see("MODIFIED", _pod())
    found = await asyncio.gather(*waiting)
    assert [[pod.name for pod in each] for each in found] == [["chat-1"], ["chat-1"]]
