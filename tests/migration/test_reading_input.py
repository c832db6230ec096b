import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from importable import deployment, horizontal_pod_autoscaler, imported, kserve, scaled_object

from tidegate.migration.documents import MAXIMUM_BYTES, InputError, read_objects

OBJECT = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
)


def test_every_document_is_an_object_with_its_line() -> None:
    """Messages can say where an object was written; nothing between two separators is nothing."""
    text = f"# a comment\n---\n{OBJECT}---\n---\n# only a comment\n---\n{OBJECT}"

    found = [(str(each), str(each.source)) for each in read_objects(text.encode(), "x.yaml")]

    assert found == [("Pod a", "x.yaml:3"), ("Pod a", "x.yaml:10")]


def test_items_of_lists_are_objects_of_their_own() -> None:
    """`kubectl get` prints a List, of lists too, in YAML or in JSON."""
    item = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n"}}'
    text = f'{{"apiVersion": "v1", "kind": "List", "items": [{item},\n{{"kind": "PodList", "items": [{item}]}}]}}'

    found = [(each.kind, each.namespace, each.source.line) for each in read_objects(text.encode(), "-")]

    assert found == [("Pod", "n", 1), ("Pod", "n", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1,\n2\nb: 3\n", "x.yaml:3: is not YAML: "),
        ("a: b: c\n", "x.yaml:1: is not YAML: "),
        ("a: *b\n", "x.yaml:1: is not YAML: "),
        ("{[]: 1, kind: a}\n", "x.yaml:1: is not YAML: "),
        ("!!python/object:os.system {}\n", "x.yaml:1: is not YAML: "),
        ("kind: A\napiVersion: v1\nx: !!python/name:os.system\n", "x.yaml:3: is not YAML: "),
        ("kind: A\napiVersion: v1\nx: 2026-99-99\n", "x.yaml: has a value that cannot be read"),
        ("hello\n", "x.yaml:1: is not a Kubernetes object"),
        ("- a\n", "x.yaml:1: is not a Kubernetes object"),
        ("!!set {kind, apiVersion}\n", "x.yaml:1: is not a Kubernetes object"),
        ("kind: [A]\napiVersion: v1\n", "x.yaml:1: is not a Kubernetes object"),
        ("kind: A\n", "x.yaml:1: is not a Kubernetes object"),
        ("kind: AList\nitems: [3]\n", "x.yaml:2: is not a Kubernetes object"),
        (f"kind: A\napiVersion: v1\n{BOMB}", "x.yaml:1: unfolds to more than"),
        ("&a\nkind: A\napiVersion: v1\nx: *a\n", "x.yaml:1: unfolds to more than"),
        ("&a\nkind: AList\nitems: [*a]\n", "x.yaml: a list of objects contains itself"),
        ("[" * 100_000, "x.yaml:1: is nested more than 100 levels deep"),
        ("\x00", "x.yaml: is not YAML: "),
        ("x" * (MAXIMUM_BYTES + 1), "x.yaml: is longer than 8 MiB"),
    ],
    ids=range(19),
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, message: str) -> None:
    """One plain line, whatever is wrong."""
    with pytest.raises(InputError) as told:
        list(read_objects(text.encode(), "x.yaml"))

    assert str(told.value).startswith(message)
    assert "\n" not in str(told.value)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_objects_or_a_message(text: bytes) -> None:
    """Nobody sees a traceback for a wrong file."""
    with contextlib.suppress(InputError):
        assert all(each.kind for each in read_objects(text, "x"))


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
FIELDS = (
    *("scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior", "triggers", "minReplicaCount", "fallback"),
    *("advanced", "predictor", "transformer", "containers", "autoScaling", "model", "targetCPUUtilizationPercentage"),
)


@given(
    st.sampled_from([horizontal_pod_autoscaler, scaled_object, kserve]),
    st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4),
    ANYTHING,
    ANYTHING,
)
def test_any_object_is_imported_or_refused(
    make: Any, fields: dict[str, Any], annotations: Any, containers: Any
) -> None:
    """Nobody sees a traceback for a wrong object, either."""
    document = make(**fields)
    document["metadata"]["annotations"] = annotations
    runs = deployment(name="chat")
    runs["spec"]["template"]["spec"]["containers"] = containers

    outcome = imported(document, runs)

    assert len(outcome.imported) + len(outcome.refused) == 1
