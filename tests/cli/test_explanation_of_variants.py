"""What `tidegate explain` writes of a service that is run in several ways, and of what it costs."""

import json
from pathlib import Path
from typing import Any

import pytest
from explained import NOW, condition, decision, limit, proposal, service

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.cli.explanation import explain_service, to_json
from tidegate.cli.explanation_text import text_of
from tidegate.cli.variants_text import cost, variants

TIME = "2026-11-21T15:20:00Z"
L4 = {
    "profile": "l4",
    "mechanism": "Whole",
    "resource": "nvidia.com/gpu: 1",
    "count": 1,
    "fractionAsked": "1",
    "fractionGranted": "1",
    "enforced": True,
}
NO_PLACE = (
    "1 of 1 pod without a node, since 2026-11-21T15:10:00Z: 0/9 nodes are available: 9 Insufficient nvidia.com/gpu; it "
    "goes on by itself when others free some, or nodes are added"
)
STUCK = "1 pod of a100 finds no place; the other variants do their work"
NEEDED = "9,200 tokens/s are arriving and one replica does 1,900 (default); 4 default and 1 cpu for 3.54 an hour"
COST = {"time": "2026-11-21T15:20:05Z", "perHour": "6.99", "lastDay": "91.204", "perMillionTokens": "0.4123"}

WHOLE = """\
shop/chat: llama on vLLM and 2 other variants
6 replicas, 5 ready, 6 decided; scaled automatically, 1 to 8

Why
  6: 9,200 tokens/s are arriving and one replica does 1,900 (default); 4 default and 1 cpu for 3.54
  an hour; 1 pod of a100 finds no place; the other variants do their work
  InsufficientCapacity, since 15:20:05 UTC, carried out

Variants
  variant  pods          what it is, and how it is
  default  4 of 4 ready  vLLM on l4 (nvidia.com/gpu: 1); 0.8 an hour each; weight 18
  a100     0 of 1 ready  vLLM on a100 (nvidia.com/gpu: 1); 3.45 an hour each; weight 77; 1 of 1 pod
                         without a node, since 2026-11-21T15:10:00Z: 0/9 nodes are available: 9
                         Insufficient nvidia.com/gpu; it goes on by itself when others free some, or
                         nodes are added
  cpu      1 of 1 ready  llamaCpp on CPU; 0.34 an hour each; weight 2

Terms
  term        wants  because
  throughput  4      default: 9,200 tokens/s are arriving and one replica does 1,900

Limits that bit
  placement  1 → 6  1 pod of a100 finds no place; the other variants do their work

Learned
  default: one replica does 1,900 tokens/s, 1.3 requests/s of those that come now; confidence High,
  from 134 looks at pods at work
  cpu: one replica does 240 tokens/s, 0.16 requests/s of those that come now; confidence Medium,
  from 40 looks at pods at work
  default: a replica is ready 61 s after it is ordered, three times of four (half of them after 48
  s); of 4 pods

Traffic
  9,200 tokens/s arrive; 4.1 requests/s arrive; 6,100 tokens/s are served; 4 waiting; 96 running; KV
  cache 40 % full; 4 of 4 ready pods read

Cost
  6.99 an hour with the pods of 15:20:05 UTC; 91.2 in the 24 hours before; 0.412 for a million
  tokens, idle time included
  it may cost 12.5 an hour at most: scaling.budget.maxCostPerHour

Not as it should be
  AcceleratorAvailable=False  NoRoom  variant a100: 1 of 1 pod without a node, since
                                      2026-11-21T15:10:00Z: 0/9 nodes are available: 9 Insufficient
                                      nvidia.com/gpu; it goes on by itself when others free some, or
                                      nodes are added; instead, default and cpu serve (since
                                      15:20:01 UTC)

What would change it
  more, if any of these:
    - more than about 4.52 requests/s are to be expected (now: 4.1 arrive)
  fewer, once all of these:
    - this no longer holds: 1 pod of a100 finds no place; the other variants do their work
  another size, once:
    - pods of a100 find a place
"""


def _status(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "replicas": 1, "readyReplicas": 1, "desiredReplicas": 1, "weight": 1, **facts}


def _capacity(name: str, tokens: str, requests: str, samples: int, confidence: str = "High") -> dict[str, Any]:
    does = {"unitsPerSecond": tokens, "requestsPerSecond": requests, "requestsAtOnce": "18"}
    return {"variant": name, **does, "confidence": confidence, "samples": samples, "time": TIME}


def _spec(**scaling: Any) -> dict[str, Any]:
    found = service({"tokenThroughput": None, **scaling})["spec"]
    cpu = {"name": "cpu", "engine": {"type": "llamaCpp", "image": "i"}, "costPerHour": "0.34"}
    variants = [{"name": "a100", "accelerator": {"profile": "a100"}}, cpu]
    return {**found, "accelerator": {"profile": "l4"}, "variants": variants}


