"""What `tidegate explain` writes of an object, line by line."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from explained import MESSAGE, NOW, condition, decision, limit, proposal, service

from tidegate.cli.explanation import UnreadableServiceError, explain_service, to_json
from tidegate.cli.explanation_text import NARROWEST, text_of

CAPACITY = {
    "variant": "default",
    "unitsPerSecond": "1900",
    "requestsPerSecond": "1.3",
    "confidence": "High",
    "alphaMilliseconds": "14.8",
    "betaMilliseconds": "0.33",
    "cMilliseconds": "0.086",
    "samples": 134,
    "time": "2026-11-21T15:20:00Z",
}
LEAD_TIME = {"variant": "default", "p50Seconds": 48, "p75Seconds": 61, "samples": 4, "time": "2026-11-21T15:20:00Z"}

WHOLE = """\
shop/chat: llama on vLLM
5 replicas, 4 ready, 5 decided; scaled automatically, 1 to 8

Why
  3 → 5: 9,200 tokens/s are arriving and each replica is given 1,900
  ScaledUp, since 15:20:05 UTC, carried out

Terms
  term        wants  because
  throughput  5      9,200 tokens/s are arriving and each replica is given 1,900
  queue       1      4 requests waiting, 12 allowed

Limits that bit
  stabilization  4 → 5  behavior.scaleDown holds the most that was wanted or found in the last 300
                        s: 5

Learned
  one replica does 1,900 tokens/s, 1.3 requests/s of those that come now; confidence High, from 134
  looks at pods at work: a step takes 14.8 ms, 0.33 more for each sequence and 0.086 for each prompt
  token in it
  a replica is ready 61 s after it is ordered, three times of four (half of them after 48 s); of 4
  pods

Traffic
  9,200 tokens/s arrive; 4.1 requests/s arrive; 6,100 tokens/s are served; 4 waiting; 96 running; KV
  cache 40 % full; 4 of 4 ready pods read

Not as it should be
  MetricsAvailable=False  Partial  one pod does not answer (since 15:20:01 UTC)

What would change it
  more, if any of these:
    - more than 10,400 tokens/s arrive (now: 9,200)
    - more than 20 requests wait, too many to start within 30 s (now: 4)
  fewer, once all of these:
    - demand stays as it is: down to 4 by 15:25:05 UTC (now: behavior.scaleDown holds the most that
      was wanted or found in the last 300 s: 5)

History
  time                     size   who and why
  15:20:05 UTC             3 → 5  Tidegate: 9,200 tokens/s are arriving and each replica is given
                                  1,900
  2026-11-20 09:00:00 UTC  5 → 3  kubectl changed the replicas from 5 to 3
