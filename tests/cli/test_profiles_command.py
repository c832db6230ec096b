"""`tidegate profiles detect`: what it prints, and what it says when there is nothing to print."""

import asyncio
import json
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from click.testing import CliRunner, Result

from metrics.loopback import http_pod
from tidegate.api.accelerator_profile import AcceleratorProfile
from tidegate.cli import main

L4 = {"nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.memory": "23034"}


def node(name: str, labels: dict[str, str], **resources: str) -> dict[str, Any]:
    """A node."""
    return {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": {"cpu": "8", **resources}}}


async def detect(directory: Path, *nodes: dict[str, Any], status: int = 200) -> Result:
    """Run the command against a server that has these nodes."""

    async def handle(request: web.BaseRequest) -> web.Response:
        assert (request.method, request.path) == ("GET", "/api/v1/nodes")
        if status != 200:
            return web.json_response({"reason": "Forbidden", "message": "jane cannot list nodes"}, status=status)
        return web.json_response({"items": list(nodes), "metadata": {}})

    async with http_pod(handle) as port:
        file = directory / "kubeconfig"
        document = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "it", "user": {}}],
        }
        file.write_text(json.dumps(document))
        command = ["profiles", "detect", f"--kubeconfig={file}"]
        return await asyncio.to_thread(CliRunner().invoke, main, command)


async def test_profiles_as_yaml_with_doubts_beside_them(tmp_path: Path) -> None:
    """Ready to be read, completed and applied: comments say whose they are, and what could not be told."""
    nodes = [node(f"l4-{number}", L4, **{"nvidia.com/gpu": "8"}) for number in range(4)]
    ran = await detect(tmp_path, *nodes, node("x", {}, **{"gpu.intel.com/xe": "1"}), node("y", {}, **{"a.b/npu": "1"}))
    assert ran.exit_code == 0, ran.output
    assert "# 4 nodes: l4-0, l4-1, l4-2, ...\n" in ran.output
    assert "# Could not tell how much memory a device has: set memory\n" in ran.output
    assert "# - what these resources are: a.b/npu\n" in ran.output
    documents = [document for document in yaml.safe_load_all(ran.output) if document]
    assert [document["metadata"]["name"] for document in documents] == ["l4", "intel-xe"]
    for document in documents:
        AcceleratorProfile.model_validate(document)


async def test_where_there_are_none_it_says_what_to_do(tmp_path: Path) -> None:
    """And names what it does not know."""
    ran = await detect(tmp_path, node("y", {}, **{"a.b/npu": "1"}))
    assert ran.exit_code == 1
    assert "none of 1 nodes offers an accelerator that is known (a.b/npu: nothing is known of these)" in ran.output


async def test_who_may_not_list_nodes_is_told_so(tmp_path: Path) -> None:
    """In the API server's words."""
    ran = await detect(tmp_path, status=403)
    assert (ran.exit_code, "jane cannot list nodes" in ran.output) == (1, True)
