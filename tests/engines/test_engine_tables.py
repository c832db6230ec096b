import pytest

from tidegate.api.engine import EngineType, ServingEngine
from tidegate.engines.catalog import TABLES, engine_table
from tidegate.engines.custom import arrival_method, custom_table
from tidegate.engines.llama_cpp import LLAMA_CPP
from tidegate.engines.table import EngineTable, Metric
from tidegate.engines.triton import TRITON, TRITON_REQUESTS
from tidegate.engines.vllm import VLLM
from tidegate.scaling.sample import LATENCY_NAMES, SIGNAL_NAMES, ArrivalMethod


def _engine(**fields: object) -> ServingEngine:
    return ServingEngine.model_validate(fields)


def test_every_known_engine_has_a_table() -> None:
    """Each engine type but Custom, whose names are in the spec, is in the catalog."""
    assert set(TABLES) == set(EngineType) - {EngineType.CUSTOM}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.type)
def test_tables_name_only_signals(table: EngineTable) -> None:
    """A table's metrics are fields of a sample, each with at least one name; what is optional is among them."""
    assert set(table.metrics) <= set(SIGNAL_NAMES)
    assert set(table.buckets) <= set(LATENCY_NAMES)
    assert all(table.metrics.values())
    assert all(name.endswith("_bucket") for name in table.bucket_names)
    assert table.optional | table.absent_is_zero <= set(table.metrics)
    assert not table.absent_is_zero & {"waiting", "running", "kv_usage"}, "a gauge that is missing is not zero"


@pytest.mark.parametrize(
    "table",
    [*TABLES.values(), custom_table({"steps": "s", "seconds_worked": "t"}, port=1)],
    ids=lambda table: table.type,
)
def test_what_only_makes_learning_more_exact_is_never_missed(table: EngineTable) -> None:
    """A page without it is as good as one with it."""
    assert not {"steps", "seconds_worked", *LATENCY_NAMES} & set(table.expected_signals)


def test_an_engine_has_its_own_ports_and_paths() -> None:
    """Without a word in the spec the engine's usual port and path hold."""
    assert engine_table(_engine(type="vLLM")) == VLLM
    assert engine_table(_engine(type="llamaCpp")) == LLAMA_CPP
    assert (VLLM.port, LLAMA_CPP.port) == (8000, 8080)


def test_the_metrics_page_follows_the_engines_port() -> None:
    """A port given for the engine is the port of its metrics too."""
    table = engine_table(_engine(type="vLLM", port=9000))
    assert (table.port, table.metrics_port) == (9000, 9000)


def test_the_metrics_page_can_be_elsewhere() -> None:
    """Port and path of the metrics page can be given without moving the engine."""
    table = engine_table(_engine(type="llamaCpp", metrics={"port": 9100, "path": "/stats?all=1"}))
    assert (table.port, table.metrics_port, table.metrics_path) == (8080, 9100, "/stats?all=1")


def test_an_engine_whose_metrics_have_a_port_of_their_own_keeps_it() -> None:
    """Triton's metrics stay where they are when the engine's port is moved, and can be moved themselves."""
    moved = engine_table(_engine(type="Triton", port=9000))
    assert (moved.port, moved.metrics_port) == (9000, 8002)
    assert engine_table(_engine(type="Triton", metrics={"port": 9002})).metrics_port == 9002


def test_the_unit_chooses_among_the_metrics_of_triton() -> None:
    """Its own metrics count requests, those of the TensorRT-LLM backend tokens."""
    assert engine_table(_engine(type="Triton")) == TRITON
    assert engine_table(_engine(type="Triton", metrics={"workUnit": "requests"})) == TRITON_REQUESTS


def test_custom_engine_reads_its_names_from_the_spec() -> None:
    """A Custom engine's table holds the names and the unit that the spec gives."""
    table = engine_table(
        _engine(
            type="Custom",
            port=7000,
            metrics={"names": {"waiting": "my_queue", "workDone": "my_images_total"}, "workUnit": "images"},
        )
    )
    assert table.metrics == {
        "waiting": (Metric(name="my_queue"),),
        "work_done": (Metric(name="my_images_total"),),
    }
    assert (table.port, table.work_unit, table.health_path, table.flags) == (7000, "images", None, ())


def test_custom_counters_are_also_found_with_total() -> None:
    """A counter's name from the source, to which the client library appends _total, is understood; a gauge's is not."""
    table = custom_table({"requests_received": "my_requests", "waiting": "my_queue"}, port=1)
    assert table.metrics == {
        "requests_received": (Metric(name="my_requests"), Metric(name="my_requests_total")),
        "waiting": (Metric(name="my_queue"),),
    }


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"type": "Custom", "metrics": {"names": {"waiting": "q"}}}, "engine.port is required"),
        ({"type": "Custom", "port": 1}, "engine.metrics.names is required"),
    ],
)
def test_incomplete_custom_engines_are_refused(fields: dict[str, object], named: str) -> None:
    """The error of an incomplete Custom engine names the missing field."""
    with pytest.raises(ValueError, match=named):
        engine_table(_engine(**fields))


def test_unknown_signals_are_refused() -> None:
    """A name for something that is no signal is an error that lists the signals."""
    with pytest.raises(ValueError, match=r"queue_time is not a signal; known signals are .*waiting"):
        custom_table({"queue_time": "x"}, port=1)


@pytest.mark.parametrize(
    ("signals", "method"),
    [
        (("requests_received", "requests_finished", "running"), ArrivalMethod.REQUEST_COUNTER),
        (("requests_ended", "requests_finished", "running"), ArrivalMethod.ENDED_AND_GAUGES),
        (("requests_finished", "requests_failed", "waiting"), ArrivalMethod.ENDED_AND_GAUGES),
        (("requests_finished", "running", "waiting"), ArrivalMethod.FINISHED_AND_GAUGES),
        (("requests_finished", "waiting"), ArrivalMethod.FINISHED_AND_GAUGES),
        (("requests_ended", "requests_finished"), ArrivalMethod.TOKENS_ONLY),
        (("requests_finished",), ArrivalMethod.TOKENS_ONLY),
        (("prompt_tokens", "running", "waiting"), ArrivalMethod.TOKENS_ONLY),
        (("waiting",), ArrivalMethod.TOKENS_ONLY),
    ],
)
def test_the_most_exact_way_to_see_arrivals_wins(signals: tuple[str, ...], method: ArrivalMethod) -> None:
    """How a Custom engine's arrivals are seen follows from the signals it names."""
    assert arrival_method(dict.fromkeys(signals, "x")) is method
