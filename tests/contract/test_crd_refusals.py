"""Mistakes that `kubectl apply` tells at once, on a real API server."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from crd_refusals import EXCHANGES, PROFILES, SERVICES, Refused
from custom_resources import LEAST, CustomResources, Document, changed, profile, service
from pydantic import ValidationError

from tidegate.api.accelerator_profile import AcceleratorProfile
from tidegate.api.crds import manifests
from tidegate.api.inference_service import InferenceService

PROFILE = {"resourceName": "nvidia.com/gpu"}
NAMES = {
    "41 characters": "a-name-that-is-forty-one-characters-long1",
    "a digit first": "4chat",
    "a dot": "chat.v2",
}


def rule_messages(node: Any) -> Iterator[str]:
    """The messages of all rules inside a document."""
    if isinstance(node, dict):
        yield from (rule["message"] for rule in node.get("x-kubernetes-validations", ()))
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from rule_messages(inner)


@pytest.mark.cluster
class TestServices:
    """InferenceServices."""

    @pytest.mark.parametrize("case", SERVICES.values(), ids=SERVICES)
    def test_a_mistake_is_named(self, trial: CustomResources, case: Refused) -> None:
        """With the field and the fix; nothing is stored."""
        answer = trial.try_out(service(changed(LEAST, case.change)))
        assert answer.status in {400, 422}
        assert case.says in answer.message

    @pytest.mark.parametrize(("there", "change", "says"), EXCHANGES.values(), ids=EXCHANGES)
    def test_engine_and_target_are_not_exchanged_on_a_living_service(
        self, resources: CustomResources, there: Document, change: Document, says: str
    ) -> None:
        """All else of the spec may change, the engine's type and the target's name among it."""
        resources.create(changed(LEAST, there))
        refused = resources.patch({"spec": change})
        assert refused.status == 422
        assert says in refused.message
        other = {"targetRef": {"name": "other"}} if "targetRef" in there else {"engine": {"type": "llamaCpp"}}
        assert resources.patch({"spec": other}).status == 200

    @pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
    def test_a_name_that_does_not_fit_its_children_is_named(self, trial: CustomResources, name: str) -> None:
        """A Service takes no name that starts with a digit or has a dot, and pods add to it."""
        answer = trial.try_out(service(LEAST, name))
        assert answer.status == 422
        assert f"{name} is not a fit metadata.name: take at most 40 lower-case letters" in answer.message

    @pytest.mark.parametrize("name", ["a", "chat-2", "a-name-that-is-exactly-forty-characters1"])
    def test_a_name_that_fits_is_taken(self, trial: CustomResources, name: str) -> None:
        """Up to 40 characters."""
        assert trial.try_out(service(LEAST, name)).status == 201


@pytest.mark.cluster
class TestProfiles:
    """AcceleratorProfiles."""

    @pytest.mark.parametrize("case", PROFILES.values(), ids=PROFILES)
    def test_a_mistake_is_named(self, trial: CustomResources, case: Refused) -> None:
        """With the field and the fix; nothing is stored."""
        answer = trial.try_out(profile(changed(PROFILE, case.change)))
        assert answer.status == 422
        assert case.says in answer.message

    @pytest.mark.parametrize(
        "toleration",
        [
            {"operator": "Exists"},
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
            {"key": "dedicated", "value": "gpu"},
            {"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
        ],
    )
    def test_a_toleration_is_one_of_a_pod(self, trial: CustomResources, toleration: Document) -> None:
        """What a PodSpec takes, a profile takes."""
        assert trial.try_out(profile(PROFILE | {"tolerations": [toleration]})).status == 201
        pod = {"spec": {"containers": [{"name": "c", "image": "i"}], "tolerations": [toleration]}}
        pods = f"/api/v1/namespaces/{trial.namespace}/pods"
        assert trial.api.request("POST", pods, {"metadata": {"name": "p"}, **pod}, dryRun="All").status == 201


class TestTable:
    """The tables themselves."""

    def test_every_rule_has_a_row(self) -> None:
        """A rule that nothing tries may refuse nothing, or everything."""
        said = " ".join(case.says for case in (*SERVICES.values(), *PROFILES.values()))
        messages = {message for text in manifests().values() for message in rule_messages(yaml.safe_load(text))}
        tried_by_name = {message for message in messages if "metadata.name" in message}
        assert len(tried_by_name) == 1
        tried_by_exchange = {message for message in messages if "exchanged for one another" in message}
        assert len(tried_by_exchange) == 1
        assert [message for message in messages - tried_by_name - tried_by_exchange if message not in said] == []

    @pytest.mark.parametrize(
        ("model", "least", "case"),
        [(InferenceService, LEAST, case) for case in SERVICES.values()]
        + [(AcceleratorProfile, PROFILE, case) for case in PROFILES.values()],
        ids=[*SERVICES, *PROFILES],
    )
    def test_the_model_refuses_what_needs_no_rule(self, model: Any, least: Document, case: Refused) -> None:
        """So that the same object from an older CRD becomes a condition, and what only a rule forbids is still read."""
        document = {"spec": changed(least, case.change)}
        if case.by_rule:
            assert model.model_validate(document)
        else:
            with pytest.raises(ValidationError):
                model.model_validate(document)
