"""The metrics pages of simulated engines, as lists: names, labels, and the moments at which counters rise.

Names are those of the engines' sources (see the tables in `tidegate.engines`); of their other metrics only those are
here whose resemblance could mislead a reader. Histograms of latencies have the bounds of vLLM, LMDeploy and
TensorRT-LLM, whatever those of SGLang; others have one bucket. Left out: clients that left stay in the queues of TGI
and TEI until their turn comes; the gauges of SGLang are a second old under load and half a minute at rest, and its
prefills are steps of their own that it does not count; TensorRT-LLM observes latencies when a request is over.
"""

from collections.abc import Mapping

from tidegate.api.engine import EngineType

from .engine_page import EnginePage, Metric
from .replica import Replica


def _waiting(replica: Replica) -> float:
    return replica.waiting


def _running(replica: Replica) -> float:
    return replica.running


def _kv_usage(replica: Replica) -> float:
    return replica.kv_usage


def _received(replica: Replica) -> float:
    return replica.measures.received


def _received_prompt_tokens(replica: Replica) -> float:
    return replica.measures.received_prompt_tokens


def _finished(replica: Replica) -> float:
    return replica.measures.finished


def _finished_prompt_tokens(replica: Replica) -> float:
    return replica.measures.prompt_tokens_of_request.sum


def _finished_generated_tokens(replica: Replica) -> float:
    return replica.measures.finished_generated_tokens


def _aborted(replica: Replica) -> float:
    return replica.measures.aborted


def _ended(replica: Replica) -> float:
    return replica.measures.finished + replica.measures.aborted


def _ended_prompt_tokens(replica: Replica) -> float:
    return _finished_prompt_tokens(replica) + replica.measures.aborted_prompt_tokens


def _ended_generated_tokens(replica: Replica) -> float:
    return replica.measures.finished_generated_tokens + replica.measures.aborted_generated_tokens


def _left_the_batch(replica: Replica) -> float:
    return replica.measures.finished + replica.measures.aborted_running


def _prompt_tokens_that_left(replica: Replica) -> float:
    return _finished_prompt_tokens(replica) + replica.measures.aborted_running_prompt_tokens


def _first_tokens(replica: Replica) -> float:
    return replica.measures.time_to_first_token_seconds.count


def _first_token_seconds(replica: Replica) -> float:
    return replica.measures.time_to_first_token_seconds.sum


def _inference_seconds(replica: Replica) -> float:
    return replica.measures.inference_seconds.sum


def _steps(replica: Replica) -> float:
    return replica.measures.steps


def _time_to_first_token(name: str, **labels: str) -> Metric:
    return Metric(
        name,
        "histogram",
        _first_tokens,
        _first_token_seconds,
        buckets=lambda replica: replica.measures.time_to_first_token_seconds,
        labels=labels,
    )


def _time_between_tokens(name: str) -> Metric:
    return Metric(
        name,
        "histogram",
        lambda replica: replica.measures.inter_token_seconds.count,
        lambda replica: replica.measures.inter_token_seconds.sum,
        buckets=lambda replica: replica.measures.inter_token_seconds,
    )


SGLANG_PAGE = EnginePage(
    labels={"engine_type": "unified", "model_name": "{model}", "pp_rank": "0", "tp_rank": "0"},
    metrics=(
        Metric("sglang:num_running_reqs", "gauge", _running),
        Metric("sglang:num_queue_reqs", "gauge", _waiting),
        Metric("sglang:token_usage", "gauge", _kv_usage),
        Metric(
            "sglang:http_requests_total",
            "counter",
            _received,
            labels={"endpoint": "/v1/completions", "method": "POST"},
            with_page_labels=False,
        ),
        # A request that is aborted while it runs is in both of these; one that is aborted while it waits in the second.
        Metric("sglang:num_requests_total", "counter", _left_the_batch),
        Metric("sglang:num_aborted_requests_total", "counter", _aborted),
        Metric("sglang:prompt_tokens_total", "counter", _prompt_tokens_that_left),
        Metric("sglang:generation_tokens_total", "counter", _ended_generated_tokens),
        Metric("sglang:cuda_graph_passes_total", "counter", _steps, labels={"mode": "decode_cuda_graph"}),
        _time_to_first_token("sglang:time_to_first_token_seconds", is_streaming="true"),
        _time_between_tokens("sglang:inter_token_latency_seconds"),
    ),
)

TGI_PAGE = EnginePage(
    appears_on_use=True,
    always_there=frozenset({"tgi_batch_max_total_tokens"}),
    metrics=(
        Metric("tgi_batch_max_total_tokens", "gauge", lambda replica: replica.model.kv_tokens),
        Metric("tgi_queue_size", "gauge", _waiting),
        Metric("tgi_batch_current_size", "gauge", _running),
        Metric("tgi_request_count", "counter", lambda replica: 2 * replica.measures.received),
        Metric("tgi_request_success", "counter", _finished),
        Metric("tgi_request_failure", "counter", _aborted, labels={"err": "dropped"}),
        Metric("tgi_batch_inference_count", "counter", _steps, labels={"method": "decode"}),
        Metric("tgi_request_input_length", "histogram", _received, _received_prompt_tokens),
        Metric("tgi_request_generated_tokens", "histogram", _finished, _finished_generated_tokens),
    ),
)

