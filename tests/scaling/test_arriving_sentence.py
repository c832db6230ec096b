"""What is told of the traffic: the sentence of a decision by a capacity that was learned."""

import pytest
from timeline import Timeline, service

from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.demand_terms import arriving_sentence
from tidegate.scaling.forecast import Forecast
from tidegate.scaling.learned import Learned
from tidegate.scaling.term_input import TermInput

DOES = Capacity(requests_per_second=2.0, units_per_second=2000.0, busy_seconds_per_request=0.5, batch=16.0, doubt=0.1)
"""A thousand tokens a request."""

NOW = 100.0


@pytest.mark.parametrize(
    ("requests_per_second", "forecast", "told"),
    [
        (2.8, Forecast(level=3.0), "3,000 tokens/s are arriving and one replica does 2,000"),
        (1.6, Forecast(level=3.0), "3,000 tokens/s are arriving and one replica does 2,000"),
        (0.0, Forecast(level=3.0), "0 tokens/s are arriving, 3,000 of late, and one replica does 2,000"),
        (1.0, Forecast(level=3.0), "1,000 tokens/s are arriving, 3,000 of late, and one replica does 2,000"),
        (0.0, Forecast(level=0.0), "0 tokens/s are arriving and one replica does 2,000"),
        (None, Forecast(level=3.0), "3,000 tokens/s are arriving and one replica does 2,000"),
        (
            3.0,
            Forecast(level=3.0, trend_per_second=0.05),
            "3,000 tokens/s are arriving (4,960 expected in 60 s) and one replica does 2,000",
        ),
    ],
    ids=["steady", "a dip", "silence", "a third", "long silence", "not known", "a rise"],
)
def test_nobody_reads_of_traffic_that_is_gone(requests_per_second: float | None, forecast: Forecast, told: str) -> None:
    """What is counted on follows late; where much less arrives, both are told."""
    given = TermInput(
        scaling=service().scaling,
        observation=Timeline(service()).observation(),
        traffic=Traffic(requests_per_second=requests_per_second),
        carried_running=None,
        learned=Learned(forecast=forecast),
        capacity=DOES,
        now=NOW,
    )
    assert arriving_sentence(given, DOES) == told
