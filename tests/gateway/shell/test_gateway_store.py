"""From watches to the policy: what it is told, and when."""

import pytest
from gateway_objects import CHAT, Told, inference_service, pod, routing_status

from tidegate.api.routing import RoutingMode
from tidegate.cluster.resources import INFERENCE_SERVICES, PODS, Document, Key
from tidegate.gateway.routed_service import ModelPod, PodEngine
from tidegate.gateway.store import Store


class Fed:
    """A store, what it tells, and a clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.changed: list[Key] = []
        self.told = Told()
        self.store = Store(self.told, changed=self.changed.append, clock=lambda: self.now)

    def put(self, *documents: Document) -> None:
        """Have the watch bring objects."""
        for each in documents:
            self.store.put(PODS if each["kind"] == "Pod" else INFERENCE_SERVICES, each)

    def pod(self, name: str = "chat-1") -> ModelPod:
        """A pod as the policy knows it."""
        return self.told.pods[CHAT][name]


@pytest.fixture
def fed() -> Fed:
    """Nothing is known yet."""
    return Fed()


def test_a_service_is_what_its_spec_and_status_say(fed: Fed) -> None:
    """Port and plan of the operator; names, bounds and the engine's port and path of the spec."""
    spec = {
        "model": {"name": "llama", "aliases": ["small", "llama"]},
        "engine": {"type": "SGLang", "image": "i"},
        "routing": {"maxHeldRequests": 5, "holdTimeoutSeconds": 7, "shared": False, "affinityHeader": "X-Session"},
    }
    fed.put(inference_service(spec=spec))
    service = fed.told.services[CHAT]
    assert (service.mode, service.port, service.models) == (RoutingMode.GATEWAY, 12_000, ("llama", "small"))
    assert (service.max_held_requests, service.hold_timeout_seconds, service.shared) == (5, 7.0, False)
    assert service.affinity_header == "x-session"
    assert dict(service.engines) == {"default": PodEngine(port=30_000, health_path="/health")}
    assert service.wake_plan is not None
    assert (service.wake_plan.deployment, service.created, service.deleting) == ("chat", 1_600_000_000.0, False)


def test_llama_cpp_is_known_to_close_connections(fed: Fed) -> None:
    """Though it says that it keeps them; so each request to it gets its own."""
    fed.put(inference_service(spec={"model": {"name": "m"}, "engine": {"type": "llamaCpp", "image": "i"}}))
    fed.put(pod())
    assert not fed.pod().keeps_connections


@pytest.mark.parametrize(
    "status", [{}, {"routing": {"mode": "None"}}, routing_status(port=None), routing_status("None")], ids=str
)
def test_a_service_that_is_not_routed_is_not_the_policys(fed: Fed, status: Document) -> None:
    """Nobody listens for it, and its pods are nobody's business here."""
    fed.put(pod(), inference_service(status=status))
    assert (fed.told.events, fed.store.routed()) == ([], [])


def test_a_service_that_is_routed_no_more_is_forgotten(fed: Fed) -> None:
    """As one that is deleted."""
    fed.put(inference_service(), inference_service(status=routing_status("None")))
    assert fed.told.events == ["put chat", "pods chat 0", "forget chat"]
    fed.put(inference_service())
    fed.store.forget(INFERENCE_SERVICES, CHAT)
    assert fed.told.services == {}


@pytest.mark.parametrize(("engine", "any_post"), [("vLLM", False), ("Custom", True)])
def test_of_a_custom_engine_the_paths_are_not_known(fed: Fed, engine: str, *, any_post: bool) -> None:
    """Whatever is posted to it may be work."""
    custom = {"port": 9000, "metrics": {"names": {"running": "r"}}} if any_post else {}
    fed.put(inference_service(spec={"model": {"name": "m"}, "engine": {"type": engine, "image": "i"} | custom}))
    assert fed.told.services[CHAT].any_post is any_post


def test_a_status_that_was_taken_away_changes_nothing(fed: Fed) -> None:
    """Restored from a backup, say: requests go on until an operator has said again how they are routed."""
    fed.put(inference_service(), inference_service(status={}))
    assert fed.told.events == ["put chat", "pods chat 0"]
    assert [service.port for service in fed.store.routed()] == [12_000]


def test_another_service_of_the_same_name_shares_nothing(fed: Fed) -> None:
    """Deleted and made anew between two looks."""
    fed.put(inference_service(), inference_service(uid="another"))
    assert fed.told.events == ["put chat", "pods chat 0", "forget chat", "put chat", "pods chat 0"]


