"""The overlay merges as strategic merge does; kubectl's own is the witness."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binaries import named
from tidegate.workloads.conflict import TemplateConflictError
from tidegate.workloads.overlay import MERGE_KEYS, overlay

KUBECTL = named("kubectl", os.environ) or shutil.which("kubectl")

CASES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("maps merge by key", {"a": {"x": 1, "y": 2}}, {"a": {"y": 3, "z": 4}}, {"a": {"x": 1, "y": 3, "z": 4}}),
    ("null removes a key", {"a": {"x": 1, "y": 2}}, {"a": {"x": None}}, {"a": {"y": 2}}),
    ("null removes a whole part", {"a": {"x": 1}, "b": 2}, {"a": None}, {"b": 2}),
    ("null removes nothing where nothing is", {"a": 1}, {"b": None, "c": {"d": None, "e": 1}}, {"a": 1, "c": {"e": 1}}),
    ("a directive removes a whole part", {"a": {"x": 1}, "b": 2}, {"a": {"$patch": "delete"}}, {"b": 2}),
    ("a directive replaces a map", {"a": {"x": 1}}, {"a": {"$patch": "replace", "y": 2, "z": None}}, {"a": {"y": 2}}),
    ("a directive for what is not there", {}, {"a": {"$patch": "delete"}, "b": {"$patch": "replace"}}, {"b": {}}),
    (
        "a directive removes an item",
        {"volumes": [{"name": "shm", "emptyDir": {}}, {"name": "b"}], "env": [{"name": "A"}]},
        {"volumes": [{"name": "shm", "$patch": "delete"}], "env": [{"name": "Z", "$patch": "delete"}]},
        {"volumes": [{"name": "b"}], "env": [{"name": "A"}]},
    ),
    (
        "the same port for two protocols",
        {"ports": [{"containerPort": 1}]},
        {"ports": [{"containerPort": 9, "protocol": "TCP"}, {"containerPort": 9, "protocol": "UDP"}]},
        {
            "ports": [
                {"containerPort": 1},
                {"containerPort": 9, "protocol": "TCP"},
                {"containerPort": 9, "protocol": "UDP"},
            ]
        },
    ),
    ("a map replaces a scalar", {"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}),
    ("other lists are replaced", {"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
    ("an empty list empties", {"drop": ["ALL"]}, {"drop": []}, {"drop": []}),
    (
        "containers merge by name, ours first",
        {"containers": [{"name": "engine", "image": "i", "args": ["a"]}]},
        {"containers": [{"name": "log", "image": "l"}, {"name": "engine", "args": ["b"], "tty": True}]},
        {"containers": [{"name": "engine", "image": "i", "args": ["b"], "tty": True}, {"name": "log", "image": "l"}]},
    ),
    (
        "env merges by name",
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"env": [{"name": "B", "value": "9"}, {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
        {
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B", "value": "9"},
                {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "x"}}},
            ]
        },
    ),
    (
        "ports merge by containerPort",
        {"ports": [{"containerPort": 8000, "name": "http"}]},
        {"ports": [{"containerPort": 8000, "hostPort": 80}, {"containerPort": 9000, "name": "grpc"}]},
        {
            "ports": [
                {"containerPort": 8000, "name": "http", "hostPort": 80},
                {"containerPort": 9000, "name": "grpc"},
            ]
        },
    ),
    (
        "mounts merge by mountPath",
        {"volumeMounts": [{"name": "shm", "mountPath": "/cache"}]},
        {"volumeMounts": [{"name": "big", "mountPath": "/cache"}, {"name": "shm", "mountPath": "/x"}]},
        {"volumeMounts": [{"name": "big", "mountPath": "/cache"}, {"name": "shm", "mountPath": "/x"}]},
    ),
    (
        "volumes merge by name",
        {"volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}]},
        {"volumes": [{"name": "shm", "emptyDir": {"sizeLimit": "8Gi"}}]},
        {"volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}}]},
    ),
    (
        "a volume's source is exchanged by null",
        {"volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}]},
        {"volumes": [{"name": "shm", "emptyDir": None, "hostPath": {"path": "/shm"}}]},
        {"volumes": [{"name": "shm", "hostPath": {"path": "/shm"}}]},
    ),
    (
        "tolerations are added, once",
        {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
        {"tolerations": [{"key": "spot", "operator": "Exists"}, {"operator": "Exists", "key": "gpu"}]},
        {"tolerations": [{"key": "gpu", "operator": "Exists"}, {"key": "spot", "operator": "Exists"}]},
    ),
    (
        "a null inside a new item goes",
        {},
        {"initContainers": [{"name": "fetch", "image": "i", "command": None}], "hostAliases": [{"ip": None}]},
        {"initContainers": [{"name": "fetch", "image": "i"}], "hostAliases": [{}]},
    ),
]


@pytest.mark.parametrize(("name", "base", "patch", "expected"), CASES, ids=[case[0] for case in CASES])
def test_overlay(name: str, base: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each kind of field merges in its own way, and the arguments stay as they were."""
    before = json.dumps([base, patch])
    assert overlay(base, patch) == expected, name
    assert json.dumps([base, patch]) == before


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no key", {"spec": {"volumes": [{"emptyDir": {}}]}}, "template.spec.volumes[0]: {'emptyDir': {}}: give it a name"),
    ("no map", {"spec": {"containers": ["engine"]}}, "template.spec.containers[0]: 'engine': give it a name"),
    ("unknown directive", {"spec": {"$patch": "merge"}}, "template.spec.$patch: 'merge': known here are `$patch: dele"),
    ("another directive", {"spec": {"$retainKeys": ["a"]}}, "template.spec.$retainKeys: ['a']: known here are"),
    (
        "an item replaced",
        {"spec": {"containers": [{"name": "engine", "env": [{"name": "A", "$patch": "replace"}]}]}},
        "template.spec.containers[0].env[0].$patch: 'replace': known here are",
    ),
    (
        "an item of a list without keys removed",
        {"spec": {"tolerations": [{"key": "gpu", "$patch": "delete"}]}},
        "template.spec.tolerations[0].$patch: 'delete': known here are",
    ),
]


