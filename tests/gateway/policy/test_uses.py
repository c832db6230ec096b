"""Which requests count, wait and wake."""

import pytest
from router_in_fake_time import a_request

from tidegate.gateway.policy.uses import INFERENCE_PATHS, is_use

YES = [
    "/v1/chat/completions",
    "/v1/chat/completions/",
    "/v1/chat/completions?api-version=2024-10-21",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/moderations",
    "/v1/audio/transcriptions",
    "/v1/audio/speech",
    "/v1/images/generations",
    "/v1/messages",
    "/v1/rerank",
    "/rerank",
    "/score",
    "/v1/score",
    "/pooling",
    "/generate",
    "/generate_stream",
    "/completion",
    "/infill",
    "/embed",
    "/v2/models/resnet/infer",
    "/v2/models/resnet/versions/3/generate_stream",
    "/api/chat",
    "/api/generate",
    "/api/embed",
    "/v1/models/iris:predict",
]
NO = [
    "/",
    "/v1/models",
    "/v1/messages/count_tokens",
    "/v1/responses/resp_1/cancel",
    "/v1/audio",
    "/v1/audio/a/b",
    "/tokenize",
    "/v1/load_lora_adapter",
    "/metrics",
    "/health",
    "/x/v1/chat/completions",
    "/v1/chat/completionsx",
    "/v2/models/a/b/infer",
    "/v2/repository/models/a/load",
    "/api/pull",
    "",
]


@pytest.mark.parametrize("path", YES)
def test_a_post_that_has_a_model_work_is_a_use(path: str) -> None:
    """Whichever API it is of, with a query or a slash at its end."""
    assert is_use(a_request(path=path))


@pytest.mark.parametrize("path", NO)
def test_a_post_elsewhere_is_no_use(path: str) -> None:
    """Looking at a model, counting tokens, and what nobody knows wake no GPU."""
    assert not is_use(a_request(path=path))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "CONNECT"])
def test_only_a_post_is_a_use(method: str) -> None:
    """A GET of the same path is none."""
    assert not is_use(a_request(method=method))


@pytest.mark.parametrize(("agent", "use"), [("kube-probe/1.34", False), ("Kube/1", True), ("OpenAI/Python 2", True)])
def test_a_probe_of_the_kubelet_is_never_a_use(agent: str, *, use: bool) -> None:
    """Whatever it posts."""
    assert is_use(a_request(headers={"user-agent": agent})) is use


@pytest.mark.parametrize("path", [*YES, *NO])
def test_whatever_is_posted_to_an_engine_that_nobody_knows_is_a_use(path: str) -> None:
    """Its paths are its own; but a probe is none, nor is a GET."""
    assert is_use(a_request(path=path), any_post=True)
    assert not is_use(a_request(path=path, method="GET"), any_post=True)
    assert not is_use(a_request(path=path, headers={"user-agent": "kube-probe/1.34"}), any_post=True)


def test_every_path_of_the_table_is_found() -> None:
    """With a word in place of each star."""
    for paths in INFERENCE_PATHS.values():
        for path in paths:
            assert is_use(a_request(path=path.replace("*", "some-model")))
