"""Admission webhooks of others, as real ones: what they add is tolerated; what they change is told, not fought over."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mutating_webhook import Document, Patch, mutating_webhook
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess

pytestmark = [pytest.mark.cluster]

ENGINE = "/spec/template/spec/containers/0"
PROXY = {"name": "proxy", "image": "p:1", "resources": {"limits": {"cpu": "100m"}}}
HEALED_SECONDS = 90
"""The first dry run comes after 15 s, the second a minute later."""


def inject(found: Document) -> Patch:
    """Add a sidecar with its volume, a variable, a label and a toleration: once, as meshes do."""
    if found["kind"] != "Deployment":
        return []
    pod = found["spec"]["template"]["spec"]
    if any(container["name"] == "proxy" for container in pod["containers"]):
        return []
    return [
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": PROXY},
        {"op": "add", "path": "/spec/template/spec/volumes", "value": [{"name": "certs", "emptyDir": {}}]},
        {"op": "add", "path": f"{ENGINE}/env", "value": [{"name": "PROXY", "value": "on"}]},
        {"op": "add", "path": "/spec/template/metadata/labels/mesh", "value": "on"},
        {"op": "add", "path": "/spec/template/spec/tolerations", "value": [{"key": "mesh", "operator": "Exists"}]},
    ]


def mirror(found: Document) -> Patch:
    """Rewrite the engine's image and arguments at every write."""
    if found["kind"] != "Deployment":
        return []
    return [
        {"op": "replace", "path": f"{ENGINE}/image", "value": "mirror.example.com/e:1"},
        {"op": "add", "path": f"{ENGINE}/args", "value": ["--port", "9"]},
    ]


def elsewhere(found: Document) -> Patch:
    """Lead Services to another port."""
    if found["kind"] != "Service" or found["metadata"]["name"] == "probe":
        return []
    return [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 1}]


def quantities(here: OperatedNamespace) -> Document:
    """A spec that the API server writes in its own words: quantities, empties, nulls, defaults inside items."""
    engine = {
        "name": "engine",
        "resources": {"limits": {"cpu": "2000m", "memory": "1024Mi"}, "requests": {"cpu": "0.5"}},
        "env": [
            {"name": "EMPTY", "value": ""},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "command": [],
        "tty": False,
    }
    pod = {
        "containers": [engine],
        "hostNetwork": False,
        "initContainers": [],
        "nodeSelector": {},
        "tolerations": [{"key": "x", "operator": "Exists"}],
        "volumes": [{"name": "cache", "emptyDir": {"sizeLimit": "2048Mi"}}],
    }
    return here.least(template={"spec": pod})


def applies(operator: OperatorProcess, here: OperatedNamespace) -> int:
    """Bodies that it has written in a namespace: services of earlier tests may still be healed beside it.

    One that came too late, because a controller was faster, was not written.
    """
    lines = [json.loads(line) for line in operator.said().splitlines() if line.startswith("{")]
    ours = [line for line in lines if (line.get("service") or [""])[0] == here.namespace]
    tried = [line for line in ours if line["event"] == "applying"]
    failed = [line for line in ours if line.get("action") == "ApplyBody" and "status" in line]
    return len(tried) - len(failed)


class TestTolerated:
    """What is no change of ours."""

    def test_what_a_webhook_adds_stays_and_is_not_fought_over(
        self, here: OperatedNamespace, operator: OperatorProcess, tmp_path: Path
    ) -> None:
        """One apply each, and quiet."""
        with mutating_webhook(here.cluster, here.namespace, tmp_path, inject) as webhook:
            here.apply(here.least())
            here.wait_serving()
            operator.wait_turns(5)
            assert webhook.reviews.count("CREATE Deployment") == 1
            names = [each["name"] for each in here.deployment()["spec"]["template"]["spec"]["containers"]]
            assert names == ["engine", "proxy"]
            assert applies(operator, here) == 2
            assert here.condition("SpecValid")[:2] == ("True", "Accepted")
            here.apply(here.least(engine={"image": "e:2"}))
            here.wait("the edit is applied", lambda: applies(operator, here) == 3)
            operator.wait_turns(5)
            assert applies(operator, here) == 3
            assert here.condition("SpecValid")[:2] == ("True", "Accepted")

    def test_the_api_servers_own_words_are_no_change(self, here: OperatedNamespace, operator: OperatorProcess) -> None:
        """Defaults, quantities in its notation, and what is empty."""
        here.apply(quantities(here))
        here.wait_serving()
        operator.wait_turns(3)
        limits = here.deployment()["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
        assert limits == {"cpu": "2", "memory": "1Gi"}
        assert applies(operator, here) == 2
        assert here.condition("SpecValid")[:2] == ("True", "Accepted")


class TestAltered:
    """What is one."""

    @pytest.mark.parametrize(
        ("change", "kind", "fields"),
        [
            (mirror, "Deployment", ["containers[name=engine].image", "containers[name=engine].args"]),
            (elsewhere, "Service", ["spec.ports[port=", "protocol=TCP].targetPort"]),
        ],
    )
    def test_three_applies_then_it_is_told_and_nothing_is_written_any_more(
        self,
        here: OperatedNamespace,
        operator: OperatorProcess,
        tmp_path: Path,
        change: Callable[[Document], Patch],
        kind: str,
        fields: list[str],
    ) -> None:
        """By the webhook's own count, and by the object's version."""
        plural = f"{kind.lower()}s"
        with mutating_webhook(here.cluster, here.namespace, tmp_path, change) as webhook:
            here.apply(here.least())
            message = here.wait_condition("SpecValid", "False", "NotConverging")
            assert f"the {kind} was applied three times" in message
            for field in fields:
                assert field in message
            assert "kubectl get mutatingwebhookconfigurations" in message
            here.wait("it is told as an Event", lambda: here.events("NotConverging"))
            # Three of the one, one of the other.
            assert applies(operator, here) == 4
            # The Deployment's controller may still note a revision.
            here.wait("its pods are ready", here.addresses)
            operator.wait_turns(2)
            version, seen = here.read(plural)["metadata"]["resourceVersion"], len(webhook.reviews)
            operator.wait_turns(10)
            assert here.read(plural)["metadata"]["resourceVersion"] == version
            assert len(webhook.reviews) == seen
            assert applies(operator, here) == 4
            assert len(here.events("NotConverging")) == 1

    def test_when_the_webhook_is_gone_it_is_healed(
        self, here: OperatedNamespace, operator: OperatorProcess, tmp_path: Path
    ) -> None:
        """By the next dry run: after 15 s, a minute more, and then every five minutes."""
        with mutating_webhook(here.cluster, here.namespace, tmp_path, mirror) as webhook:
            here.apply(here.least())
            here.wait_condition("SpecValid", "False", "NotConverging")
            webhook.remove()
        here.wait("it is healed", lambda: here.condition("SpecValid")[:2] == ("True", "Accepted"), HEALED_SECONDS)
        assert here.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] == "e:1"
        here.wait_serving()
        operator.wait_turns(3)
        # Three that were changed, the one that heals, and the Service's.
        assert applies(operator, here) == 5
