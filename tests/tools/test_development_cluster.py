"""What the development cluster promises to the demo, the simulated engines and the tests."""

import ipaddress
import json
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import cluster as clusters
from live_cluster import LiveCluster

pytestmark = pytest.mark.cluster


def _pod(name: str, node: str | None = None, **annotations: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "engine", "image": "e:1"}]}
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
        spec["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    return {"metadata": {"name": name, "annotations": annotations}, "spec": spec}


def _create_and_wait(cluster: LiveCluster, namespace: str, pod: dict[str, Any]) -> dict[str, Any]:
    path = f"/api/v1/namespaces/{namespace}/pods"
    assert cluster.api.request("POST", path, pod).status == 201
    name = pod["metadata"]["name"]
    deadline = time.monotonic() + 30
    while not _is_ready(found := cluster.api.get(f"{path}/{name}").document):
        assert time.monotonic() < deadline, json.dumps(found["status"])
        time.sleep(0.05)
    return found


def _conditions(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {condition["type"]: condition for condition in pod["status"].get("conditions", [])}


def _is_ready(pod: dict[str, Any]) -> bool:
    return _conditions(pod).get("Ready", {}).get("status") == "True"


def _nodes(cluster: LiveCluster) -> list[dict[str, Any]]:
    return list(cluster.api.get("/api/v1/nodes").document["items"])


def test_nodes_have_loopback_ranges_of_their_own(cluster: LiveCluster) -> None:
    """So that a pod's address says which node it is on, and leads to this machine."""
    ranges = [ipaddress.ip_network(node["spec"]["podCIDR"]) for node in _nodes(cluster)]
    assert all(each.is_loopback for each in ranges)
    assert not any(a.overlaps(b) for a in ranges for b in ranges if a is not b)


def test_there_are_gpus_of_two_kinds_and_a_node_without(cluster: LiveCluster) -> None:
    """As extended resources, with the labels that GPU feature discovery sets."""
    found = sorted(
        (
            node["metadata"]["labels"].get("nvidia.com/gpu.product", ""),
            node["metadata"]["labels"].get("nvidia.com/gpu.count", "0"),
            node["status"]["allocatable"].get("nvidia.com/gpu", "0"),
        )
        for node in _nodes(cluster)
    )
    assert found == [("", "0", "0"), ("NVIDIA-A100-SXM4-80GB", "4", "4"), *[("NVIDIA-L4", "8", "8")] * 2]


@pytest.mark.parametrize("node", ["cpu-0", "l4-0", "l4-1", "a100-0"])
def test_a_pod_gets_an_address_of_its_node(cluster: LiveCluster, namespace: str, node: str) -> None:
    """kwok honours each node's podCIDR."""  # noqa: D403
    pod = _create_and_wait(cluster, namespace, _pod("engine", node))
    (cidr,) = (found["spec"]["podCIDR"] for found in _nodes(cluster) if found["metadata"]["name"] == node)
    assert ipaddress.ip_address(pod["status"]["podIP"]) in ipaddress.ip_network(cidr)


def test_a_pod_becomes_ready_after_its_annotation(cluster: LiveCluster, namespace: str) -> None:
    """It has its address from the start, as a server that loads weights does."""
    pod = _create_and_wait(cluster, namespace, _pod("engine", **{"tidegate.dev/simulated-startup": "3s"}))
    ready = datetime.fromisoformat(_conditions(pod)["Ready"]["lastTransitionTime"])
    assert ready - datetime.fromisoformat(pod["status"]["startTime"]) >= timedelta(seconds=2)  # whole seconds


def test_a_deleted_pod_lives_on_for_a_moment(cluster: LiveCluster, namespace: str) -> None:
    """Long enough to be seen terminating, and then it is gone."""
    _create_and_wait(cluster, namespace, _pod("engine"))
    path = f"/api/v1/namespaces/{namespace}/pods/engine"
    cluster.api.request("DELETE", path)
    assert "deletionTimestamp" in cluster.api.get(path).document["metadata"]
    deadline = time.monotonic() + 10
    while cluster.api.get(path).status != 404:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nothing_but_this_machine_can_reach_it(cluster: LiveCluster) -> None:
    """etcd has no password."""  # noqa: D403
    for process_id in clusters.cluster_named(cluster.name).components().values():
        assert "0.0.0.0" not in Path(f"/proc/{process_id}/cmdline").read_text()  # noqa: S104 - it is what must not be


def test_up_again_changes_nothing(cluster: LiveCluster) -> None:
    """The same processes go on, and shells get the same lines."""
    before = clusters.cluster_named(cluster.name).components()
    again = clusters.up(cluster.name)
    assert again.components() == before
    assert f"export KUBECONFIG='{cluster.kubeconfig}'" in clusters.exports(again)


def test_an_audit_log_is_not_promised_where_there_is_none(cluster: LiveCluster) -> None:
    """Somebody who counts writes is told, and not given a file that stays empty."""
    with pytest.raises(clusters.ToolsError, match=r"without the audit log.*down --name"):
        clusters.up(cluster.name, audit=True)


def test_a_second_cluster_with_an_audit_log_is_made_anew_when_a_part_has_died(cluster: LiveCluster) -> None:
    """Several live side by side; one that lost a process (a reboot loses all) is replaced, and down removes it."""
    name = f"{cluster.name}-2"
    try:
        second = clusters.up(name, audit=True)
        assert '"verb":"create"' in second.audit_log.read_text()
        before = second.components()
        subprocess.run(["kill", "-9", str(before["kube-scheduler"])], check=True)  # noqa: S603, S607 - our own process
        deadline = time.monotonic() + 10
        while second.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        after = clusters.up(name, audit=True).components()
        assert set(after) == set(before)
        assert not set(after.values()) & set(before.values())
        assert clusters.cluster_named(cluster.name).is_running()
    finally:
        clusters.down(name)
    assert not second.directory.exists()
    assert second.components() == {}
