"""`spec.scaling.behavior` is that of HorizontalPodAutoscaler autoscaling/v2: the same blocks, given to both."""

from typing import Any

import pytest
from custom_resources import LEAST, CustomResources, service

from tidegate.api.behavior import ScalingPolicy
from tidegate.scaling import behavior

pytestmark = pytest.mark.cluster

POD = {"type": "Pods", "value": 1, "periodSeconds": 60}

TAKEN: dict[str, dict[str, Any]] = {
    "nothing": {},
    "empty rules": {"scaleUp": {}, "scaleDown": {}},
    "null rules": {"scaleUp": None},
    "both directions": {"scaleUp": {"policies": [POD]}, "scaleDown": {"policies": [POD]}},
    "no window": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    "the longest window": {"scaleDown": {"stabilizationWindowSeconds": 3600}},
    "a null window": {"scaleDown": {"stabilizationWindowSeconds": None}},
    "select Max": {"scaleUp": {"selectPolicy": "Max"}},
    "select Min": {"scaleUp": {"selectPolicy": "Min"}},
    "select Disabled": {"scaleDown": {"selectPolicy": "Disabled"}},
    "Disabled beside policies": {"scaleDown": {"selectPolicy": "Disabled", "policies": [POD]}},
    "null policies": {"scaleUp": {"policies": None}},
    "one percent": {"scaleUp": {"policies": [{**POD, "type": "Percent"}]}},
    "900 percent": {"scaleUp": {"policies": [{**POD, "type": "Percent", "value": 900}]}},
    "a huge value": {"scaleUp": {"policies": [{**POD, "value": 2**31 - 1}]}},
    "the shortest period": {"scaleUp": {"policies": [{**POD, "periodSeconds": 1}]}},
    "the longest period": {"scaleUp": {"policies": [{**POD, "periodSeconds": 1800}]}},
    "two policies of a kind": {"scaleUp": {"policies": [POD, {**POD, "periodSeconds": 5}]}},
    "the same policy twice": {"scaleUp": {"policies": [POD, POD]}},
    "many policies": {"scaleUp": {"policies": [{**POD, "value": value} for value in range(1, 21)]}},
    "tolerance in text": {"scaleUp": {"tolerance": "0.05"}},
    "tolerance in thousandths": {"scaleDown": {"tolerance": "50m"}},
    "tolerance with an exponent": {"scaleDown": {"tolerance": "5e-2"}},
    "no tolerance": {"scaleUp": {"tolerance": 0}},
    "tolerance above one": {"scaleUp": {"tolerance": "1.5"}},
    "a whole tolerance": {"scaleUp": {"tolerance": 2}},
    "an unknown field": {"scaleUp": {"stabilisationWindowSeconds": 5}},
}
REFUSED: dict[str, dict[str, Any]] = {
    "negative window": {"scaleDown": {"stabilizationWindowSeconds": -1}},
    "window of more than an hour": {"scaleDown": {"stabilizationWindowSeconds": 3601}},
    "window in text": {"scaleDown": {"stabilizationWindowSeconds": "60"}},
    "window of half a second": {"scaleDown": {"stabilizationWindowSeconds": 0.5}},
    "unknown selection": {"scaleUp": {"selectPolicy": "Median"}},
    "selection in lower case": {"scaleUp": {"selectPolicy": "max"}},
    "an empty selection": {"scaleUp": {"selectPolicy": ""}},
    "no policies": {"scaleUp": {"policies": []}},
    "no policies beside Disabled": {"scaleDown": {"selectPolicy": "Disabled", "policies": []}},
    "0 percent": {"scaleUp": {"policies": [{**POD, "type": "Percent", "value": 0}]}},
    "0 pods": {"scaleUp": {"policies": [{**POD, "value": 0}]}},
    "negative value": {"scaleUp": {"policies": [{**POD, "value": -1}]}},
    "value above 32 bits": {"scaleUp": {"policies": [{**POD, "value": 2**31}]}},
    "half a pod": {"scaleUp": {"policies": [{**POD, "value": 0.5}]}},
    "no period": {"scaleUp": {"policies": [{**POD, "periodSeconds": 0}]}},
    "period of more than half an hour": {"scaleUp": {"policies": [{**POD, "periodSeconds": 1801}]}},
    "negative period": {"scaleUp": {"policies": [{**POD, "periodSeconds": -5}]}},
    "unknown type": {"scaleUp": {"policies": [{**POD, "type": "Replicas"}]}},
    "policy without type": {"scaleUp": {"policies": [{"value": 1, "periodSeconds": 60}]}},
    "policy without value": {"scaleUp": {"policies": [{"type": "Pods", "periodSeconds": 60}]}},
    "policy without period": {"scaleUp": {"policies": [{"type": "Pods", "value": 1}]}},
    "policies as a map": {"scaleUp": {"policies": {"type": "Pods"}}},
    "tolerance in words": {"scaleUp": {"tolerance": "lots"}},
    "an empty tolerance": {"scaleUp": {"tolerance": ""}},
    "tolerance in percent": {"scaleUp": {"tolerance": "5%"}},
    "rules as a list": {"scaleUp": []},
}
BLOCKS = {**TAKEN, **REFUSED}

AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "chat"},
}
AUTOSCALER_SPEC = {
    "minReplicas": 1,
    "maxReplicas": 8,
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"},
}
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"


class TestSameBlocks:
    """What people know of the HPA holds here."""

    @pytest.mark.parametrize(("name", "block"), BLOCKS.items(), ids=BLOCKS)
    def test_both_take_it_or_both_refuse_it(self, trial: CustomResources, name: str, block: dict[str, Any]) -> None:
        """The same API server judges both."""
        theirs = trial.api.request("POST", AUTOSCALERS, autoscaler(block), dryRun="All")
        ours = trial.try_out(service(LEAST | {"scaling": {"behavior": block}}))
        expected = name in TAKEN
        assert (theirs.status == 201, ours.status == 201) == (expected, expected), (theirs.message, ours.message)

    @pytest.mark.parametrize(
        ("quantity", "why"),
        [
            (0.05, "a float: the API has none, so that what is read back is what was written; write it in quotes"),
            ("-0.1", "refused by the HPA as well, once its feature gate HPAConfigurableTolerance is on"),
        ],
    )
    def test_two_tolerances_are_judged_otherwise(self, trial: CustomResources, quantity: Any, why: str) -> None:
        """Known differences, on purpose."""
        block = {"scaleUp": {"tolerance": quantity}}
        assert trial.api.request("POST", AUTOSCALERS, autoscaler(block), dryRun="All").status == 201
        assert trial.try_out(service(LEAST | {"scaling": {"behavior": block}})).status == 422, why


class TestSameDefaults:
    """What is not written means the same."""

    def test_they_are_those_that_the_api_server_fills_in(self, trial: CustomResources) -> None:
        """An HPA shows them; the rule of ours fills in the same."""
        answer = trial.api.request("POST", AUTOSCALERS, autoscaler({"scaleUp": {}, "scaleDown": {}}), dryRun="All")
        filled = answer.document["spec"]["behavior"]
        assert filled == {
            "scaleUp": {
                "stabilizationWindowSeconds": behavior.DEFAULT_UP_WINDOW_SECONDS,
                "selectPolicy": "Max",
                "policies": _documents(behavior.DEFAULT_UP_POLICIES),
            },
            # The window of scaleDown is a flag of the HPA controller (300 s), which the API server does not know.
            "scaleDown": {"selectPolicy": "Max", "policies": _documents(behavior.DEFAULT_DOWN_POLICIES)},
        }


def autoscaler(block: dict[str, Any]) -> dict[str, Any]:
    """An HPA with a behavior."""
    return {**AUTOSCALER, "spec": {**AUTOSCALER_SPEC, "behavior": block}}


def _documents(policies: tuple[ScalingPolicy, ...]) -> list[dict[str, Any]]:
    return [policy.to_document() for policy in policies]