@pytest.mark.parametrize(("name", "patch", "message"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_cannot_be_merged_is_refused(name: str, patch: dict[str, Any], message: str) -> None:
    """The message names the field, its value and the way out."""
    with pytest.raises(TemplateConflictError) as refused:
        overlay({}, patch)
    assert str(refused.value).startswith(message), name


# Hypothesis: pod specs of the shape that matters, with few names so that items meet.

NAMES = st.sampled_from(["engine", "one", "two"])
SCALARS = st.sampled_from(["a", "b", "c"])


def _keyed(key: str, keys: st.SearchStrategy[Any], rest: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    items = st.builds(lambda name, more: {**more, key: name}, keys, rest)
    return st.lists(items, max_size=3, unique_by=lambda item: item[key])


def _united(
    one: st.SearchStrategy[dict[str, Any]], other: st.SearchStrategy[dict[str, Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda left, right: left | right, one, other)


def _maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def pod_specs(*, patch: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Parts of a PodSpec; in a patch leaves may be null and items removed."""
    text = st.none() | SCALARS if patch else SCALARS
    removal = _maybe(**{"$patch": st.just("delete")}) if patch else st.just({})
    environment = _keyed("name", st.sampled_from(["A", "B", "C"]), _united(_maybe(value=text), removal))
    ports = _keyed("containerPort", st.sampled_from([8000, 9000]), _maybe(name=text, protocol=st.just("TCP")))
    mounts = _keyed("mountPath", st.sampled_from(["/a", "/b"]), _maybe(name=SCALARS, subPath=text))
    probe = _maybe(httpGet=_maybe(path=text, scheme=text), exec=_maybe(command=st.lists(SCALARS, max_size=2)))
    container = _maybe(
        image=text,
        args=st.lists(SCALARS, max_size=2),
        env=environment,
        ports=ports,
        volumeMounts=mounts,
        livenessProbe=probe,
        resources=_maybe(limits=st.dictionaries(st.sampled_from(["cpu", "memory"]), text, max_size=2)),
    )
    return _maybe(
        containers=_keyed("name", NAMES, container),
        initContainers=_keyed("name", NAMES, container),
        volumes=_keyed("name", NAMES, _maybe(emptyDir=_maybe(medium=text), hostPath=_maybe(path=text))),
        nodeSelector=st.dictionaries(SCALARS, text, max_size=2),
        schedulerName=text,
        imagePullSecrets=st.just([{"name": "pull"}]),
    )


@given(base=pod_specs(patch=False), patch=pod_specs(patch=True))
def test_twice_is_once(base: dict[str, Any], patch: dict[str, Any]) -> None:
    """Laying the same part over a template again changes nothing."""
    once = overlay(base, patch)
    assert overlay(once, patch) == once


@given(base=pod_specs(patch=False))
def test_an_empty_overlay_changes_nothing(base: dict[str, Any]) -> None:
    """Nothing laid over a template leaves it as it is."""
    assert overlay(base, {}) == base


@given(base=st.dictionaries(st.sampled_from("abcd"), SCALARS), patch=st.dictionaries(st.sampled_from("efgh"), SCALARS))
def test_maps_without_common_keys_are_united(base: dict[str, Any], patch: dict[str, Any]) -> None:
    """Where no key is in both, both are there afterwards."""
    assert overlay(base, patch) == base | patch


def _in_order(value: Any, key: str = "") -> Any:
    """Sort the lists that are merged by key: kubectl puts new items first, we put them last."""
    if isinstance(value, dict):
        return {name: _in_order(part, name) for name, part in value.items()}
    if isinstance(value, list):
        items = [_in_order(item) for item in value]
        return sorted(items, key=lambda item: str(item[MERGE_KEYS[key]])) if key in MERGE_KEYS else items
    return value


@pytest.mark.skipif(KUBECTL is None, reason="NO kubectl: the overlay was not compared with a real strategic merge")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=pod_specs(patch=False), patch=pod_specs(patch=True))
def test_the_same_as_kubectl(tmp_path: Path, base: dict[str, Any], patch: dict[str, Any]) -> None:
    """A real `kubectl patch --type=strategic` gives the same, the order of keyed lists apart.

    Not compared: tolerations, which strategic merge replaces and we add to; a removed map, of which it leaves an empty
    one; a replaced map, which kubectl drops where there was none before.
    """
    assert _in_order(overlay(base, patch)) == _in_order(_kubectl_patch(tmp_path, base, patch))


@pytest.mark.skipif(KUBECTL is None, reason="NO kubectl: the overlay was not compared with a real strategic merge")
def test_unlike_kubectl_tolerations_are_added(tmp_path: Path) -> None:
    """The one place where we differ on purpose: strategic merge would replace the profile's tolerations."""
    base, patch = {"tolerations": [{"key": "gpu"}]}, {"tolerations": [{"key": "spot"}]}
    assert _kubectl_patch(tmp_path, base, patch) == {"tolerations": [{"key": "spot"}]}
    assert overlay(base, patch) == {"tolerations": [{"key": "gpu"}, {"key": "spot"}]}


def _kubectl_patch(directory: Path, base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    assert KUBECTL is not None
    pod = directory / "pod.json"
    pod.write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": base}))
    change = directory / "patch.json"
    change.write_text(json.dumps({"spec": patch}))
    done = subprocess.run(  # noqa: S603 - kubectl, on files of this test
        [KUBECTL, "patch", "--local", "-f", pod, "--type=strategic", "--patch-file", change, "-o", "json"],
        env={"KUBECONFIG": os.devnull, "HOME": str(directory)},
        capture_output=True,
        text=True,
        check=True,
    )
    patched: dict[str, Any] = _settled(json.loads(done.stdout)["spec"])
    return patched


def _settled(value: Any) -> Any:
    """Drop the nulls and directives that kubectl leaves in parts that are wholly new."""
    if isinstance(value, dict):
        return {name: _settled(part) for name, part in value.items() if part is not None and name != "$patch"}
    if isinstance(value, list):
        removed = {"$patch": "delete"}.items()
        return [_settled(item) for item in value if not (isinstance(item, dict) and removed <= item.items())]
    return value
