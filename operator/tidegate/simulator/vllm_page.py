"""The metrics page of a simulated vLLM.

Names, labels and buckets are those of `vllm/v1/metrics/loggers.py` (v0.11: `vllm:inter_token_latency_seconds` in place
of `vllm:time_per_output_token_seconds`, `vllm:kv_cache_usage_perc` in place of `vllm:gpu_cache_usage_perc`). Every
series carries `engine` and `model_name`; `vllm:request_success_total` carries `finished_reason` too. A request whose
client left raises none of its values (vllm-project/vllm issue 31503), while its prompt stays in
`vllm:prompt_tokens_total` once it had a first token (issue 55634).

vLLM's web server counts on the same page every HTTP request that has ended, however it ended, those of clients that
left included: `http_requests_total` of prometheus-fastapi-instrumentator, mounted by
`vllm/entrypoints/serve/instrumentator/metrics.py` for all paths but /metrics, /health and a few more. Tried with
fastapi 0.165 and that library's version 8.1: a client that leaves before or during a stream, or while it waits for a
whole answer, adds one to status 2xx at once; a refused request adds one to 4xx.

`vllm:iteration_tokens_total` is there for its count, with one bucket; the real one leaves out steps that give nobody a
token. Left out: histograms of request parameters, LoRA, speculative decoding, the web server's durations and
sizes, the Python process. Prefix caching is not simulated, so its counters stay 0.
"""

from collections.abc import Mapping

from .exposition import counter, gauge, histogram
from .measures import Histogram, Measures
from .replica import Replica

FINISHED_REASONS = ("stop", "length", "abort")
"""vLLM creates a series for each at start. The simulation generates as many tokens as asked for: `length`."""


def vllm_page(
    replica: Replica, *, model_name: str, created: float, http_requests: Mapping[tuple[str, str, str], int]
) -> str:
    """Write the page.

    Args:
        replica: brought to now by the caller.
        model_name: the served name that labels carry.
        created: when the engine started, in seconds since the epoch.
        http_requests: how many HTTP requests have ended, by (handler, method, status group such as 2xx).
    """
    measures, model = replica.measures, replica.model
    labels = {"engine": "0", "model_name": model_name}
    reasons = {"stop": 0, "length": measures.finished, "abort": 0}
    cache = {
        "block_size": str(model.block_tokens),
        "cache_dtype": "auto",
        "enable_prefix_caching": "False",
        "engine": "0",
        "gpu_memory_utilization": "0.9",
        "num_cpu_blocks": "None",
        "num_gpu_blocks": str(model.kv_blocks),
    }
    gauges = (
        ("vllm:num_requests_running", "Requests in the batch.", replica.running),
        ("vllm:num_requests_waiting", "Requests in the queue.", replica.waiting),
        ("vllm:kv_cache_usage_perc", "Share of the KV cache in use; 1 is all of it.", replica.kv_usage),
    )
    counters = (
        ("vllm:prefix_cache_queries", "Tokens looked up in the prefix cache.", 0),
        ("vllm:prefix_cache_hits", "Tokens found in the prefix cache.", 0),
        ("vllm:num_preemptions", "Times a request was preempted.", measures.preemptions),
        ("vllm:prompt_tokens", "Prompt tokens processed.", measures.prompt_tokens),
        ("vllm:generation_tokens", "Tokens generated.", measures.generated_tokens),
    )
    histograms = (
        ("vllm:iteration_tokens_total", "Tokens of a step.", _tokens_of_steps(measures)),
        ("vllm:request_prompt_tokens", "Prompt tokens of a request.", measures.prompt_tokens_of_request),
        ("vllm:request_generation_tokens", "Generated tokens of a request.", measures.generation_tokens_of_request),
        ("vllm:time_to_first_token_seconds", "Time to the first token.", measures.time_to_first_token_seconds),
        ("vllm:inter_token_latency_seconds", "Time between two tokens.", measures.inter_token_seconds),
        (
            "vllm:request_time_per_output_token_seconds",
            "Mean time between the tokens of a request.",
            measures.seconds_per_output_token,
        ),
        ("vllm:e2e_request_latency_seconds", "Time of a whole request.", measures.request_seconds),
        ("vllm:request_queue_time_seconds", "Time a request waited.", measures.queue_seconds),
        ("vllm:request_inference_time_seconds", "Time a request ran.", measures.inference_seconds),
        ("vllm:request_prefill_time_seconds", "Time a request was prefilled.", measures.prefill_seconds),
        ("vllm:request_decode_time_seconds", "Time a request was decoded.", measures.decode_seconds),
    )
    parts = [gauge(name, explanation, labels, value) for name, explanation, value in gauges]
    parts += [counter(name, explanation, [(labels, value)], created) for name, explanation, value in counters]
    success = [({**labels, "finished_reason": reason}, reasons[reason]) for reason in FINISHED_REASONS]
    parts.append(counter("vllm:request_success", "Requests that got all their tokens.", success, created))
    parts += [histogram(name, explanation, labels, values, created) for name, explanation, values in histograms]
    parts.append(gauge("vllm:cache_config_info", "The KV cache.", cache, 1))
    ended = [
        ({"handler": handler, "method": method, "status": status}, count)
        for (handler, method, status), count in http_requests.items()
    ]
    parts.append(counter("http_requests", "HTTP requests that have ended.", ended, created))
    return "".join(parts)


def _tokens_of_steps(measures: Measures) -> Histogram:
    observed = Histogram(())
    observed.counts, observed.sum = [measures.steps], float(measures.prompt_tokens + measures.generated_tokens)
    return observed
