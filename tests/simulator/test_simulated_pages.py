import math

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client import Histogram as LibraryHistogram
from prometheus_client.parser import text_string_to_metric_families

from tidegate.engines.llama_cpp import LLAMA_CPP
from tidegate.engines.page import read_page
from tidegate.engines.vllm import VLLM
from tidegate.simulator.exposition import counter, gauge, histogram
from tidegate.simulator.image_page import image_page
from tidegate.simulator.llama_cpp_page import llama_cpp_page
from tidegate.simulator.measures import LATENCY_BOUNDS, Histogram
from tidegate.simulator.models import MODELS
from tidegate.simulator.replica import Replica
from tidegate.simulator.request import Request
from tidegate.simulator.vllm_page import vllm_page


def busy_replica(model: str = "rtx4090") -> Replica:
    """A replica with finished, running, waiting and aborted requests at 60 s."""
    replica = Replica(MODELS[model])
    for _ in range(3):
        replica.submit(Request(100, 10), 0.0)
    replica.advance(50.0)
    for _ in range(5):
        replica.submit(Request(500, 2000), 50.0)
    leaving = Request(500, 2000)
    replica.submit(leaving, 50.0)
    replica.advance(60.0)
    replica.abort(leaving, 60.0)
    return replica


def samples(page: str) -> dict[str, float]:
    """Values by name and labels, through the reference parser."""
    return {
        sample.name + "".join(f"|{name}={sample.labels[name]}" for name in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


@pytest.mark.parametrize("value", [0, 1, 0.25, 12345.678, 123456789, 1.5e9, math.nan, math.inf])
def test_text_is_that_of_the_reference_library(value: float) -> None:
    """Counters, gauges and histograms are written byte for byte as prometheus-client writes them."""
    registry = CollectorRegistry()
    labels = {"model_name": 'a "b" \\ c\nd', "engine": "0"}
    Gauge("vllm:g", "A gauge.", list(labels), registry=registry).labels(**labels).set(value)
    assert gauge("vllm:g", "A gauge.", labels, value) == generate_latest(registry).decode()

    registry = CollectorRegistry()
    reference = Counter("vllm:c", "A counter.", list(labels), registry=registry).labels(**labels)
    reference.inc(0 if math.isnan(value) else value)
    created = reference._created  # noqa: SLF001 - there is no other way to know it
    written = counter("vllm:c", "A counter.", [(labels, 0 if math.isnan(value) else value)], created)
    assert written == generate_latest(registry).decode()

    registry = CollectorRegistry()
    library = LibraryHistogram("vllm:h", "A histogram.", list(labels), buckets=LATENCY_BOUNDS, registry=registry)
    child = library.labels(**labels)
    own = Histogram(LATENCY_BOUNDS)
    for observed in (0.001, 0.3, 0.3, 5000.0):
        child.observe(observed)
        own.observe(observed)
    created = child._created  # noqa: SLF001 - as above
    assert histogram("vllm:h", "A histogram.", labels, own, created) == generate_latest(registry).decode()


def test_vllm_page_has_the_real_names_and_labels() -> None:
    """Every series a vLLM reader looks for is there, labelled as vLLM labels it, with the replica's numbers."""
    replica = busy_replica()
    page = vllm_page(
        replica,
        model_name="llama-3.1-8b",
        created=1_700_000_000.0,
        http_requests={("/v1/completions", "POST", "2xx"): 4, ("/v1/completions", "POST", "4xx"): 2},
    )
    found = samples(page)
    labels = "|engine=0|model_name=llama-3.1-8b"
    assert found[f"vllm:num_requests_running{labels}"] == 5
    assert found[f"vllm:num_requests_waiting{labels}"] == 0
    assert found[f"vllm:kv_cache_usage_perc{labels}"] == pytest.approx(replica.kv_usage)
    assert found[f"vllm:prompt_tokens_total{labels}"] == 3 * 100 + 6 * 500
    assert found[f"vllm:generation_tokens_total{labels}"] == replica.measures.generated_tokens
    assert found[f"vllm:num_preemptions_total{labels}"] == 0
    assert found["http_requests_total|handler=/v1/completions|method=POST|status=2xx"] == 4
    assert found["http_requests_total|handler=/v1/completions|method=POST|status=4xx"] == 2
    assert {name for name in found if name.startswith("vllm:request_success_total")} == {
        f"vllm:request_success_total|engine=0|finished_reason={reason}|model_name=llama-3.1-8b"
        for reason in ("stop", "length", "abort")
    }
    for name in (
        "time_to_first_token_seconds",
        "inter_token_latency_seconds",
        "e2e_request_latency_seconds",
        "request_queue_time_seconds",
        "request_inference_time_seconds",
        "request_prefill_time_seconds",
        "request_decode_time_seconds",
        "request_time_per_output_token_seconds",
        "request_prompt_tokens",
        "request_generation_tokens",
        "iteration_tokens_total",
    ):
        assert found[f"vllm:{name}_count{labels}"] == found[f"vllm:{name}_bucket|engine=0|le=+Inf|{labels[10:]}"] > 0
    config = next(name for name in found if name.startswith("vllm:cache_config_info"))
    assert "|block_size=16|" in config
    assert "|num_gpu_blocks=2588" in config


def test_vllm_page_shows_steps_and_latencies() -> None:
    """What is read off the page is what the replica has measured, bucket by bucket."""
    replica = busy_replica()
    page = vllm_page(replica, model_name="m", created=0.0, http_requests={})
    sample = read_page(page.encode(), VLLM, time=60.0, model_name="m")
    assert sample.steps == replica.measures.steps > 0
    assert sample.first_token_seconds == replica.measures.time_to_first_token_seconds.cumulative()
    assert sample.inter_token_seconds == replica.measures.inter_token_seconds.cumulative()


def test_vllm_does_not_count_aborted_requests() -> None:
    """A request whose client left raises no finished_reason, and its prompt stays counted once it had a token."""
    page = vllm_page(busy_replica(), model_name="m", created=0.0, http_requests={})
    found = samples(page)
    assert found["vllm:request_success_total|engine=0|finished_reason=abort|model_name=m"] == 0
    assert found["vllm:request_success_total|engine=0|finished_reason=length|model_name=m"] == 3
    assert found["vllm:time_to_first_token_seconds_count|engine=0|model_name=m"] == 9


def test_llama_cpp_page_has_the_real_names_and_number_format() -> None:
    """llama.cpp's names carry no labels, and six significant digits; unfinished requests' tokens are not counted."""
    replica = busy_replica("cpu")
    replica.measures.prompt_tokens = 1_234_567
    page = llama_cpp_page(replica)
    assert "llamacpp:prompt_tokens_total 1.23457e+06\n" in page
    found = samples(page)
    assert found["llamacpp:tokens_predicted_total"] == 30
    assert found["llamacpp:requests_processing"] == 4
    assert found["llamacpp:requests_deferred"] == 1
    assert found["llamacpp:n_decode_total"] == pytest.approx(replica.measures.steps, rel=1e-5)
    assert "\nllamacpp:n_tokens_max 110\n" in page  # a counter whose name the parser would change
    assert {
        "llamacpp:prompt_seconds_total",
        "llamacpp:tokens_predicted_seconds_total",
        "llamacpp:prompt_tokens_seconds",
        "llamacpp:predicted_tokens_seconds",
        "llamacpp:n_busy_slots_per_decode",
    } < set(found)


def test_image_page_counts_images() -> None:
    """The custom engine counts arrivals, ends and images under names of its own."""
    found = samples(image_page(busy_replica("painter"), images=7))
    assert found == {
        "painter_queue_length": 1,
        "painter_active_requests": 4,
        "painter_requests_received_total": 9,
        "painter_requests_finished_total": 3,
        "painter_images_total": 7,
    }


def test_our_own_reader_finds_every_signal_of_both_engines() -> None:
    """The tables the operator reads real engines with find all they look for on the simulated pages."""
    ended = {("/v1/completions", "POST", "2xx"): 4, ("/v1/completions", "POST", "4xx"): 2}
    page = vllm_page(busy_replica(), model_name="m", created=0.0, http_requests=ended)
    sample = read_page(page.encode(), VLLM, time=60.0, model_name="m")
    assert all(getattr(sample, signal) is not None for signal in VLLM.metrics)
    assert (sample.running, sample.waiting, sample.requests_finished) == (5, 0, 3)
    sample = read_page(llama_cpp_page(busy_replica("cpu")).encode(), LLAMA_CPP, time=60.0)
    assert all(getattr(sample, signal) is not None for signal in LLAMA_CPP.metrics)
    assert (sample.running, sample.waiting, sample.generated_tokens) == (4, 1, 30)
