"""Operators that rest, stop, die and lose their API server: what they find they keep.

One story for most of it: an operator makes some services and rests; it is stopped; the cluster goes on without it;
another one starts.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from custom_resources import profile
from faulty_api_server import FaultyApiServer, faulty_api_server
from operated_namespace import AT_ONCE, COLLECTED_SECONDS, ON_GPU_NODES, OperatedNamespace
from operator_process import Engines, OperatorProcess, running_operator

from live_cluster import LiveCluster
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.controller.announcements import COMPONENT
from tidegate.workloads.deployment import deployment as deployment_body
from tidegate.workloads.owner import Owner

pytestmark = pytest.mark.cluster

BODY = "tidegate Apply"
SCALER = "tidegate-scaler Apply scale"
REST_SECONDS = 60
TRIES = 3
"""A machine that stalls for seconds makes metrics stale, and that is told; a fleet that never rests fails them all."""

CUT_OFF = {"cut-off": 3, "cut-off-at-zero": 0}
"""Services whose creation was cut off between its two writes, and the size in the first."""


@contextmanager
def operated(here: OperatedNamespace, directory: Path) -> Iterator[OperatorProcess]:
    """An operator for this namespace alone."""
    log = directory / f"log-{secrets.token_hex(4)}"
    with running_operator(here.cluster.kubeconfig, log, f"--namespace={here.namespace}") as operator:
        yield operator


def versions(here: OperatedNamespace) -> dict[str, str]:
    """The resourceVersions of all that an operator could write in the namespace, its own Events included."""
    return {
        f"{plural}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for plural in ("inferenceservices", "deployments", "services", "events")
        for item in here.cluster.api.get(here.path(plural)).document["items"]
        if plural != "events" or item["source"].get("component") == COMPONENT
    }


def rests(here: OperatedNamespace, operator: OperatorProcess) -> bool:
    """Whether nothing is written for longer than the ten seconds that numbers wait for."""
    before = versions(here)
    operator.wait_turns(12)
    return versions(here) == before


@dataclass(slots=True)
class Story:
    """What was seen on the way.

    Attributes:
        here: The namespace, now under the second operator.
        at_rest: Versions when the first one rested.
        at_stop: Versions some turns later, when it was stopped.
        counted_at_rest: What it had counted as written when it rested.
        counted_at_stop: The same, when it was stopped.
        exit_code: How it ended.
        pods: Addresses of pods, by service, before the second one started.
    """

    here: OperatedNamespace
    at_rest: dict[str, str]
    at_stop: dict[str, str]
    counted_at_rest: dict[tuple[str, str], float]
    counted_at_stop: dict[tuple[str, str], float]
    exit_code: int
    pods: dict[str, set[str]]


@pytest.fixture(scope="module")
def story(crds: LiveCluster, engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story, up to a second operator that has settled."""
    directory = tmp_path_factory.mktemp("operators")
    namespace = f"test-{secrets.token_hex(4)}"
    assert crds.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}).status == 201
    here = OperatedNamespace(crds, namespace, engines.port)
    here.make_deployment("legacy")
    with operated(here, directory) as operator:
        here.apply(here.targeting("legacy", scaling={"mode": "Advisory"}), "old")
        here.apply(here.least(replicas=3), "calm")
        for name in ("gone", "edited"):
            here.apply(here.least(), name)
        here.wait_serving("calm", pods=3)
        here.apply(here.least(), "calm")
        for name, pods in (("calm", 3), ("gone", 1), ("edited", 1), ("old", 2)):
            here.wait_serving(name, pods=pods)
        here.wait_condition("ScalingLimited", "True", "Stabilizing", "calm")
        for _ in range(TRIES):
            here.wait("it is at rest", lambda: rests(here, operator), seconds=REST_SECONDS)
            at_rest, counted_at_rest = versions(here), operator.writes()
            operator.wait_turns(5)
            at_stop, counted_at_stop = versions(here), operator.writes()
            if at_stop == at_rest:
                break
        exit_code = operator.stop()
    here.delete("inferenceservices", "gone")
    here.apply(here.least(replicas=2, engine={"image": "e:2"}), "edited")
    for name, size in CUT_OFF.items():
        cut_off(here, name, size)
    here.wait("what was deleted is gone", lambda: here.find("deployments", "gone") is None, COLLECTED_SECONDS)
    pods = {name: set(here.addresses(name)) for name in ("calm", *CUT_OFF)}
    with operated(here, directory) as operator:
        for name in CUT_OFF:
            here.wait("the size is claimed", lambda name=name: SCALER in here.owners(name))
            here.wait("the status is written", lambda name=name: here.status(name).get("conditions"))
        operator.wait_turns(12)
        yield Story(here, at_rest, at_stop, counted_at_rest, counted_at_stop, exit_code, pods)
    crds.api.request("DELETE", f"/api/v1/namespaces/{namespace}")


def cut_off(here: OperatedNamespace, name: str, size: int) -> None:
    """Make a service, and the first write of its creation, as an operator does that dies before the second."""
    spec = here.least(**({} if size else {"replicas": 0}))
    here.apply(spec, name)
    uid = here.read("inferenceservices", name)["metadata"]["uid"]
    owner = Owner(name=name, namespace=here.namespace, uid=uid)
    body = deployment_body(owner, InferenceServiceSpec.model_validate(spec), None)
    body["spec"]["replicas"] = size
    answer = here.cluster.api.apply(here.path("deployments", name), body, manager="tidegate", force=True)
    assert answer.status == 201, answer.message
    here.wait("its pods are there", lambda: len(here.addresses(name)) == size)
    assert here.owners(name) == {BODY}