def test_nothing_new_is_nothing_told(fed: Fed) -> None:
    """Most changes of a status are none of ours."""
    fed.put(inference_service(), pod())
    events, changed = len(fed.told.events), len(fed.changed)
    fed.put(inference_service(status=routing_status() | {"replicas": 3}), pod(metadata={"annotations": {"a": "b"}}))
    assert (len(fed.told.events), len(fed.changed)) == (events, changed)


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({"model": {"name": "m"}, "engine": {"type": "NewEngine", "image": "i"}}, routing_status()),
        (None, {"routing": {"mode": "NewMode", "port": 12_000}}),
        (None, routing_status() | {"wakePlan": {"deployment": 7}}),
    ],
    ids=["spec", "routing", "plan"],
)
def test_what_cannot_be_read_leaves_what_was_known(fed: Fed, spec: Document | None, status: Document) -> None:
    """A newer operator may write what this gateway does not know; requests go on all the same."""
    fed.put(inference_service())
    before = fed.told.services[CHAT]
    unreadable = inference_service(spec=spec, status=status)
    unreadable["metadata"]["generation"] = 2
    fed.put(unreadable)
    assert fed.told.services[CHAT] == before
    assert fed.store.services[CHAT].problem
    fed.put(inference_service())
    assert (fed.told.services[CHAT], fed.store.services[CHAT].problem) == (before, "")


def test_a_service_that_could_never_be_read_is_not_settled(fed: Fed) -> None:
    """So a slice that another gateway has made for it is left alone."""
    fed.put(inference_service(spec={"model": {"name": "m"}, "engine": {"type": "NewEngine", "image": "i"}}))
    record = fed.store.services[CHAT]
    assert (record.is_settled, record.routed, fed.told.services) == (False, None, {})


def test_pods_that_came_first_are_told_with_their_service(fed: Fed) -> None:
    """The watches are two."""
    fed.put(pod("chat-1"), pod("chat-2"), inference_service())
    assert set(fed.told.pods[CHAT]) == {"chat-1", "chat-2"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"ready": True, "serving": True, "address": "10.0.0.1:8000"}),
        ({"status": {"podIP": "fd00::1"}}, {"address": "[fd00::1]:8000"}),
        ({"status": {"podIP": ""}}, {"address": ""}),
        ({"metadata": {"deletionTimestamp": "2020-09-13T12:26:40Z"}}, {"ready": True, "serving": False}),
        ({"status": {"phase": "Failed"}}, {"serving": False}),
        ({"status": {"conditions": None}}, {"ready": False}),
    ],
    ids=str,
)
def test_a_pod_is_what_its_labels_and_status_say(fed: Fed, changes: Document, expected: Document) -> None:
    """Ready and serving are two things."""
    fed.put(inference_service(), pod(**changes))
    assert {name: getattr(fed.pod(), name) for name in expected} == expected


def test_a_pod_that_drains_serves_no_more_and_one_that_lost_its_label_is_gone(fed: Fed) -> None:
    """Labels flip under way."""
    fed.put(inference_service(), pod())
    draining = pod()
    draining["metadata"]["labels"]["inference.tidegate.dev/routing"] = "draining"
    fed.put(draining)
    assert fed.pod().serving is False
    fed.put(pod(service=None))
    assert fed.told.pods[CHAT] == {}
    assert fed.store.keys(PODS) == {("models", "chat-1")}
    fed.store.forget(PODS, ("models", "chat-1"))
    assert fed.store.keys(PODS) == set()


def test_a_pod_moves_to_the_service_that_its_label_names(fed: Fed) -> None:
    """And is of one service only."""
    fed.put(inference_service(), inference_service("swap"), pod())
    fed.put(pod(service="swap"))
    assert (fed.told.pods[CHAT], set(fed.told.pods["models", "swap"])) == ({}, {"chat-1"})


def test_trouble_is_told_with_the_time_when_it_was_first_seen(fed: Fed) -> None:
    """Another word for it does not make it younger; another reason does."""

    def waiting(reason: str, message: str) -> Document:
        state = {"waiting": {"reason": reason, "message": message}}
        return pod(
            ready=False,
            status={"podIP": "", "conditions": [], "containerStatuses": [{"name": "engine", "state": state}]},
        )

    def told() -> tuple[str, float]:
        trouble = fed.pod().trouble
        return trouble.reason, trouble.since

    fed.put(inference_service(), waiting("ErrImagePull", "no such image"))
    fed.now = 150.0
    fed.put(waiting("ImagePullBackOff", "backing off"))
    assert told() == ("ImagePullFailing", 100.0)
    fed.put(waiting("CrashLoopBackOff", "it crashed"))
    assert told() == ("Crashing", 150.0)
    fed.put(pod())
    assert fed.pod().trouble is None


def test_since_when_a_pod_has_been_ready_and_serving(fed: Fed) -> None:
    """The first of them counts, and a pod that drains does not."""
    assert fed.store.ready_since(CHAT) is None
    fed.put(pod("chat-1"))
    fed.now = 110.0
    fed.put(pod("chat-2"))
    assert fed.store.ready_since(CHAT) == 100.0
    fed.put(pod("chat-1", ready=False))
    assert fed.store.ready_since(CHAT) == 100.0
    fed.store.forget(PODS, ("models", "chat-2"))
    assert fed.store.ready_since(CHAT) is None


def test_of_a_service_that_is_gone_the_last_pod_is_the_last_that_is_told(fed: Fed) -> None:
    """Pods outlive their service by a while; a policy that never heard of their end would keep both for ever."""
    fed.put(inference_service(), pod())
    fed.store.forget(INFERENCE_SERVICES, CHAT)
    fed.store.forget(PODS, ("models", "chat-1"))
    assert fed.told.events == ["put chat", "pods chat 0", "pods chat 1", "forget chat", "pods chat 0"]
