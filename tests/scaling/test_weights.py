"""How much a pod of each variant is given to do: gateways are told, and a service at rest tells them nothing new."""

import pytest

from tidegate.scaling.worth import MOST_WEIGHT, Worth, weights

LARGE = Worth(requests_per_second=4.0, at_once=40.0)
SMALL = Worth(requests_per_second=1.0, at_once=10.0)
GUESSED = Worth(requests_per_second=1.0, at_once=10.0, is_guess=True)
BOTH = {"default": LARGE, "small": SMALL}
ON_TRIAL = {"default": LARGE, "small": GUESSED}


def test_pods_get_what_they_work_on_at_once() -> None:
    """Four times as much for the one that does four times as much at once."""
    assert weights(BOTH, {}, 0.0) == {"default": 40, "small": 10}


@pytest.mark.parametrize(("small", "told"), [(11.5, 10), (8.5, 10), (14.0, 14), (6.0, 6)])
def test_what_is_about_right_stays(small: float, told: int) -> None:
    """It is written to a status, whose every change all gateways read."""
    worths = {"default": LARGE, "small": Worth(requests_per_second=1.0, at_once=small)}
    assert weights(worths, {"default": 40, "small": 10}, 0.0) == {"default": 40, "small": told}


def test_prices_that_are_far_apart_make_weights_that_a_status_takes() -> None:
    """At least one, and no more than the field has room for."""
    worths = {"default": Worth(requests_per_second=1e12, at_once=1e14), "small": SMALL}
    found = weights(worths, {}, 0.0)
    assert (found["default"], found["small"]) == (MOST_WEIGHT, 10)


def test_a_pod_on_trial_gets_as_much_as_any_while_little_runs() -> None:
    """Else the heaviest would get all of it."""
    assert weights(ON_TRIAL, {}, 4.0) == {"default": 40, "small": 40}
    assert weights(ON_TRIAL, {}, 6.0) == {"default": 40, "small": 10}


def test_a_trial_does_not_begin_and_end_with_each_look() -> None:
    """What runs goes up and down about the bound: it begins below half of what a pod takes, and ends well above."""
    told = weights(ON_TRIAL, {}, 4.0)
    for running in (5.5, 4.5, 7.0, 6.0):
        told = weights(ON_TRIAL, told, running)
        assert told == {"default": 40, "small": 40}
    for running in (8.0, 6.0, 5.5):
        told = weights(ON_TRIAL, told, running)
        assert told == {"default": 40, "small": 10}
