"""What kubectl shows of our objects."""

import re

import pytest
from custom_resources import LEAST, CustomResources, profile

pytestmark = pytest.mark.cluster

STATUS = {
    "replicas": 3,
    "readyReplicas": 2,
    "desiredReplicas": 4,
    "selector": "inference.tidegate.dev/service=chat,inference.tidegate.dev/variant=default",
    "url": "http://chat.test.svc",
    "conditions": [
        {
            "type": "SpecValid",
            "status": "True",
            "reason": "Accepted",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
        {
            "type": "Ready",
            "status": "True",
            "reason": "ScalingUp",
            "message": "2 of 4 replicas are ready",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
    ],
    "signals": {"workUnit": "tokens", "arrivingPerSecond": "5200", "waiting": 17, "podsSampled": 2, "podsReady": 2},
    "cost": {"time": "2026-01-01T00:00:00Z", "perHour": "2.4"},
}


def table(text: str) -> list[list[str]]:
    """The cells of a table, a list for each line."""
    return [re.split(r" {2,}", line.strip()) for line in text.strip().splitlines()]


class TestColumns:
    """`kubectl get infer` answers the daily question."""

    def test_before_the_operator_has_seen_it(self, resources: CustomResources) -> None:
        """The row is there, with what the spec says."""
        resources.create(LEAST)
        header, row = table(resources.kubectl("get", "infer").stdout)
        assert header == [
            "NAME",
            "MODEL",
            "READY",
            "REPLICAS",
            "DESIRED",
            "TOKENS/S",
            "QUEUE",
            "COST/H",
            "REASON",
            "AGE",
        ]
        assert (row[:2], len(row)) == (["chat", "m"], 3)

    def test_with_status(self, resources: CustomResources) -> None:
        """How many there are, how many there should be, what arrives, what waits, what it costs, and why."""
        resources.create(LEAST)
        assert resources.patch({"status": STATUS}, "status").status == 200
        _, row = table(resources.kubectl("get", "infer").stdout)
        assert row[:-1] == ["chat", "m", "True", "3", "4", "5200", "17", "2.4", "ScalingUp"]

    def test_wide(self, resources: CustomResources) -> None:
        """Bounds, mode, pin and address come with `--output wide`."""
        resources.create(LEAST | {"replicas": 5})
        resources.patch({"status": STATUS}, "status")
        header, row = table(resources.kubectl("get", "infer", "--output=wide").stdout)
        shown = dict(zip(header, row, strict=True))
        assert list(shown)[9:14] == ["MIN", "MAX", "MODE", "PINNED", "URL"]
        assert [shown[name] for name in list(shown)[9:14]] == ["1", "8", "Automatic", "5", "http://chat.test.svc"]

    def test_of_profiles(self, resources: CustomResources) -> None:
        """Cluster-scoped, under their short name."""
        document = profile({"resourceName": "nvidia.com/gpu"}, name=resources.namespace)
        path = resources.path("AcceleratorProfile")
        assert resources.api.request("POST", path, document).status == 201
        try:
            header, row = table(resources.kubectl("get", "accel", resources.namespace).stdout)
            assert header == ["NAME", "RESOURCE", "AGE"]
            assert row[:2] == [resources.namespace, "nvidia.com/gpu"]
        finally:
            resources.api.request("DELETE", resources.path("AcceleratorProfile", resources.namespace))


class TestNames:
    """Every name that people may type."""

    @pytest.mark.parametrize(
        "name",
        [
            "infer",
            "inference",
            "inferenceservice",
            "inferenceservices",
            "inferenceservices.inference.tidegate.dev",
            "InferenceService",
        ],
    )
    def test_it_lists_the_services(self, resources: CustomResources, name: str) -> None:
        """Short name, category, singular, plural, the full name, the kind."""
        resources.create(LEAST)
        answer = resources.kubectl("get", name, "--output=name")
        assert answer.stdout.split() == ["inferenceservice.inference.tidegate.dev/chat"]


class TestExplain:
    """`kubectl explain` teaches."""

    @pytest.mark.parametrize(
        ("field", "sentences"),
        [
            ("infer", ["One model behind one address", "KServe and OME", "kubectl get infer"]),
            (
                "infer.spec.scaling",
                [
                    "Each term (tokenThroughput, queueDepth, kvCache, objectives) proposes a size",
                    "Most replicas, 1 to 1000. Default 8.",
                    "enum: Automatic, Advisory, Paused",
                    "Advisory: it is written to status and explained, never carried out.",
                ],
            ),
            ("infer.spec.scaling.queueDepth.drainSeconds", ["1 to 3600", "Default 30."]),
            ("infer.spec.scaling.schedules.timeZone", ["Europe/Paris, America/New_York, UTC", "8:00 is 8:00 all year"]),
            ("infer.status.capacity", ["One step of an engine lasts alpha", "How sure that is."]),
            ("infer.spec.scaling.behavior.scaleDown", ["0 to 3600", "Disabled: no change at all"]),
            ("infer.spec.replicas", ["pinned by hand", "kubectl patch infer NAME --type=merge"]),
            ("infer.spec.template", ["containers, env and volumes merge by name", "kubectl apply --server-side"]),
            ("infer.status.decision", ["What each term proposed; the largest wins."]),
            ("accel.spec", ["nvidia.com/gpu", "Default: none"]),
        ],
    )
    def test_it_shows_the_descriptions(self, crds: CustomResources, field: str, sentences: list[str]) -> None:
        """With units and defaults."""
        text = " ".join(crds.kubectl("explain", field).stdout.split())
        assert [sentence for sentence in sentences if sentence not in text] == []
