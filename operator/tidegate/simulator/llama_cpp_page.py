"""The metrics page of a simulated llama.cpp server.

Names, order and number format are those of `tools/server/server-context.cpp` (2026): no labels, no counter of requests,
no KV gauge, and six significant digits. Prompt tokens are counted when a prompt has been processed, generated ones only
when a request ends normally.
"""

from .replica import Replica


def llama_cpp_page(replica: Replica) -> str:
    """Write the page of a replica that the caller has brought to now."""
    measures, model = replica.measures, replica.model
    prompt_seconds = measures.prefill_seconds.sum
    decode_seconds = measures.decode_seconds.sum
    steps = max(measures.steps, 1)
    counters = (
        ("prompt_tokens_total", "Prompt tokens processed.", measures.prompt_tokens),
        ("prompt_seconds_total", "Time spent on prompts.", prompt_seconds),
        ("tokens_predicted_total", "Tokens generated.", measures.finished_generated_tokens),
        ("tokens_predicted_seconds_total", "Time spent on generating.", decode_seconds),
        ("n_decode_total", "Calls of llama_decode().", measures.steps),
        ("n_tokens_max", "Most tokens of one request seen.", measures.longest_request_tokens),
    )
    gauges = (
        ("prompt_tokens_seconds", "Prompt tokens per second.", _rate(measures.prompt_tokens, prompt_seconds)),
        (
            "predicted_tokens_seconds",
            "Generated tokens per second.",
            _rate(measures.finished_generated_tokens, decode_seconds),
        ),
        ("requests_processing", "Requests in slots.", replica.running),
        ("requests_deferred", "Requests that wait for a slot.", replica.waiting),
        (
            "n_busy_slots_per_decode",
            "Mean slots busy in a call of llama_decode().",
            min(measures.generated_tokens / steps, model.max_sequences),
        ),
    )
    return "".join(
        f"# HELP llamacpp:{name} {explanation}\n# TYPE llamacpp:{name} {kind}\nllamacpp:{name} {value:.6g}\n"
        for kind, metrics in (("counter", counters), ("gauge", gauges))
        for name, explanation, value in metrics
    )


def _rate(tokens: int, seconds: float) -> float:
    return tokens / seconds if seconds else 0.0