def _whole() -> dict[str, Any]:
    """Two variants serve, one finds no place."""
    document = service(
        status={
            "replicas": 6,
            "readyReplicas": 5,
            "desiredReplicas": 6,
            "variants": [
                _status("default", replicas=4, readyReplicas=4, desiredReplicas=4)
                | {"weight": 18, "costPerHour": "0.8", "accelerator": L4},
                _status("a100", readyReplicas=0, weight=77, costPerHour="3.45")
                | {"unavailableSince": "2026-11-21T15:10:00Z", "message": NO_PLACE}
                | {"accelerator": {**L4, "profile": "a100"}},
                _status("cpu", weight=2, costPerHour="0.34"),
            ],
            "cost": COST | {"learned": "1 tokens 0"},
            "decision": {
                **decision(
                    6,
                    proposal("throughput", 4, "default: 9,200 tokens/s are arriving and one replica does 1,900"),
                    limits=(limit("placement", 1, 6, STUCK),),
                ),
                "from": 6,
                "reason": "InsufficientCapacity",
                "message": f"6: {NEEDED}; {STUCK}",
            },
            "capacity": [_capacity("default", "1900", "1.3", 134), _capacity("cpu", "240", "0.16", 40, "Medium")],
            "leadTime": [{"variant": "default", "p50Seconds": 48, "p75Seconds": 61, "samples": 4, "time": TIME}],
            "conditions": [
                condition("Ready", "True", "Serving"),
                condition(
                    "AcceleratorAvailable",
                    "False",
                    "NoRoom",
                    f"variant a100: {NO_PLACE}; instead, default and cpu serve",
                ),
            ],
        }
    )
    return {**document, "spec": _spec(budget={"maxCostPerHour": "12.50"})}


def _read(document: dict[str, Any]) -> tuple[InferenceServiceSpec, InferenceServiceStatus]:
    spec = InferenceServiceSpec.model_validate(document["spec"])
    return spec, InferenceServiceStatus.model_validate(document["status"])


def test_the_whole_explanation() -> None:
    """What each variant is and has, what all of it costs, what finds no place and what would change that."""
    assert text_of(explain_service(_whole(), NOW)) == WHOLE


def test_the_manual_shows_what_is_printed() -> None:
    """The example in docs/explain.md is this one."""
    assert f"```\n{WHOLE}```\n" in (Path(__file__).resolve().parents[2] / "docs" / "explain.md").read_text()


@pytest.mark.parametrize(
    ("facts", "row"),
    [
        ({}, ("cpu", "1 of 1 ready", "llamaCpp on CPU; no price; weight 1")),
        ({"desiredReplicas": 3}, ("cpu", "1 of 1 ready, 3 decided", "llamaCpp on CPU; no price; weight 1")),
        (
            {"unavailableSince": "2026-11-21T15:10:00Z"},
            ("cpu", "1 of 1 ready", "llamaCpp on CPU; no price; weight 1; pods of it have no place since 15:10:00 UTC"),
        ),
        ({"message": "why"}, ("cpu", "1 of 1 ready", "llamaCpp on CPU; no price; weight 1; why")),
        ({"name": "old"}, ("old", "1 of 1 ready", "it is no longer in spec.variants; no price; weight 1")),
        (
            {"name": "a100", "weight": 1200, "costPerHour": "3.45", "accelerator": L4},
            ("a100", "1 of 1 ready", "vLLM on l4 (nvidia.com/gpu: 1); 3.45 an hour each; weight 1,200"),
        ),
    ],
)
def test_a_variant_is_a_row(facts: dict[str, Any], row: tuple[str, str, str]) -> None:
    """With its pods, its hardware, its price, its weight, and what is wrong with it."""
    document = {**service(), "spec": _spec()}
    document["status"]["variants"] = [_status("cpu") | facts]
    assert variants(*_read(document), NOW) == [row]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (None, []),
        ({"perHour": "0"}, ["0 an hour with the pods of 15:20:05 UTC"]),
        (
            {"perHour": "3", "perWorkUnit": "0.0021"},
            ["3 an hour with the pods of 15:20:05 UTC; 0.0021 for each work unit (tokens), idle time included"],
        ),
    ],
)
def test_cost_is_said_in_sentences(told: dict[str, str] | None, says: list[str]) -> None:
    """As far as it is known."""
    document = service(status={"cost": None if told is None else {"time": COST["time"], **told}})
    assert cost(*_read(document), NOW) == says


def test_a_budget_is_told_before_anything_is_spent() -> None:
    """It bounds what may come."""
    document = service({"budget": {"maxCostPerHour": "2500m"}})
    assert cost(*_read(document), NOW) == ["it may cost 2.5 an hour at most: scaling.budget.maxCostPerHour"]


def test_a_service_that_sleeps_says_which_variant_a_request_would_wake() -> None:
    """It is the one whose Deployment the gateways' plan names."""
    plan = {"deployment": "chat-cpu", "minReplicas": 1, "maxReplicas": 1, "requestsPerReplica": 8, "allowed": True}
    plan |= {"reason": "Allowed", "message": "", "leadTimeSeconds": 20}
    asleep = {"replicas": 0, "readyReplicas": 0, "desiredReplicas": 0, "wakePlan": plan, "decision": decision(0)}
    document = {**service(status=asleep), "spec": _spec(minReplicas=0)}
    assert "wakes it: to 1 replica of chat-cpu, the cheapest to answer first" in text_of(explain_service(document, NOW))


def test_programs_get_the_same() -> None:
    """As status has it, without what only the next operator reads."""
    found = json.loads(json.dumps(to_json(explain_service(_whole(), NOW))))
    assert [each["name"] for each in found["variants"]] == ["default", "a100", "cpu"]
    assert found["cost"] == COST
