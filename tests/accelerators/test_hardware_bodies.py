"""What each mechanism makes of a body, as files that people can read; and how it meets what users write."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from hardware_bodies import CASES, OWNER, bodies, made_by_hardware, spec_of
from mechanism_rows import PROFILES, profile_of
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.sharing import Mechanism
from tidegate.workloads.deployment import deployment
from tidegate.workloads.granted import granted
from tidegate.workloads.hashing import inputs_hash

GOLDEN = Path(__file__).parent / "golden"
MINE = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
OTHER = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}


@pytest.mark.parametrize("case", CASES)
def test_bodies_are_as_recorded(case: str) -> None:
    """Every field that hardware adds is the one that the golden file shows."""
    path = GOLDEN / f"{case}.yaml"
    made = json.loads(json.dumps(made_by_hardware(case)))
    if os.environ.get("TIDEGATE_WRITE_GOLDEN"):
        path.write_text(yaml.safe_dump_all(made, sort_keys=False))
    assert made == list(yaml.safe_load_all(path.read_text()))


def test_every_mechanism_has_a_golden_body() -> None:
    """And every profile of the table."""
    assert {profile_of(profile).sharing.mechanism for profile, _ in CASES.values()} == set(Mechanism)
    assert {profile for profile, _ in CASES.values()} == set(PROFILES)
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(CASES)


def pod(case: str, template: dict[str, Any]) -> dict[str, Any]:
    """The PodSpec of a case's service with a template of the user's own."""
    body = deployment(OWNER, spec_of(case, template=template), profile_of(CASES[case][0]))
    found: dict[str, Any] = body["spec"]["template"]["spec"]
    return found


def test_terms_of_the_user_hold_beside_ours() -> None:
    """Of several terms one must hold: each of them needs our hardware as well."""
    required = {"nodeSelectorTerms": [MINE, OTHER]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    found = pod("time-slicing", {"spec": {"affinity": affinity}})["affinity"]
    terms = found["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [len(term["matchExpressions"]) for term in terms] == [4, 3]
    assert terms[0]["matchExpressions"][0] == MINE["matchExpressions"][0]
    assert terms[1]["matchFields"] == OTHER["matchFields"]
    assert "podAffinity" in found


def test_claims_of_the_user_stand_beside_ours() -> None:
    """They merge by name, in the pod and in the container."""
    claims = [{"name": "network", "resourceClaimName": "fast"}]
    container = {"name": "engine", "resources": {"claims": [{"name": "network"}]}}
    found = pod("dra-mig", {"spec": {"resourceClaims": claims, "containers": [container]}})
    assert [each["name"] for each in found["resourceClaims"]] == ["accelerator", "network"]
    assert [each["name"] for each in found["containers"][0]["resources"]["claims"]] == ["accelerator", "network"]


def test_another_claim_is_another_template() -> None:
    """Templates cannot be changed; the Deployment names the one that it needs."""
    (mig, body), (shares, _) = bodies("dra-mig"), bodies("dra-shares")
    assert mig["metadata"]["name"] != shares["metadata"]["name"]
    assert mig["metadata"]["name"].startswith("chat-")
    (claim,) = body["spec"]["template"]["spec"]["resourceClaims"]
    assert claim["resourceClaimTemplateName"] == mig["metadata"]["name"]
    assert mig["metadata"]["ownerReferences"] == [OWNER.reference()]


def test_kueue_finds_its_queue_on_the_deployment() -> None:
    """It admits the pods of a Deployment that carries its label; other queues are labels of pods."""
    profile = profile_of("whole").model_copy(update={"queue_name": "team-a"})
    body = deployment(OWNER, spec_of("whole"), profile)
    assert body["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-a"
    assert "kueue.x-k8s.io/queue-name" not in body["spec"]["template"]["metadata"]["labels"]
    assert "kueue.x-k8s.io/queue-name" not in bodies("kai")[0]["metadata"]["labels"]


def hashes(case: str, **profile: Any) -> tuple[str, str]:
    """Hashes of the inputs and of the pod template, with a profile changed."""
    changed = profile_of(CASES[case][0]).model_copy(update=profile)
    body = deployment(OWNER, spec_of(case), changed)
    return body["metadata"]["annotations"]["inference.tidegate.dev/inputs-hash"], json.dumps(body["spec"])


def test_a_new_price_restarts_nothing() -> None:
    """Not even the body is applied anew."""
    assert hashes("hami", cost_per_hour="9", spot_cost_per_hour="3") == hashes("hami")
    assert hashes("hami", scheduler_name="mine") != hashes("hami")


def test_labels_of_spot_nodes_restart_only_services_that_ask_for_such_nodes() -> None:
    """The others' pods are the same."""
    labels = {"spot_node_labels": {"karpenter.sh/capacity-type": "spot"}}
    assert hashes("hami", **labels) == hashes("hami")
    document = spec_of("hami").to_document()
    spot = InferenceServiceSpec.model_validate({**document, "accelerator": {**document["accelerator"], "spot": True}})
    profile = profile_of("hami").model_copy(update={"spot_cost_per_hour": "1"})
    assert inputs_hash(spot, profile) != inputs_hash(spot, profile.model_copy(update=labels))


def test_what_the_status_says() -> None:
    """What was asked for, what is granted, whether it is enforced, what the engine is told."""
    spec = InferenceServiceSpec.model_validate(
        {**spec_of("time-slicing").to_document(), "accelerator": {"profile": "time-slicing", "fraction": "0.2"}}
    )
    status = granted(spec, profile_of("time-slicing")).status("time-slicing")
    assert status is not None
    assert status.to_document() == {
        "profile": "time-slicing",
        "mechanism": "TimeSlicing",
        "resource": "nvidia.com/gpu.shared: 1",
        "count": 1,
        "fractionAsked": "0.2",
        "fractionGranted": "0.25",
        "enforced": False,
        "engineMemoryUtilization": "0.23",
        "note": "cluster-autoscaler and Karpenter do not know shares: they add no node for a pod that waits for one",
    }
    assert granted(spec_of("whole", accelerator=None), None).status("") is None
