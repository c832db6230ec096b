"""CustomResourceDefinitions of another release than the operator's: it works, and says what it cannot."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from custom_resources import Document
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess

from live_cluster import LiveCluster

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/inferenceservices.inference.tidegate.dev"


@contextmanager
def replaced(crds: LiveCluster, original: Document, other: Document) -> Iterator[None]:
    """Replace the definition of InferenceServices until the block ends."""
    try:
        assert crds.api.request("PUT", PATH, other).status == 200
        yield
    finally:
        found = crds.api.get(PATH).document
        found["spec"] = original["spec"]
        assert crds.api.request("PUT", PATH, found).status == 200


class TestOlderCrd:
    """A CRD that was not upgraded with its operator."""

    def test_the_fields_that_it_does_not_know_are_told_once_and_the_rest_is_written(
        self, here: OperatedNamespace, operator: OperatorProcess, crds: LiveCluster
    ) -> None:
        """In the operator's log: no object of the user's is at fault."""
        original = crds.api.get(PATH).document
        older = copy.deepcopy(original)
        status = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
        del status["signals"], status["decision"]["properties"]["proposals"]
        with replaced(crds, original, older):
            here.wait("it counts", lambda: "signals" not in here.kubectl("explain", "infer.status"))
            here.apply(here.least())
            here.wait_serving(pods=1)
            assert "signals" not in here.status()
            operator.wait_turns(2)
            version = here.read("inferenceservices")["metadata"]["resourceVersion"]
            operator.wait_turns(15)
            assert here.read("inferenceservices")["metadata"]["resourceVersion"] == version
            for field in ("status.signals", "status.decision.proposals"):
                assert operator.said().count(f'"{field}"') == 1


class TestNewerCrd:
    """A CRD that was upgraded before its operator."""

    def test_what_only_the_newer_crd_knows_is_told_and_the_pods_are_left_alone(
        self, here: OperatedNamespace, crds: LiveCluster
    ) -> None:
        """Rolling the operator back must not take a service down."""
        here.apply(here.least())
        here.wait_serving(pods=1)
        before = here.deployment()["metadata"]["resourceVersion"]
        original = crds.api.get(PATH).document
        newer = json.loads(json.dumps(original).replace('"enum": ["vLLM", ', '"enum": ["NextYears", "vLLM", '))
        assert newer != original
        with replaced(crds, original, newer):
            change = {"spec": {"engine": {"type": "NextYears"}}}
            here.wait("the newer CRD counts", lambda: here.resources.patch(change).status == 200)
            message = here.wait_condition("SpecValid", "False", "InvalidSpec")
            assert "spec.engine.type" in message
            assert "NextYears" in message
            assert "upgrade" in message
            assert here.status()["readyReplicas"] == 1
            assert here.deployment()["metadata"]["resourceVersion"] == before
            here.resources.patch({"spec": {"engine": {"type": "vLLM"}}})
            here.wait_condition("SpecValid", "True", "Accepted")
