"""Field sets against bodies: what is no longer owned, and how it is called."""

from typing import Any

import pytest

from tidegate.workloads.managed_fields import FieldManager, field_text, fields_not_owned

ENGINE = 'k:{"name":"engine"}'
PORT = 'k:{"containerPort":8000,"protocol":"TCP"}'
FIELDS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:example.com/team": {}}},
    "f:spec": {
        "f:nodeSelector": {},
        "f:containers": {
            ENGINE: {
                ".": {},
                "f:name": {},
                "f:image": {},
                "f:args": {},
                "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
                "f:ports": {PORT: {".": {}, "f:containerPort": {}, "f:name": {}}},
            }
        },
        "f:finalizers": {'v:"one"': {}},
    },
}


def body(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A body whose engine has some more fields."""
    engine = {"name": "engine", "image": "i", **(container or {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": "n", "labels": {"example.com/team": "a"}},
        "spec": {"containers": [engine], **spec},
    }


CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("all there", body(), []),
    ("a list owned as a whole", body({"args": ["a", "b"]}), []),
    ("a map owned as a whole", body(nodeSelector={"a": "b"}), []),
    ("an item by its key", body({"env": [{"name": "A", "value": "1"}]}), []),
    ("an item whose key was defaulted", body({"ports": [{"containerPort": 8000, "name": "http"}]}), []),
    ("an item of a set", body(finalizers=["one"]), []),
    ("an empty list", body(volumes=[]), []),
    ("a missing field", body({"tty": True}), ["spec.containers[name=engine].tty"]),
    (
        "a missing part of an item",
        body({"env": [{"name": "A", "valueFrom": {"fieldRef": {}}}]}),
        ["spec.containers[name=engine].env[name=A].valueFrom"],
    ),
    (
        "a missing item",
        body({"env": [{"name": "B", "value": "2"}, {"name": "A"}]}),
        ["spec.containers[name=engine].env[name=B]"],
    ),
    (
        "a missing port",
        body({"ports": [{"containerPort": 9000, "protocol": "TCP"}]}),
        ["spec.containers[name=engine].ports[containerPort=9000,protocol=TCP]"],
    ),
    ("a missing item of a set", body(finalizers=["two"]), ["spec.finalizers[two]"]),
    (
        "a missing label",
        {"metadata": {"labels": {"a": "b", "inference.tidegate.dev/x": "1"}}},
        ["metadata.labels.a", "metadata.labels[inference.tidegate.dev/x]"],
    ),
    ("a missing part as a whole", body(volumes=[{"name": "v"}]), ["spec.volumes"]),
]


@pytest.mark.parametrize(("name", "applied", "expected"), CASES, ids=[case[0] for case in CASES])
def test_fields_not_owned(name: str, applied: dict[str, Any], expected: list[str]) -> None:
    """Only what the body says and the field set lacks is listed, at its outermost."""
    assert [field_text(path) for path in fields_not_owned(FIELDS, applied)] == expected, name


@pytest.mark.parametrize(
    ("path", "owned"),
    [
        (("f:spec", "f:containers", ENGINE, "f:image"), True),
        (("f:spec", "f:containers", ENGINE), True),
        (("f:spec", "f:nodeSelector", "f:zone"), True),
        (("f:spec", "f:containers", ENGINE, "f:tty"), False),
        (("f:spec", "f:replicas"), False),
    ],
)
def test_owns(path: tuple[str, ...], owned: bool) -> None:  # noqa: FBT001 - a column of the table
    """A field is owned by itself, as a parent of owned fields, or with a whole that is owned."""
    manager = FieldManager(name="x", operation="Apply", subresource="", fields=FIELDS)
    assert manager.owns(path) is owned
