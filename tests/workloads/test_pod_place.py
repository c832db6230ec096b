"""Why one pod has no place: the sentences that schedulers, kubelets and API servers say, sorted."""

from typing import Any

import pytest

from tidegate.workloads.pod_place import LONGEST_WORDS, MEANINGS, Cause, NoPlace, cause_of_refusal, no_place

SINCE = "2026-11-21T22:23:44Z"
SECONDS = 1795299824.0
NODES = "0/7 nodes are available"
NOWHERE = f"no new claims to deallocate, preemption: {NODES}: 7 Preemption is not helpful for scheduling."
SOMEWHERE = (
    f"no new claims to deallocate, preemption: {NODES}: 3 Preemption is not helpful for scheduling, "
    "4 No preemption victims found for incoming pod."
)
EARLIER = f"preemption: {NODES}: 7 No preemption victims found for incoming pod."
NEVER = "no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never."
WITHOUT_CLAIMS = f"still not schedulable, preemption: {NODES}: 7 Preemption is not helpful for scheduling."
OTHERS_NODES = "1 node(s) didn't match Pod's node affinity/selector"
TAINTED = "3 node(s) had untolerated taint(s)"

SENTENCES: dict[str, tuple[str, str, Cause]] = {
    "all in use": (f"{NODES}: 7 Insufficient nvidia.com/gpu.", SOMEWHERE, Cause.FULL),
    "in use, or nowhere: 1.33 does not tell": (f"{NODES}: 7 Insufficient nvidia.com/gpu.", EARLIER, Cause.FULL),
    "no node has it": (
        f"{NODES}: {OTHERS_NODES}, 3 Insufficient nvidia.com/mig-9g.99gb, {TAINTED}.",
        NOWHERE,
        Cause.NOWHERE,
    ),
    "devices and cpu": (f"{NODES}: 3 Insufficient cpu, 4 Insufficient nvidia.com/gpu.", NOWHERE, Cause.FULL),
    "no device at all": (f"{NODES}: 3 Insufficient cpu, 4 Insufficient memory.", NOWHERE, Cause.FULL),
    "a pod that may not preempt": (f"{NODES}: 3 Insufficient nvidia.com/none.", NEVER, Cause.FULL),
    "other nodes": (f"{NODES}: {OTHERS_NODES}, {TAINTED}.", NOWHERE, Cause.UNMATCHED),
    "claims": (f"{NODES}: 7 cannot allocate all claims.", WITHOUT_CLAIMS, Cause.CLAIM),
    "no class of devices": (
        f"{NODES}: request g: device class mig.nvidia.com does not exist.",
        NOWHERE,
        Cause.NO_DRIVER,
    ),
    "another scheduler": ("not enough GPUs in queue research", "", Cause.UNMATCHED),
}
"""As kube-scheduler 1.34 says it, unless the row says otherwise; tests/contract/test_no_room.py asks a real one."""


def waiting(message: str, reason: str = "Unschedulable") -> dict[str, Any]:
    """A pod that a scheduler has looked at."""
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "lastTransitionTime": SINCE}
    return {"status": {"phase": "Pending", "conditions": [{**condition, "message": message}]}}


@pytest.mark.parametrize(("words", "afterthought", "cause"), SENTENCES.values(), ids=SENTENCES)
def test_sentences_of_schedulers(words: str, afterthought: str, cause: Cause) -> None:
    """The cause, the words that help people, and since when."""
    assert no_place(waiting(f"{words} {afterthought}".strip())) == NoPlace(cause, words, SECONDS)


def failed(reason: str, message: str = "") -> dict[str, Any]:
    """A pod that is over."""
    return {"spec": {"nodeName": "a"}, "status": {"phase": "Failed", "reason": reason, "message": message}}


UNSEEN = NoPlace(Cause.UNSEEN, "nothing is said of them", None)
OTHERS: dict[str, tuple[dict[str, Any], NoPlace | None]] = {
    "a gate": (
        waiting("Scheduling is blocked due to non-empty scheduling gates", "SchedulingGated"),
        NoPlace(Cause.GATED, "Scheduling is blocked due to non-empty scheduling gates", SECONDS),
    ),
    "no scheduler": ({"status": {"phase": "Pending"}}, UNSEEN),
    "bound": ({"spec": {"nodeName": "a"}, "status": {"phase": "Pending"}}, None),
    "bound, as the condition says": (
        {"status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]}},
        None,
    ),
    "runs": ({"status": {"phase": "Running"}}, None),
    "no devices on the node": (
        failed("UnexpectedAdmissionError", "Pod was rejected: Allocate failed due to requested number of devices"),
        NoPlace(
            Cause.REJECTED,
            "UnexpectedAdmissionError: Pod was rejected: Allocate failed due to requested number of devices",
            None,
        ),
    ),
    "less on the node than the scheduler thought": (
        failed("OutOfnvidia.com/gpu"),
        NoPlace(Cause.REJECTED, "OutOfnvidia.com/gpu:", None),
    ),
    "evicted": (failed("Evicted", "The node was low on resource: memory."), None),
}


@pytest.mark.parametrize(("pod", "found"), OTHERS.values(), ids=OTHERS)
def test_what_others_say(pod: dict[str, Any], found: NoPlace | None) -> None:
    """Gates and kubelets; silence; and pods that have their place."""
    assert no_place(pod) == found


REFUSALS: dict[str, Cause] = {
    'pods "q-x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: '
    "requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2": Cause.QUOTA,
    'pods "chat-" is forbidden: pod rejected: RuntimeClass "nvidia" not found': Cause.RUNTIME_CLASS,
    'pods "chat-x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi': Cause.REFUSED,
}


@pytest.mark.parametrize(("said", "cause"), REFUSALS.items())
def test_pods_that_may_not_be_created(said: str, cause: Cause) -> None:
    """In the words of the API server."""
    assert cause_of_refusal(said) is cause


def test_every_cause_has_a_meaning() -> None:
    """Each is told with what would help."""
    assert set(MEANINGS) == set(Cause)


def test_words_are_bounded() -> None:
    """The store holds thousands of them."""
    found = no_place(waiting("a " * 500))
    assert found is not None
    assert len(found.words) == LONGEST_WORDS
