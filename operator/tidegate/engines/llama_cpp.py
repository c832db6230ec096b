"""llama.cpp's server.

Names: `tools/server/server-context.cpp` and `tools/server/README.md`. The page has no labels, no counter of requests
and no KV gauge: `llamacpp:kv_cache_usage_ratio` went away in ggml-org/llama.cpp pull request 13660 and is not read
here, because a signal that depends on the build cannot carry a decision.

What the numbers leave out:

- Every value is written with six significant digits: past a million tokens the counters move in steps of ten, past
  ten million in steps of a hundred. Rates over a few seconds become coarse on a busy, long-lived pod.
- `llamacpp:n_decode_total` counts calls of `llama_decode()`, which are steps; but for those of speculative and of
  multimodal decoding (its own words, 0.7.0). There are no histograms.
- Generated tokens are counted when a request ends; of a streamed answer whose client left, those it had got by then.
  Unless it is streamed, a request whose client left is served to its end. Both were seen with 0.7.0.
- Newer builds count prompt tokens without those found in the cache (`llamacpp:prompt_tokens_cached_total` has them):
  what is read is work, and less than what was sent.
- The page waits for the running `llama_decode()` (issue 24866), which can exceed a scrape's timeout while a CPU works
  through a long prompt; `/health` does not wait.
- Each request in the server holds one of its HTTP threads (`--threads-http`). When they are used up, further ones wait
  where no number shows them, and `/health` and `/metrics` with them: a liveness probe can fail for it (seen with
  0.7.0: 12 requests, 2 slots, a tenth of a core).
- Builds of November 2025 wrap the page in a JSON string (issue 17384): no metric is found on it.

Starting: the entrypoint of the image `ghcr.io/ggml-org/llama.cpp:server` is the server (`.devops/cpu.Dockerfile`), so
a container needs arguments and no command. `/metrics` answers 501 without `--metrics`. The server listens on
127.0.0.1 unless told otherwise, and its default port has not always been 8080: host and port are always given. The
address is that of IPv4; a cluster of IPv6 alone gives `--host ::`.

Threads: without `--threads` it counts the node's processors, and in a container that may use few of them its threads
wait for one another. The limit of `cpu` is therefore given as their number.

Connections: it answers `Keep-Alive: timeout=5, max=100`, and closes the connection all the same after each streamed
answer (seen with 0.7.0). Asked to close it, it says that it does.

Stopping: SIGTERM ends running requests. A pod must be drained before the signal.
"""

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag, Metric
from tidegate.scaling.sample import ArrivalMethod

LLAMA_CPP = EngineTable(
    type=EngineType.LLAMA_CPP,
    port=8080,
    metrics_port=8080,
    health_path="/health",
    keeps_connections=False,
    metrics={
        "waiting": (Metric(name="llamacpp:requests_deferred"),),
        "running": (Metric(name="llamacpp:requests_processing"),),
        "prompt_tokens": (Metric(name="llamacpp:prompt_tokens_total"),),
        "generated_tokens": (Metric(name="llamacpp:tokens_predicted_total"),),
        "steps": (Metric(name="llamacpp:n_decode_total"),),
    },
    optional=frozenset({"steps"}),
    arrivals=ArrivalMethod.TOKENS_ONLY,
    flags=(
        Flag(spellings=("--alias", "-a"), value="{model}"),
        Flag(spellings=("--host",), value="0.0.0.0"),  # noqa: S104 - other pods must reach it.
        Flag(spellings=("--port",), value="{port}"),
        Flag(spellings=("--metrics",)),
    ),
    thread_flags=("--threads", "-t"),
    batch_flags=("--parallel", "-np"),
)
"""llama.cpp's server, any build with `--metrics`."""