TENSORRT_LLM_PAGE = EnginePage(
    labels={"engine_type": "undefined", "model_name": "undefined"},
    appears_on_use=True,
    always_there=frozenset({"trtllm_model_config_info"}),
    metrics=(
        Metric("trtllm_model_config_info", "gauge", lambda _: 1.0, labels={"model": "simulated"}),
        Metric("trtllm_num_requests_running", "gauge", _running),
        Metric("trtllm_num_requests_waiting", "gauge", _waiting),
        Metric("trtllm_kv_cache_utilization", "gauge", _kv_usage),
        Metric("trtllm_request_success_total", "counter", _finished, labels={"finished_reason": "length"}),
        Metric("trtllm_prompt_tokens_total", "counter", _finished_prompt_tokens),
        Metric("trtllm_generation_tokens_total", "counter", _finished_generated_tokens),
        _time_to_first_token("trtllm_time_to_first_token_seconds"),
        _time_between_tokens("trtllm_time_per_output_token_seconds"),
    ),
)

_OF_SERVER = {"model": "{model}"}

TRITON_PAGE = EnginePage(
    labels={"model": "tensorrt_llm", "version": "1"},
    metrics=(
        Metric("nv_trt_llm_request_metrics", "gauge", _waiting, labels={"request_type": "waiting"}),
        Metric("nv_trt_llm_request_metrics", "gauge", _running, labels={"request_type": "scheduled"}),
        Metric("nv_trt_llm_kv_cache_block_metrics", "gauge", _kv_usage, labels={"kv_cache_block_type": "fraction"}),
        Metric("nv_llm_input_token_len", "histogram", _ended, _ended_prompt_tokens),
        Metric("nv_llm_output_token_len", "histogram", _ended, _ended_generated_tokens),
        # The server's own, as if the model that clients ask for ran in a backend without a queue of its own.
        Metric("nv_inference_pending_request_count", "gauge", _waiting, labels=_OF_SERVER),
        Metric("nv_inference_request_success", "counter", _finished, labels=_OF_SERVER),
        Metric(
            "nv_inference_compute_infer_duration_us",
            "counter",
            lambda replica: 1e6 * _inference_seconds(replica),
            labels=_OF_SERVER,
        ),
        Metric("nv_inference_request_failure", "counter", _aborted, labels=_OF_SERVER | {"reason": "CANCELED"}),
    ),
)

LMDEPLOY_PAGE = EnginePage(
    labels={"engine": "0", "model_name": "{model}"},
    gauges_every_seconds=10.0,
    metrics=(
        Metric("lmdeploy:num_requests_running", "gauge", _running),
        Metric("lmdeploy:num_requests_waiting", "gauge", _waiting),
        Metric("lmdeploy:num_requests_succeeded", "gauge", _finished),
        Metric("lmdeploy:num_requests_failed", "gauge", _aborted),
        Metric("lmdeploy:gpu_cache_usage_perc", "gauge", _kv_usage),
        Metric("lmdeploy:request_success_total", "counter", _finished, labels={"finished_reason": "FINISH"}),
        Metric("lmdeploy:prompt_tokens_total", "counter", lambda replica: replica.measures.prompt_tokens),
        Metric("lmdeploy:generation_tokens_total", "counter", lambda replica: replica.measures.generated_tokens),
        _time_to_first_token("lmdeploy:time_to_first_token_seconds"),
        _time_between_tokens("lmdeploy:time_per_output_token_seconds"),
    ),
)

TEI_PAGE = EnginePage(
    appears_on_use=True,
    metrics=(
        Metric("te_queue_size", "gauge", _waiting),
        Metric("te_request_count", "counter", _received, labels={"method": "single"}),
        Metric("te_embed_success", "counter", _finished),
        Metric("te_request_failure", "counter", _aborted, labels={"err": "dropped"}),
        Metric("te_request_input_length", "histogram", _received, _received_prompt_tokens),
        Metric("te_embed_inference_duration", "histogram", _finished, _inference_seconds),
    ),
)

INFINITY_PAGE = EnginePage(
    metrics=(
        Metric(
            "http_requests_total",
            "counter",
            _ended,
            labels={"handler": "/embeddings", "method": "POST", "status": "2xx"},
        ),
        Metric(
            "http_request_duration_seconds",
            "histogram",
            _finished,
            lambda replica: replica.measures.request_seconds.sum,
            labels={"handler": "/embeddings", "method": "POST"},
        ),
    ),
)

ENGINE_PAGES: Mapping[EngineType, EnginePage] = {
    EngineType.SGLANG: SGLANG_PAGE,
    EngineType.TGI: TGI_PAGE,
    EngineType.TENSORRT_LLM: TENSORRT_LLM_PAGE,
    EngineType.TRITON: TRITON_PAGE,
    EngineType.LMDEPLOY: LMDEPLOY_PAGE,
    EngineType.TEI: TEI_PAGE,
    EngineType.INFINITY: INFINITY_PAGE,
}
"""The page of each engine that is written from a list. vLLM, llama.cpp and Custom have writers of their own, and Ollama
has no page."""
