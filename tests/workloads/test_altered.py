"""What became of a body: what webhooks of others changed, and what the API server itself does, which is no change."""

from copy import deepcopy
from typing import Any

import pytest

from test_healing import field_set
from tidegate.workloads.altered import fields_altered

BODY: dict[str, Any] = {
    "metadata": {"name": "chat", "resourceVersion": "1", "labels": {"a": "b"}},
    "spec": {
        "paused": False,
        "strategy": {"rollingUpdate": {"maxSurge": 0}},
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "engine",
                        "image": "e:1",
                        "args": ["--port", "8000"],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
                        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 2}},
                        "securityContext": {"allowPrivilegeEscalation": False},
                    }
                ],
                "initContainers": [],
                "nodeSelector": {"gpu": "l4"},
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "volumes": [{"name": "shm", "emptyDir": {}}],
                "hostname": None,
            }
        },
    },
}
POD = ("spec", "template", "spec")
ENGINE = (*POD, "containers", 0)

HARMLESS: dict[str, list[tuple[tuple[Any, ...], Any]]] = {
    "nothing at all": [],
    "a version of its own": [(("metadata", "resourceVersion"), "8"), (("metadata", "uid"), "u")],
    "defaults": [((*POD, "dnsPolicy"), "ClusterFirst"), ((*ENGINE, "imagePullPolicy"), "Always")],
    "quantities in its own notation": [
        ((*ENGINE, "resources"), {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "2"}})
    ],
    "empty values left out": [
        (("spec", "paused"), ...),
        ((*POD, "initContainers"), ...),
        ((*POD, "hostname"), ...),
        ((*ENGINE, "env", 1, "value"), ...),
    ],
    "defaults in items without keys": [((*POD, "tolerations", 0, "effect"), "NoSchedule")],
    "a sidecar before ours": [
        ((*POD, "containers"), [{"name": "proxy", "image": "p"}, BODY["spec"]["template"]["spec"]["containers"][0]])
    ],
    "a variable, a volume, a label, a toleration, a node label": [
        ((*ENGINE, "env"), [{"name": "X", "value": "2"}, {"name": "A", "value": "1"}, {"name": "B"}]),
        ((*POD, "volumes"), [{"name": "shm", "emptyDir": {}}, {"name": "certs", "emptyDir": {}}]),
        (("metadata", "labels", "team"), "x"),
        ((*POD, "tolerations"), [{"key": "other"}, {"key": "gpu", "operator": "Exists"}]),
        ((*POD, "nodeSelector", "zone"), "z"),
    ],
}

ALTERED: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "an image": ((*ENGINE, "image"), "mirror/e:1", "spec.template.spec.containers[name=engine].image"),
    "an argument": ((*ENGINE, "args"), ["--port", "8001"], "spec.template.spec.containers[name=engine].args"),
    "an argument more": (
        (*ENGINE, "args"),
        ["--port", "8000", "-v"],
        "spec.template.spec.containers[name=engine].args",
    ),
    "a variable": (
        (*ENGINE, "env", 0, "value"),
        "2",
        "spec.template.spec.containers[name=engine].env[name=A].value",
    ),
    "a variable removed": (
        (*ENGINE, "env"),
        [{"name": "B"}],
        "spec.template.spec.containers[name=engine].env[name=A]",
    ),
    "a limit": (
        (*ENGINE, "resources", "limits", "cpu"),
        "2",
        "spec.template.spec.containers[name=engine].resources.limits.cpu",
    ),
    "the container's name": ((*ENGINE, "name"), "other", "spec.template.spec.containers[name=engine]"),
    "false to true": (("spec", "paused"), True, "spec.paused"),
    "zero to one": (("spec", "strategy", "rollingUpdate", "maxSurge"), 1, "spec.strategy.rollingUpdate.maxSurge"),
    "a toleration": ((*POD, "tolerations", 0, "operator"), "Equal", "spec.template.spec.tolerations"),
    "a node label": ((*POD, "nodeSelector", "gpu"), "t4", "spec.template.spec.nodeSelector.gpu"),
    "a label removed": (("metadata", "labels", "a"), ..., "metadata.labels.a"),
    "a map to a text": ((*POD, "nodeSelector"), "t4", "spec.template.spec.nodeSelector"),
}


def answer(*changes: tuple[tuple[Any, ...], Any]) -> dict[str, Any]:
    """The body as it was stored, with these changes (`...` removes), and with our claim to all of its fields."""
    stored = deepcopy(BODY)
    for path, value in changes:
        *parents, last = path
        at: Any = stored
        for step in parents:
            at = at[step]
        if value is ...:
            del at[last]
        else:
            at[last] = value
    ours = {"manager": "tidegate", "operation": "Apply", "fieldsV1": field_set(BODY)}
    theirs = {"manager": "tidegate", "operation": "Update", "subresource": "status", "fieldsV1": {}}
    stored["metadata"]["managedFields"] = [theirs, ours]
    return stored


@pytest.mark.parametrize("changes", HARMLESS.values(), ids=HARMLESS)
def test_what_is_no_alteration(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Ours is intact."""
    assert fields_altered(BODY, answer(*changes)) == ()


@pytest.mark.parametrize(("path", "value", "field"), ALTERED.values(), ids=ALTERED)
def test_what_is_one(path: tuple[Any, ...], value: Any, field: str) -> None:
    """And which field it is."""
    assert fields_altered(BODY, answer((path, value))) == (field,)


def test_all_of_them_are_named_in_the_order_of_the_body() -> None:
    """A webhook may change many."""
    changed = answer(((*ENGINE, "image"), "x"), (("metadata", "labels", "a"), "c"))
    assert fields_altered(BODY, changed) == ("metadata.labels.a", "spec.template.spec.containers[name=engine].image")


@pytest.mark.parametrize(
    ("selector", "fields"),
    [
        ({"service": "chat"}, ()),
        ({"service": "chat", "team": "x"}, ("spec.selector",)),
        ({"service": "other"}, ("spec.selector.service",)),
        ({}, ("spec.selector.service",)),
    ],
)
def test_a_selector_is_closed(selector: dict[str, str], fields: tuple[str, ...]) -> None:
    """A Service with one more label in it finds no pods."""
    body = {"metadata": {"name": "chat"}, "spec": {"selector": {"service": "chat"}, "ports": []}}
    # The API server takes it for one value: whoever applies it owns it as a whole.
    claim = {"manager": "tidegate", "operation": "Apply", "fieldsV1": {"f:spec": {"f:selector": {}}}}
    stored = {"metadata": {"name": "chat", "managedFields": [claim]}, "spec": {"selector": selector}}
    assert fields_altered(body, stored) == fields


def test_an_answer_without_our_claim_is_compared_all_the_same() -> None:
    """A webhook may take managedFields away, too: then lists are compared by what is in them."""
    stored = answer()
    del stored["metadata"]["managedFields"]
    assert fields_altered(BODY, stored) == ()
    stored["spec"]["template"]["spec"]["containers"][0]["image"] = "x"
    assert fields_altered(BODY, stored) == ("spec.template.spec.containers",)
