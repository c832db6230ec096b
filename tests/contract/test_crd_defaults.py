"""What the API server fills in, and what it drops, on a real API server."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from custom_resources import LEAST, CustomResources, profile, service

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec

pytestmark = pytest.mark.cluster

EXAMPLES = sorted(
    path
    for path in (Path(__file__).resolve().parents[2] / "examples").rglob("*.yaml")
    if "\nkind: " in path.read_text()
)
"""The objects among the examples."""


SPECS = {
    "the least": LEAST,
    "a target": {"model": {"name": "m"}, "targetRef": {"name": "d", "engine": {"type": "llamaCpp"}}},
    "an accelerator": LEAST | {"accelerator": {"profile": "l4"}},
    "a term": LEAST | {"scaling": {"tokenThroughput": {"targetPerReplica": "1.5k"}}},
    "a promise": LEAST | {"scaling": {"objectives": {"timeToFirstToken": {"milliseconds": 2000}}}},
    "a schedule": LEAST
    | {
        "scaling": {
            "schedules": [{"name": "n", "start": "0 8 * * *", "end": "0 9 * * *", "timeZone": "UTC", "minReplicas": 2}]
        }
    },
    "a direction": LEAST | {"scaling": {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}},
    "a template": LEAST | {"template": {"spec": {"containers": [{"name": "engine", "tty": True}], "nodeName": "n"}}},
    "a pin": LEAST | {"replicas": 0},
    "sleep": LEAST | {"scaling": {"minReplicas": 0, "scaleToZero": {"idleSeconds": 30}}},
    "routing": LEAST | {"routing": {"mode": "Direct", "shared": False}},
    "a variant": LEAST | {"variants": [{"name": "cpu"}]},
    "a variant in full": LEAST
    | {
        "variants": [
            {
                "name": "cpu",
                "engine": {"type": "llamaCpp", "image": "i"},
                "template": {"metadata": {"labels": {"team": "a"}}},
                "accelerator": {"profile": "l4", "fraction": "0.5"},
                "costPerHour": "0.34",
                "tokenThroughput": {"targetPerReplica": 400},
                "minReplicas": 1,
                "maxReplicas": 2,
            }
        ],
        "routing": {"mode": "Gateway"},
    },
    "a budget": LEAST | {"costPerHour": 1, "scaling": {"budget": {"maxCostPerHour": "12.50"}}},
    "patience": LEAST | {"scaling": {"fallbackAfterSeconds": 60}},
}

TYPO = LEAST | {"scaling": {"minReplica": 2}}
WITHOUT_PROBE = LEAST | {
    "template": {"spec": {"affinity": None, "containers": [{"name": "engine", "livenessProbe": None}]}}
}
QUANTITIES = [
    1, 0, -1, 10**9, 10**9 + 1, "1", "0", "-1", "+1", "0.5", ".5", "5.", "500m", "1u", "1n", "0m", "12k", "1K", "1M",
    "1G", "1.1G", "1Ki", "1Mi", "1Gi", "1e3", "1E3", "1e9", "1e10", "1e-3", "1e", "1E", "", ".", "half", "1,5", " 1",
    "1 ", "1\n", "0x1", "NaN", "Infinity", "1_000", "--1",
]  # fmt: skip


class TestDefaults:
    """Absent fields."""

    def test_the_least_spec_shows_how_it_will_scale(self, trial: CustomResources) -> None:
        """`kubectl get -o yaml` tells what was not written. Nothing is filled in that was left out on purpose."""
        answer = trial.try_out(service(LEAST))
        assert answer.document["spec"] == {
            "model": {"name": "m"},
            "engine": {
                "type": "vLLM",
                "image": "i",
                "startupTimeoutSeconds": 1200,
                "metrics": {"workUnit": "tokens"},
            },
            "routing": {"maxHeldRequests": 1000, "holdTimeoutSeconds": 300, "shared": True},
            "scaling": {
                "mode": "Automatic",
                "minReplicas": 1,
                "maxReplicas": 8,
                "queueDepth": {"targetPerReplica": 4, "drainSeconds": 30},
                "kvCache": {"targetPercent": 85},
                "scaleToZero": {"idleSeconds": 600},
                "fallbackAfterSeconds": 180,
                "behavior": {"scaleUp": {"selectPolicy": "Max"}, "scaleDown": {"selectPolicy": "Max"}},
            },
        }

    @pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
    def test_they_are_those_of_the_model(self, trial: CustomResources, spec: dict[str, Any]) -> None:
        """With or without the API server in between, a spec means the same."""
        answer = trial.try_out(service(spec))
        assert answer.status == 201, answer.message
        assert InferenceServiceSpec.model_validate(answer.document["spec"]) == InferenceServiceSpec.model_validate(spec)

    def test_a_profile_fills_in_its_tolerations_and_its_sharing(self, trial: CustomResources) -> None:
        """`Equal`, as in a PodSpec; and that devices are not shared."""
        spec = {"resourceName": "nvidia.com/gpu", "tolerations": [{"key": "a"}]}
        filled = trial.try_out(profile(spec)).document["spec"]
        unshared = {"mechanism": "Whole", "migStrategy": "Mixed", "renamed": False}
        assert filled == spec | {"tolerations": [{"key": "a", "operator": "Equal"}], "sharing": unshared}
        assert AcceleratorProfileSpec.model_validate(filled) == AcceleratorProfileSpec.model_validate(spec)

    def test_a_variant_is_filled_in_as_the_service_is(self, trial: CustomResources) -> None:
        """None of it at least; its engine and its hardware as they would be at the top level."""
        variant = {"name": "small", "engine": {"type": "vLLM", "image": "i"}, "accelerator": {"profile": "l4"}}
        filled = trial.try_out(service(LEAST | {"variants": [variant]})).document["spec"]
        (found,) = filled["variants"]
        assert found == variant | {
            "engine": filled["engine"],
            "accelerator": {"profile": "l4", "count": 1, "spot": False},
            "minReplicas": 0,
        }

    def test_null_is_absent(self, trial: CustomResources) -> None:
        """A null beside a default gives the default, any other goes."""
        spec = LEAST | {
            "accelerator": None,
            "replicas": None,
            "scaling": {"maxReplicas": None, "tokenThroughput": None},
        }
        found = trial.try_out(service(spec)).document["spec"]
        assert found["scaling"]["maxReplicas"] == 8
        assert not {"accelerator", "replicas", "tokenThroughput"} & ({*found} | {*found["scaling"]})


class TestQuantities:
    """The model and the rule read quantities alike."""

    @pytest.mark.parametrize("quantity", QUANTITIES)
    def test_both_take_it_or_both_refuse_it(self, trial: CustomResources, quantity: int | str) -> None:
        """No value is accepted at apply and found wrong later."""
        answer = trial.try_out(service(LEAST | {"scaling": {"queueDepth": {"targetPerReplica": quantity}}}))
        try:
            InferenceServiceSpec.model_validate(LEAST | {"scaling": {"queueDepth": {"targetPerReplica": quantity}}})
        except ValueError:
            assert answer.status == 422
        else:
            assert answer.status == 201, answer.message


class TestUnknownFields:
    """Typos."""

    def test_they_are_pruned(self, trial: CustomResources) -> None:
        """What the schema does not know is not stored."""
        assert "minReplica" not in trial.try_out(service(TYPO)).document["spec"]["scaling"]

    @pytest.mark.parametrize(
        ("option", "says"),
        [
            ("--server-side=false", 'unknown field "spec.scaling.minReplica"'),  # Strict unless told otherwise.
            ("--validate=strict", 'unknown field "spec.scaling.minReplica"'),
            ("--server-side", ".spec.scaling.minReplica: field not declared in schema"),
        ],
    )
    def test_kubectl_names_them(self, resources: CustomResources, option: str, says: str) -> None:
        """However it applies."""
        manifest = yaml.safe_dump(service(TYPO))
        answer = resources.kubectl("apply", option, "--filename=-", stdin=manifest, check=False)
        assert answer.returncode == 1
        assert says in answer.stderr

    def test_a_template_keeps_everything(self, trial: CustomResources) -> None:
        """Any field of a PodSpec, known to this version or not; Kubernetes judges it when the Deployment is applied."""
        template = {"spec": {"containers": [{"name": "engine", "new": {"a": [1]}}], "volumes": [{"name": "v"}], "x": 1}}
        assert trial.try_out(service(LEAST | {"template": template})).document["spec"]["template"] == template


class TestNullsInTemplates:
    """A null removes what Tidegate would have put there."""

    def test_server_side_apply_keeps_them(self, resources: CustomResources) -> None:
        """Inside of lists as outside."""
        resources.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump(service(WITHOUT_PROBE)))
        assert resources.read()["spec"]["template"] == WITHOUT_PROBE["template"]

    def test_client_side_apply_drops_them(self, resources: CustomResources) -> None:
        """It is kubectl that does so, before it sends them: the field's description asks for --server-side."""
        resources.kubectl("apply", "--filename=-", stdin=yaml.safe_dump(service(WITHOUT_PROBE)))
        assert resources.read()["spec"]["template"] == {"spec": {"containers": [{"name": "engine"}]}}


class TestExamples:
    """What people copy."""

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
    def test_they_can_be_applied(self, resources: CustomResources, path: Path) -> None:
        """As they are, with strict validation."""
        answer = resources.kubectl(
            "apply", "--server-side", "--dry-run=server", "--validate=strict", f"--filename={path}"
        )
        applied = answer.stdout.splitlines()
        assert len(applied) == len(list(yaml.safe_load_all(path.read_text())))
        assert all(line.endswith("serverside-applied (server dry run)") for line in applied)

    def test_they_refer_to_profiles_that_are_there(self) -> None:
        """Every accelerator profile that an example names is one of the examples."""
        documents = [document for path in EXAMPLES for document in yaml.safe_load_all(path.read_text())]
        there = {document["metadata"]["name"] for document in documents if document["kind"] == "AcceleratorProfile"}
        specs = [document.get("spec", {}) for document in documents]
        ways = [*specs, *(variant for spec in specs for variant in spec.get("variants", []))]
        named = {way.get("accelerator", {}).get("profile") for way in ways} - {None}
        assert named
        assert named <= there