class TestRest:
    """A fleet at rest."""

    def test_nothing_changes_so_nothing_is_written(self, story: Story) -> None:
        """By the versions of all objects, and by the operator's own count."""
        assert story.at_stop == story.at_rest
        assert story.counted_at_stop == story.counted_at_rest

    def test_it_ends_in_good_order_when_it_is_told_to(self, story: Story) -> None:
        """Within the ten seconds that the test gives it."""
        assert story.exit_code == 0


class TestRestart:
    """Another process in place of the first."""

    def test_it_moves_no_replica_and_rolls_no_pod(self, story: Story) -> None:
        """Nothing is written, though three idle pods are two too many: it has watched nothing yet."""
        now = versions(story.here)
        for key in ("inferenceservices/calm", "deployments/calm", "services/calm", "inferenceservices/old"):
            assert now[key] == story.at_stop[key]
        assert story.here.size("calm") == 3
        assert set(story.here.addresses("calm")) == story.pods["calm"]

    def test_what_was_deleted_while_it_was_away_stays_away(self, story: Story) -> None:
        """Ownership does it, without an operator."""
        assert story.here.find("deployments", "gone") is None
        assert story.here.find("services", "gone") is None

    def test_what_was_edited_while_it_was_away_is_carried_out(self, story: Story) -> None:
        """Level-based: it acts on what is, not on what it heard."""
        story.here.wait_serving("edited", pods=2)
        container = story.here.deployment("edited")["spec"]["template"]["spec"]["containers"][0]
        assert container["image"] == "e:2"

    @pytest.mark.parametrize(("name", "size"), CUT_OFF.items())
    def test_a_creation_that_was_cut_off_is_finished_at_the_live_size(self, story: Story, name: str, size: int) -> None:
        """No pod is started, stopped or restarted for it, and nobody is told of a change."""
        deployment = story.here.deployment(name)
        assert (deployment["spec"]["replicas"], deployment["metadata"]["generation"]) == (size, 1)
        assert set(story.here.addresses(name)) == story.pods[name]
        assert story.here.status(name)["changes"] == []
        assert story.here.find("services", name) is not None


def test_one_that_dies_in_a_rollout_leaves_it_to_the_next(here: OperatedNamespace, tmp_path: Path) -> None:
    """The Deployment's controller did not stop; nothing is rolled twice, and the size is the same all along."""
    slow = {"metadata": {"annotations": {"tidegate.dev/simulated-startup": "3s"}}}
    with operated(here, tmp_path) as operator:
        here.apply(here.least(replicas=2))
        here.wait_serving(pods=2)
        here.apply(here.least(replicas=2, template=slow))
        here.wait_condition("Ready", "True", "RollingOut")
        operator.kill()
    with operated(here, tmp_path):
        here.wait_serving(pods=2)
        deployment = here.deployment()
    assert (deployment["metadata"]["generation"], deployment["spec"]["replicas"]) == (2, 2)


def test_only_the_given_namespace_is_looked_after_and_profiles_are_everybodys(
    here: OperatedNamespace, crds: LiveCluster, tmp_path: Path
) -> None:
    """With `--namespace`."""
    name = f"test-{secrets.token_hex(4)}"
    path = here.resources.path("AcceleratorProfile")
    assert crds.api.request("POST", path, profile(ON_GPU_NODES, name)).status == 201
    other = OperatedNamespace(crds, "default", here.port)
    other.apply(other.least(), name)
    try:
        with operated(here, tmp_path) as operator:
            here.apply(here.least(accelerator={"profile": name}))
            here.wait_serving(pods=1)
            operator.wait_turns(2)
        assert other.find("deployments", name) is None
        assert other.status(name) == {}
    finally:
        other.delete("inferenceservices", name)
        crds.api.request("DELETE", f"{path}/{name}")


class TestApiServerInTrouble:
    """A proxy between the operator and the API server plays the faults."""

    def test_it_outlives_every_fault_and_goes_on(self, here: OperatedNamespace, tmp_path: Path) -> None:
        """Watches and writes both come back, and what happened meanwhile is carried out. 0: connections are cut."""
        with (
            faulty_api_server(here.cluster.kubeconfig, tmp_path) as faulty,
            operated(_through(here, faulty), tmp_path) as operator,
        ):
            here.apply(here.least(**AT_ONCE))
            here.wait_serving(pods=1)
            for pods, status in enumerate((401, 403, 429, 500, 503, 0), start=2):
                faulty.fail_with(status)
                here.apply(here.least(replicas=pods, **AT_ONCE))
                faulty.wait_failures(3)
                assert operator.process.poll() is None, operator.said()
                faulty.heal()
                here.wait(f"it goes on after {status}", lambda pods=pods: here.size() == pods, seconds=60)
            here.wait_serving(pods=7)

    def test_without_crds_it_says_what_to_do(self, here: OperatedNamespace, tmp_path: Path) -> None:
        """In /readyz and its log; and begins as soon as they are there."""
        says = "does not know inferenceservices.inference.tidegate.dev: apply crds/ first"
        with faulty_api_server(here.cluster.kubeconfig, tmp_path) as faulty:
            faulty.fail_with(404)
            namespace = f"--namespace={here.namespace}"
            log = tmp_path / "log"
            with running_operator(faulty.kubeconfig, log, namespace, until_ready=False) as operator:
                operator.wait_unready(says)
                assert operator.said().count(says) == 1
                faulty.heal()
                operator.wait_until_ready()
                here.apply(here.least())
                here.wait_serving(pods=1)


def _through(here: OperatedNamespace, faulty: FaultyApiServer) -> OperatedNamespace:
    cluster = LiveCluster(here.cluster.name, faulty.kubeconfig, here.cluster.program, here.cluster.api)
    return OperatedNamespace(cluster, here.namespace, here.port)
