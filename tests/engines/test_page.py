import math

import pytest

from bench.vllm_page import EngineNumbers, vllm_page
from tidegate.engines.custom import custom_table
from tidegate.engines.llama_cpp import LLAMA_CPP
from tidegate.engines.page import MAXIMUM_LINES, PageError, PageFault, read_page
from tidegate.engines.table import EngineTable
from tidegate.engines.vllm import VLLM
from tidegate.scaling.sample import Sample
from tidegate.simulator.measures import INTERVAL_BOUNDS, LATENCY_BOUNDS

CUSTOM = custom_table({"waiting": "queue_length", "work_done": "images_total"}, port=1)

# In the form of llama.cpp's tools/server/server-context.cpp; the numbers are invented.
LLAMA_CPP_PAGE = b"""\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 1.23457e+06
# HELP llamacpp:prompt_seconds_total Prompt process time
# TYPE llamacpp:prompt_seconds_total counter
llamacpp:prompt_seconds_total 235.743
# HELP llamacpp:tokens_predicted_total Number of generation tokens processed.
# TYPE llamacpp:tokens_predicted_total counter
llamacpp:tokens_predicted_total 7801
# HELP llamacpp:n_busy_slots_per_decode Average number of busy slots per llama_decode() call
# TYPE llamacpp:n_busy_slots_per_decode gauge
llamacpp:n_busy_slots_per_decode -nan
# HELP llamacpp:requests_processing Number of requests processing.
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 4
# HELP llamacpp:requests_deferred Number of requests deferred.
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 46
"""


def _fault_of(page: bytes, table: EngineTable = VLLM, *, open_metrics: bool = False) -> tuple[PageFault, str]:
    with pytest.raises(PageError) as caught:
        read_page(page, table, time=1.0, open_metrics=open_metrics)
    return caught.value.fault, str(caught.value)


def _missing(table: EngineTable, sample: Sample) -> list[str]:
    return [signal for signal in table.expected_signals if getattr(sample, signal) is None]


def test_a_vllm_page_becomes_a_sample() -> None:
    """Of 100 KB, the signals are read; ranks, finish reasons and handlers are summed, the fullest KV cache counts."""
    page = vllm_page(
        ranks=(
            EngineNumbers(waiting=3, running=60, kv_usage=0.9, prompt_tokens=1000, generated_tokens=10),
            EngineNumbers(waiting=1, running=40, kv_usage=0.5, prompt_tokens=2000, generated_tokens=20),
        )
    )
    assert len(page) > 100_000
    assert read_page(page, VLLM, time=7.0) == Sample(
        time=7.0,
        waiting=4,
        running=100,
        kv_usage=0.9,
        requests_ended=3 * 4212,
        requests_finished=84_000,
        first_tokens=2,
        prompt_tokens=3000,
        generated_tokens=30,
        steps=2,
        first_token_seconds=tuple((bound, 2 if bound >= 1.5 else 0) for bound in (*LATENCY_BOUNDS, math.inf)),
        inter_token_seconds=tuple((bound, 2 if bound >= 1.5 else 0) for bound in (*INTERVAL_BOUNDS, math.inf)),
    )


def test_a_llama_cpp_page_becomes_a_sample() -> None:
    """llama.cpp's page has no labels, and another metric's NaN on it does no harm."""
    sample = read_page(LLAMA_CPP_PAGE, LLAMA_CPP, time=7.0)
    assert sample == Sample(time=7.0, waiting=46, running=4, prompt_tokens=1_234_570, generated_tokens=7801)
    assert _missing(LLAMA_CPP, sample) == []


def test_a_custom_page_becomes_a_sample() -> None:
    """A Custom engine's metrics are summed over their label sets."""
    sample = read_page(b'queue_length{a="1"} 2\nqueue_length{a="2"} 3\nimages_total 9\n', CUSTOM, time=7.0)
    assert sample == Sample(time=7.0, waiting=5, work_done=9)


def test_the_newest_name_of_a_renamed_metric_counts() -> None:
    """A version that shows a metric's old and new name is not counted twice; one with the old name only is read."""
    both = b"vllm:gpu_cache_usage_perc 0.25\nvllm:kv_cache_usage_perc 0.5\n"
    old = b"vllm:gpu_cache_usage_perc 0.25\n"
    assert read_page(both, VLLM, time=1.0).kv_usage == 0.5
    assert read_page(old, VLLM, time=1.0).kv_usage == 0.25


