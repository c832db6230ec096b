"""The replica model against real engines: shipped coefficients, errors on the half that was not fitted, the dip."""

from itertools import pairwise
from statistics import mean

import pytest

import fit_replica_model
from measured_run import SERIES, MeasuredRun, errors_of_half, replay, series_error
from tidegate.simulator.models import MODELS

LARGEST_ERROR = 0.10
COEFFICIENTS = ("alpha_milliseconds", "beta_milliseconds", "c_milliseconds")

engines = pytest.mark.parametrize("name", fit_replica_model.ENGINES)


def measured(name: str) -> MeasuredRun:
    """The run that a shipped model was fitted to."""
    return MeasuredRun.read(fit_replica_model.ENGINES[name].run)


@engines
def test_shipped_coefficients_are_what_the_fit_gives(name: str) -> None:
    """Nobody rounds, tunes or forgets: the numbers that ship are those of the command, from the first half alone."""
    fitted = fit_replica_model.fit(name, measured(name)).model
    assert {field: getattr(MODELS[name], field) for field in COEFFICIENTS} == {
        field: getattr(fitted, field) for field in COEFFICIENTS
    }


@engines
@pytest.mark.parametrize("cold_start", [True, False])
def test_errors_on_the_half_that_was_not_fitted_are_small(name: str, *, cold_start: bool) -> None:
    """Waiting, running and tokens/s stay within a tenth of their range, whether or not the cold start is modelled."""
    run = measured(name)
    model = fit_replica_model.fit(name, run).model if cold_start else MODELS[name]
    errors = errors_of_half(run, replay(run, model).seconds, 1)
    assert {series: error.by_range for series, error in errors.items() if error.by_range > LARGEST_ERROR} == {}


def test_tokens_fall_while_the_queue_grows() -> None:
    """As in the real engine, from second 6 to 17 the queue grows fivefold while a quarter of the tokens/s is lost."""
    run = measured("rtx4090")
    for seconds in (run.seconds, replay(run, MODELS["rtx4090"]).seconds):
        thirds = [seconds[at - 1 : at + 2] for at in (6, 9, 12, 15)]
        waiting = [mean(second.waiting for second in part) for part in thirds]
        tokens = [mean(second.generated_tokens for second in part) for part in thirds]
        assert all(before < after for before, after in pairwise(waiting))
        assert all(before > after for before, after in pairwise(tokens))
        assert waiting[-1] > 3.5 * waiting[0]
        assert tokens[-1] < 0.75 * tokens[0]


def test_requests_fare_as_they_did() -> None:
    """Mean time to the first token and mean time per output token are within 5 % of the measured ones."""
    run = measured("rtx4090")
    simulated = replay(run, MODELS["rtx4090"])
    figures = {what: (theirs, ours) for what, theirs, ours in fit_replica_model.of_requests(run, simulated)}
    for what in ("time to first token, mean, seconds", "time per output token, mean, milliseconds"):
        theirs, ours = figures[what]
        assert ours == pytest.approx(theirs, rel=0.05), what


def test_the_page_says_what_the_command_finds() -> None:
    """docs/replica-model.md holds the report of today's code."""
    page = fit_replica_model.PAGE.read_text()
    assert fit_replica_model.written(page, fit_replica_model.whole_report()) == page


def test_runs_are_whole() -> None:
    """Every request and token of the engine's own count is there, and time runs forward within each request."""
    for engine in fit_replica_model.ENGINES.values():
        run = MeasuredRun.read(engine.run)
        assert len(run.requests) == 300
        assert sum(second.generated_tokens for second in run.seconds) == sum(r.output_tokens for r in run.requests)
        assert all(r.scheduled <= r.first_token < r.last_token for r in run.requests)


def test_error_is_zero_only_for_equal_series() -> None:
    """A constant offset of a tenth of the range is an error of a tenth by range."""
    series = [0.0, 10.0, 20.0]
    assert series_error(series, series) == (0, 0)
    error = series_error(series, [value + 2 for value in series])
    assert error == (pytest.approx(0.1), pytest.approx(0.2))
    assert SERIES == ("waiting", "running", "generated_tokens")
