"""Which requests use a model: those count, wait and wake. All others are about it."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from tidegate.gateway.exchange import Request

INFERENCE_PATHS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "OpenAI": (
            "/v1/chat/completions",
            "/v1/completions",
            "/v1/embeddings",
            "/v1/responses",
            "/v1/moderations",
            "/v1/audio/*",
            "/v1/images/*",
            "/v1/videos",
        ),
        "Anthropic": ("/v1/messages",),
        "vLLM": (
            "/inference/v1/generate",
            "/pooling",
            "/classify",
            "/score",
            "/v1/score",
            "/rerank",
            "/v1/rerank",
            "/v2/rerank",
        ),
        "SGLang": ("/generate", "/encode", "/v1/classify", "/vertex_generate"),
        "TGI": ("/generate", "/generate_stream", "/chat/completions"),
        "TEI": ("/embed", "/embed_all", "/embed_sparse", "/predict", "/similarity", "/embeddings"),
        "llama.cpp": (
            "/completion",
            "/completions",
            "/infill",
            "/embedding",
            "/reranking",
            "/v1/reranking",
        ),
        "Triton": (
            "/v2/models/*/infer",
            "/v2/models/*/generate",
            "/v2/models/*/generate_stream",
            "/v2/models/*/versions/*/infer",
            "/v2/models/*/versions/*/generate",
            "/v2/models/*/versions/*/generate_stream",
        ),
        "Ollama": ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings"),
        "KServe and clouds": ("/invocations", "/v1/models/*:predict"),
    }
)
"""What each API does work at when it is posted there; `*` is one segment of a path, or the rest of one.

Paths that count tokens, load adapters or cancel are not here: they are sent on to a pod that is there, and wake none.
"""

_ONE_OF_THEM = re.compile(
    "|".join(sorted({re.escape(path).replace(r"\*", "[^/]+") for paths in INFERENCE_PATHS.values() for path in paths}))
)

_PROBE_AGENT = "kube-probe/"
"""How the kubelet introduces itself; what it asks is no use, whatever it posts."""


def is_use(request: Request, *, any_post: bool = False) -> bool:
    """Whether the request has a model work: if so it counts as use of its service, may be held, and wakes.

    Args:
        request: as it came.
        any_post: whether its service may have paths of its own.
    """
    return (
        request.method == "POST"
        and (any_post or is_inference_path(request.path.partition("?")[0]))
        and not request.headers.get("user-agent", "").startswith(_PROBE_AGENT)
    )


def is_inference_path(path: str) -> bool:
    """Whether a model works when this path is posted to.

    Nothing is remembered of paths: clients choose them, and they are as long as headers may be.

    Args:
        path: without its query; perhaps with a slash at its end.
    """
    return _ONE_OF_THEM.fullmatch(path.removesuffix("/")) is not None