def test_missing_not_a_number_and_zero_are_three_things() -> None:
    """A signal the page lacks is None, one that says NaN is NaN, one that says 0 is 0."""
    sample = read_page(b"vllm:num_requests_waiting NaN\nvllm:num_requests_running 0\n", VLLM, time=1.0)
    assert (sample.running, sample.prompt_tokens) == (0, None)
    assert sample.not_a_number() == ("waiting",)
    assert _missing(VLLM, sample) == [
        "kv_usage",
        "requests_finished",
        "first_tokens",
        "prompt_tokens",
        "generated_tokens",
    ]


HTTP_PAGE = """\
vllm:num_requests_waiting 1
# TYPE http_requests_total counter
http_requests_total{handler="/v1/completions",method="POST",status="2xx"} 1
http_requests_total{handler="/v1/chat/completions",method="POST",status="2xx"} 2
http_requests_total{handler="/v1/chat/completions",method="POST",status="5xx"} 4
http_requests_total{handler="/v1/chat/completions",method="POST",status="4xx"} 8
http_requests_total{handler="/v1/models",method="GET",status="2xx"} 16
http_requests_total{handler="none",method="POST",status="2xx"} 32
http_requests_total{handler="/v1/completions",method="GET",status="2xx"} 64
http_requests_total{method="POST",status="2xx"} 128
"""


@pytest.mark.parametrize(
    ("lines", "ended"),
    [
        (slice(None), 7),
        (slice(6), 7),
        (slice(0, 2), 0),
        (slice(0, 1), None),
    ],
    ids=["all", "work alone", "declared", "absent"],
)
def test_vllms_ended_requests_are_those_that_were_work(lines: slice, ended: float | None) -> None:
    """HTTP requests count that came to the model's handlers and were not refused; before the first there are zero."""
    page = "\n".join([*HTTP_PAGE.splitlines()[lines], "other 1", ""]).encode()
    sample = read_page(page, VLLM, time=1.0, model_name="m")
    assert sample.requests_ended == ended
    assert "requests_ended" not in _missing(VLLM, sample)


def test_a_web_frameworks_counter_does_not_make_a_page_the_engines() -> None:
    """Any FastAPI server counts HTTP requests; that alone is not vLLM."""
    page = "\n".join([*HTTP_PAGE.splitlines()[1:], ""]).encode()
    assert _fault_of(page)[0] is PageFault.NO_KNOWN_METRICS


def test_a_counter_before_its_first_use_is_zero() -> None:
    """A labelled counter that is declared and has no series has counted nothing; a gauge without series is missing."""
    page = b"# TYPE images_total counter\n# TYPE queue_length gauge\n"
    assert read_page(page, CUSTOM, time=1.0) == Sample(time=1.0, work_done=0)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1", "-0.5", "many"])
@pytest.mark.parametrize("name", ["vllm:num_requests_waiting", "vllm:prompt_tokens_total", "vllm:kv_cache_usage_perc"])
def test_one_impossible_series_makes_its_signal_not_a_number(name: str, value: str) -> None:
    """No signal is negative or infinite; the good series beside a bad one do not stand in for the whole."""
    for lines in ((f'{name}{{engine="0"}} 1', f'{name}{{engine="1"}} {value}'), (f"{name} {value}",)):
        sample = read_page("\n".join([*lines, ""]).encode(), VLLM, time=1.0)
        assert len(sample.not_a_number()) == 1


MODELS = b"""\
vllm:num_requests_waiting{model_name="a"} 1
vllm:num_requests_waiting{model_name="b"} 2
vllm:num_requests_running{model_name="b"} 4
vllm:prompt_tokens_total 8
"""


@pytest.mark.parametrize(
    ("model_name", "waiting", "running"),
    [
        ("a", 1, None),
        ("b", 2, 4),
        ("c", 3, 4),
        (None, 3, 4),
    ],
)
def test_series_of_the_services_model_are_preferred(
    model_name: str | None, waiting: float, running: float | None
) -> None:
    """Another model's series never stand in for this one's; a page that does not know the model counts as a whole."""
    sample = read_page(MODELS, VLLM, time=1.0, model_name=model_name)
    assert (sample.waiting, sample.running, sample.prompt_tokens) == (waiting, running, 8)