"""


def _whole() -> dict[str, Any]:
    """An object that has something to say in every section."""
    hold = "behavior.scaleDown holds the most that was wanted or found in the last 300 s: 5"
    terms = (
        proposal("throughput", 5, "9,200 tokens/s are arriving and each replica is given 1,900"),
        proposal("queue", 1, "4 requests waiting, 12 allowed"),
    )
    ours = {"time": "2026-11-21T15:20:05Z", "from": 3, "to": 5, "reason": "ScaledUp", "message": MESSAGE}
    theirs = {"time": "2026-11-20T09:00:00Z", "from": 5, "to": 3, "reason": "ForeignChange", "by": "kubectl"}
    theirs |= {"message": "kubectl changed the replicas from 5 to 3"}
    return service(
        status={
            "decision": decision(5, *terms, limits=(limit("stabilization", 4, 5, hold),)),
            "capacity": [CAPACITY],
            "leadTime": [LEAD_TIME],
            "changes": [ours, theirs],
            "conditions": [
                condition("Ready", "True", "ScalingUp"),
                condition("MetricsAvailable", "False", "Partial", "one pod does not answer"),
                condition("ScalingLimited", "True", "Stabilizing", "told by the limits already"),
                condition("ConflictingScaler", "False", "SoleWriter"),
            ],
        }
    )


def _text(document: dict[str, Any], width: int = 100) -> str:
    return text_of(explain_service(document, NOW), width)


def test_the_whole_explanation() -> None:
    """What there is, why, who said what, what was learned, what is wrong, what would change it, what was before."""
    assert _text(_whole()) == WHOLE


def test_the_manual_shows_what_is_printed() -> None:
    """The example in docs/explain.md is this one."""
    assert f"```\n{WHOLE}```\n" in (Path(__file__).resolve().parents[2] / "docs" / "explain.md").read_text()


@pytest.mark.parametrize("width", [1, NARROWEST, 72, 100, 200])
def test_lines_fit_the_terminal(width: int) -> None:
    """Down to a width at which three columns still have room; nothing is lost whatever the width."""
    narrow = _text(_whole(), width)
    assert max(len(line) for line in narrow.splitlines()) <= max(width, NARROWEST)
    assert re.sub(r"\s", "", narrow) == re.sub(r"\s", "", WHOLE)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (service({"mode": "Advisory"}), "Advisory: sizes of 1 to 8 are decided and not carried out"),
        (service({"mode": "Paused"}), "Paused: nothing is decided"),
        (service(replicas=6), "scaled automatically, 1 to 8; pinned by hand to 6"),
        (service(status={"observedGeneration": 2}), "the operator has not seen its last change yet"),
        (service(status={"decision": None}), "no size is decided: see what is not as it should be"),
        (service(status={"decision": {**decision(), "applied": False}}), "since 15:20:05 UTC, not carried out"),
        (
            service(engine=None, targetRef={"kind": "Deployment", "name": "old", "engine": {"type": "TGI"}}),
            "llama on TGI, the pods of Deployment old",
        ),
        (
            service(status={"capacity": [{**CAPACITY, "confidence": "Given"}]}),
            "one replica does 1,900 tokens/s: given, by scaling.tokenThroughput",
        ),
        (
            service(
                status={
                    "capacity": [{"variant": "default", "confidence": "Low", "samples": 1, "time": LEAD_TIME["time"]}]
                }
            ),
            "what one replica does is not known yet, after 1 look at pods at work",
        ),
    ],
)
def test_what_is_special_is_said(document: dict[str, Any], says: str) -> None:
    """Modes, pins, targets, and how old all of it is."""
    assert says in " ".join(_text(document).split())


def test_a_service_that_nobody_has_looked_at_says_so() -> None:
    """No operator, or one that may not see the namespace: there is nothing else to say."""
    document = {**service(), "status": None}
    text = _text(document)
    assert "no operator has looked at it yet: is one running, and may it see this namespace?" in text
    assert "Traffic" not in text


def test_sections_that_have_nothing_to_say_are_left_out() -> None:
    """A quiet service is a short page."""
    quiet = _text(service())
    assert not [title for title in ("Limits that bit", "Learned", "Not as it should be", "History") if title in quiet]


@pytest.mark.parametrize(
    ("kind", "bad"),
    [("Ready", "False"), ("SpecValid", "False"), ("AcceleratorAvailable", "False"), ("ConflictingScaler", "True")],
)
def test_conditions_that_are_not_as_they_should_be_are_concerns(kind: str, bad: str) -> None:
    """Each with its reason and its sentence; those that are as they should be are not mentioned."""
    conditions = [condition(kind, bad, "Why", "do this"), condition("MetricsAvailable", "Unknown", "NoPods", "no pod")]
    explanation = explain_service(service(status={"conditions": conditions}), NOW)
    assert [(each.type, each.reason) for each in explanation.concerns] == [
        (kind, "Why"),
        ("MetricsAvailable", "NoPods"),
    ]


def test_programs_get_the_same() -> None:
    """Fields of status keep their names; thresholds are numbers."""
    found = json.loads(json.dumps(to_json(explain_service(_whole(), NOW))))
    assert list(found) == [
        *(
            "namespace",
            "name",
            "isCurrent",
            "now",
            "decision",
            "variants",
            "cost",
            "capacity",
            "leadTime",
            "coldStart",
            "routing",
            "wakePlan",
            "idleSince",
            "traffic",
            "concerns",
            "outlook",
        ),
        "changes",
    ]
    assert (found["now"]["desiredReplicas"], found["now"]["mode"], found["now"]["pinned"]) == (5, "Automatic", None)
    assert found["decision"]["message"] == MESSAGE
    assert found["outlook"][0] == {
        "direction": "Up",
        "when": "more than 10,400 tokens/s arrive",
        "threshold": pytest.approx(10_450),
        "measured": "9,200",
    }
    assert [change["by"] for change in found["changes"] if "by" in change] == ["kubectl"]


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"spec": {"engine": {"type": "vLLM", "image": "i"}}}, "model: Field required"),
        ({"status": {"replicas": "many"}}, "replicas: Input should be a valid integer"),
    ],
)
def test_an_object_of_another_version_is_told_by_field(part: dict[str, Any], says: str) -> None:
    """What to do about it is said, too."""
    with pytest.raises(UnreadableServiceError, match=says) as raised:
        explain_service({**service(), **part}, NOW)
    assert "use the version of tidegate that the operator has" in str(raised.value)


def test_fields_that_are_not_known_yet_are_passed_over() -> None:
    """An operator that is newer than the command may say more."""
    document = service()
    document["status"]["mood"] = {"level": "3"}
    assert "5 replicas, 4 ready" in _text(document)
