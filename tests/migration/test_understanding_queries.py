import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.migration.promql import Question, question_of, signals_in
from tidegate.migration.signals import signal_of

WAITING = "vllm:num_requests_waiting"
PROMPT = "vllm:prompt_tokens_total"
GENERATED = "vllm:generation_tokens_total"

SUM_WAITING = Question("waiting", is_mean=False)
MEAN_WAITING = Question("waiting", is_mean=True)
SUM_WORK = Question("work", is_mean=False)


@pytest.mark.parametrize(
    ("query", "question"),
    [
        (WAITING, SUM_WAITING),
        (f"sum({WAITING})", SUM_WAITING),
        (f'sum({WAITING}{{namespace="m", job=~"a}}b\\"c"}})', SUM_WAITING),
        (f"sum by (model_name) ({WAITING})", SUM_WAITING),
        (f"sum({WAITING}) by (model_name)", SUM_WAITING),
        (f"sum(avg_over_time({WAITING}[1m]))", SUM_WAITING),
        (f"sum({WAITING}) or vector(0)", SUM_WAITING),
        (f"avg(max_over_time({WAITING}[30s:5s]))", MEAN_WAITING),
        ("sum(llamacpp:requests_deferred)", SUM_WAITING),
        (f"sum(rate({PROMPT}[1m])) + sum(rate({GENERATED}[1m]))", SUM_WORK),
        (f"(sum(irate({GENERATED}[1m]) + irate({PROMPT}[1m])))", SUM_WORK),
        (f"avg(rate({PROMPT}[1m]) + rate({GENERATED}[1m]))", Question("work", is_mean=True)),
        (f"sum(rate({GENERATED}[1m]))", None),
        (f"sum(rate({PROMPT}[1m])) + sum(rate({PROMPT}[1m]))", None),
        (f"sum({PROMPT}) + sum({GENERATED})", None),
        (f"sum({WAITING}) / 2", None),
        (f"sum({WAITING}) + sum({WAITING})", None),
        (f"sum({WAITING}) > 3", None),
        (f"max({WAITING})", None),
        (f"count({WAITING})", None),
        ("sum(vllm:num_requests_running)", None),
        ("", None),
        (f"sum({WAITING}", None),
        ("{" * 4096, None),
        (" " * 5000 + WAITING, None),
    ],
)
def test_a_query_is_understood_or_it_is_not(query: str, question: Question | None) -> None:
    """Arithmetic and other aggregations mean something else than the sum, and are not taken for it."""
    assert question_of(query) == question


@given(st.text(alphabet='(){}[]"\\ sumavgbyrate:_,=+0', max_size=200))
def test_no_query_is_an_error(query: str) -> None:
    """Queries are written by hand."""
    question_of(query)
    signals_in(query)


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("vllm:num_requests_waiting", "waiting"),
        ("vllm_num_requests_waiting", "waiting"),
        ("vllm:prompt_tokens_total", "prompt_tokens"),
        ("vllm_prompt_tokens_per_second", "prompt_tokens"),
        ("http_requests_total", None),
        ("up", None),
    ],
)
def test_a_metric_is_known_under_the_names_that_adapters_give(name: str, signal: str | None) -> None:
    """The engines' own tables are what is known."""
    assert signal_of(name) == signal