def test_model_names_are_compared_unescaped() -> None:
    """A model name with quotes and backslashes in it finds its series."""
    page = vllm_page(model_name='C:\\models\\"x"', ranks=(EngineNumbers(waiting=5),))
    other = b'vllm:num_requests_waiting{engine="9",model_name="y"} 100\n'
    assert read_page(page + other, VLLM, time=1.0, model_name='C:\\models\\"x"').waiting == 5


@pytest.mark.parametrize(
    ("page", "fault", "says"),
    [
        (b"", PageFault.NO_KNOWN_METRICS, "empty"),
        (b"\n\n", PageFault.NO_KNOWN_METRICS, "empty"),
        (b"# TYPE up gauge\nup 1\n", PageFault.NO_KNOWN_METRICS, "engine type vLLM, such as vllm:num_requests_waiting"),
        (b"<html>404</html>", PageFault.NO_KNOWN_METRICS, "engine.metrics.path"),
        (b'{"status":"ok"}', PageFault.NO_KNOWN_METRICS, "engine.metrics.path"),
        (LLAMA_CPP_PAGE, PageFault.NO_KNOWN_METRICS, "check engine.type"),
        (b"\x1f\x8b\x08\x00\x00", PageFault.NOT_TEXT, "not text"),
        (b"vllm:num_requests_waiting 1\n\x00\n", PageFault.NOT_TEXT, "not text"),
        (b"vllm:num_requests_waiting 1\n\xff\xfe\n", PageFault.NOT_TEXT, "not text"),
        (b"vllm:num_requests_waiting 1", PageFault.TRUNCATED, "newline"),
        (b"vllm:num_requests_running 1\nvllm:num_requests_waiting", PageFault.TRUNCATED, "newline"),
        (b"# TYPE up gauge\nup 1\n# TYPE vllm:num_req", PageFault.TRUNCATED, "newline"),
        (b"vllm:num_requests_waiting 1\n" * (MAXIMUM_LINES + 1), PageFault.TOO_LARGE, "vllm:num_requests_waiting"),
    ],
    ids=lambda value: str(value[:30]) if isinstance(value, bytes) else None,
)
def test_pages_without_a_sample_say_why(page: bytes, fault: PageFault, says: str) -> None:
    """Each kind of bad page has its own word, and a message that says what to check."""
    found, message = _fault_of(page)
    assert found is fault
    assert says in message


def test_a_cut_page_never_becomes_a_wrong_number() -> None:
    """Cut anywhere, a page is either an error or lacks signals: no cut yields a number that the whole page does not."""
    whole = read_page(LLAMA_CPP_PAGE, LLAMA_CPP, time=1.0)
    for length in range(len(LLAMA_CPP_PAGE)):
        try:
            cut = read_page(LLAMA_CPP_PAGE[:length], LLAMA_CPP, time=1.0)
        except PageError:
            continue
        assert all(getattr(cut, signal) in (None, getattr(whole, signal)) for signal in LLAMA_CPP.metrics)


def test_an_open_metrics_page_must_end_as_one() -> None:
    """Only its end mark tells a whole OpenMetrics page from one that was cut between lines; it needs no newline."""
    lines = b"vllm:num_requests_waiting 1\n"
    assert _fault_of(lines, open_metrics=True)[0] is PageFault.TRUNCATED
    for end in (b"# EOF", b"# EOF\n", b"# EOF\r\n"):
        assert read_page(lines + end, VLLM, time=1.0, open_metrics=True).waiting == 1
        assert read_page(lines + end, VLLM, time=1.0).waiting == 1


def test_a_page_with_windows_line_ends_is_read() -> None:
    """CRLF ends a line as LF does."""
    sample = read_page(LLAMA_CPP_PAGE.replace(b"\n", b"\r\n"), LLAMA_CPP, time=1.0)
    assert (sample.waiting, sample.generated_tokens) == (46, 7801)


def test_not_a_number_is_kept_apart_from_the_largest_kv_share() -> None:
    """A rank without a number makes the pod's KV share unknown, wherever it stands among the ranks."""
    for values in (("NaN", "0.5"), ("0.5", "NaN")):
        page = "".join(f'vllm:kv_cache_usage_perc{{engine="{rank}"}} {value}\n' for rank, value in enumerate(values))
        usage = read_page(page.encode(), VLLM, time=1.0).kv_usage
        assert usage is not None
        assert math.isnan(usage)
