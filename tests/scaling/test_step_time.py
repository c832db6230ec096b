"""How long a step takes, learned from counters."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import inf, isfinite
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod_work import LOOK_SECONDS, at_looks, busy_pod, pod_did

from tidegate.scaling.pod_step import PodStep
from tidegate.scaling.step_time import StepTime
from tidegate.simulator.models import MODELS, ReplicaModel

SHARES_OF_PROMPTS = (0.0, 0.2, 0.4, 0.6)


def learned(steps: Sequence[PodStep], known: StepTime | None = None, template: str = "a") -> StepTime:
    """What is known after these, one look each."""
    known = known or StepTime()
    for step in steps:
        known = known.learn([step], template=template, now=step.end)
    return known


def varied(model: ReplicaModel, *, shows_steps: bool = True) -> list[PodStep]:
    """Of full and of light loads, of prompts and of answers, each for a minute."""
    most = min(24, model.max_sequences)
    sizes = sorted({1, max(2, most // 4), most // 2, most})
    loads = list(product(sizes, SHARES_OF_PROMPTS)) * 4
    Random(1).shuffle(loads)  # noqa: S311 - a test, and one that is to be repeatable
    return at_looks(busy_pod(model, n, share, shows_steps=shows_steps) for n, share in loads for _ in range(12))


@pytest.mark.parametrize("shows_steps", [True, False], ids=["steps are counted", "steps are not counted"])
@pytest.mark.parametrize("name", ["rtx4090", "rtxpro6000", "l4", "cpu", "painter"])
def test_the_step_time_of_any_hardware_is_found(name: str, *, shows_steps: bool) -> None:
    """However far from the first guess: what a sequence and a prompt token cost, alone and in a full batch."""
    model = MODELS[name]
    most = min(24, model.max_sequences)
    known = learned(varied(model, shows_steps=shows_steps))
    assert known.seconds is not None
    alpha, beta, c = known.seconds
    for running in (1, most):
        assert alpha + beta * running == pytest.approx(model.step_seconds(running), rel=0.2)
    if model.c_milliseconds:
        assert c == pytest.approx(model.c_milliseconds / 1000, rel=0.05)


def test_nothing_is_known_before_a_pod_was_seen_at_work() -> None:
    """Idle pods, and pods of which nobody knows whether they are at work, teach nothing."""
    known = learned([pod_did(), pod_did(busy_share=0.0), pod_did(served=100.0, busy_share=0.0)])
    assert known.seconds is None
    assert known.samples == 0
    assert known.expected_busy_seconds(busy_pod(MODELS["l4"], 4, 0.5)) == 0


def test_the_first_guess_has_the_scale_of_what_was_seen() -> None:
    """After one look a CPU is known to be a CPU: the time of what it just did, to the second."""
    step = busy_pod(MODELS["cpu"], 4, 0.3)
    known = learned([step])
    assert known.expected_busy_seconds(step) == pytest.approx(LOOK_SECONDS)


@pytest.mark.parametrize("busy", [0.05, 0.2, 0.5])
def test_a_lightly_loaded_pod_teaches_the_same_as_a_full_one(busy: float) -> None:
    """It is seen at work at only some of the looks: that must not make it look many times as fast as it is."""
    model, random, steps = MODELS["rtx4090"], Random(7), []  # noqa: S311 - as above
    seen_at_work = random.random() < busy
    for _ in range(2000):
        was, seen_at_work = seen_at_work, random.random() < busy
        full = busy_pod(model, 1, 0.2)
        steps.append(
            pod_did(
                served=(full.served or 0.0) * busy,
                prompt_work=full.prompt_work * busy,
                steps=(full.steps or 0.0) * busy,
                running=(was + seen_at_work) / 2,
                busy_share=(was + seen_at_work) / 2,
            )
        )
    known = learned(at_looks(steps))
    assert known.expected_busy_seconds(busy_pod(model, 1, 0.2)) == pytest.approx(LOOK_SECONDS, rel=0.3)


def test_pods_of_another_template_start_afresh() -> None:
    """Another model, or other arguments: what was learned of the old pods says nothing of the new ones."""
    old = learned(varied(MODELS["rtx4090"]))
    step = busy_pod(MODELS["cpu"], 4, 0.3)
    new = learned([step], known=old, template="b")
    assert new.template == "b"
    assert new.samples == 1
    assert new.expected_busy_seconds(step) == pytest.approx(LOOK_SECONDS)


def test_a_template_without_a_name_goes_on_as_the_first_that_has_one() -> None:
    """What is rebuilt without the name of its template is not thrown away when that is seen."""
    unnamed = learned(varied(MODELS["l4"]), template="")
    assert learned([busy_pod(MODELS["l4"], 4, 0.3)], known=unnamed, template="b").samples == unnamed.samples + 1


def test_hardware_that_gets_slower_is_followed() -> None:
    """A card that is throttled to half its pace: within five minutes the work of then takes the time of then."""
    model = MODELS["rtx4090"]
    slow = replace(
        model,
        alpha_milliseconds=2 * model.alpha_milliseconds,
        beta_milliseconds=2 * model.beta_milliseconds,
        c_milliseconds=2 * model.c_milliseconds,
    )
    later = at_looks([*varied(model), *varied(slow)[:60]])
    known = learned(later)
    assert known.expected_busy_seconds(busy_pod(slow, 12, 0.4)) == pytest.approx(LOOK_SECONDS, rel=0.1)


def test_a_quiet_night_is_not_forgotten_over() -> None:
    """A request at a time tells a step from a token badly: ten hours of that must not take noise for news."""
    model, random = MODELS["rtx4090"], Random(3)  # noqa: S311 - as above
    known = learned(varied(model))
    full = busy_pod(model, 24, 0.3)
    night = []
    for _ in range(7200):
        busy = random.choice([0.0, 0.0, 0.0, 0.0, 0.5, 1.0])
        work = busy * random.uniform(0.5, 1.5)
        step = busy_pod(model, 1, 0.2)
        night.append(
            pod_did(
                served=(step.served or 0.0) * work,
                prompt_work=step.prompt_work * work,
                steps=(step.steps or 0.0) * work,
                running=busy,
                busy_share=busy,
            )
        )
    after = learned(
        [replace(step, start=step.start + 1e5, end=step.end + 1e5) for step in at_looks(night)], known=known
    )
    assert after.expected_busy_seconds(full) == pytest.approx(LOOK_SECONDS, rel=0.15)


def test_one_absurd_look_does_not_undo_what_was_learned() -> None:
    """A pod that seems to have done a thousand times what it can moves the estimate by little."""
    known = learned(varied(MODELS["rtx4090"]))
    step = busy_pod(MODELS["rtx4090"], 12, 0.4)
    absurd = pod_did(served=1e7, prompt_work=5e6, steps=1e5, running=12.0, busy_share=1.0, start=1000.0, end=1005.0)
    after = learned([absurd], known=known)
    assert after.expected_busy_seconds(step) == pytest.approx(known.expected_busy_seconds(step), rel=0.25)


def test_work_next_to_nothing_is_no_scale() -> None:
    """A page may give any number: a step that seems to take 1e269 seconds would be too much for any arithmetic."""
    absurd = pod_did(served=1e-269, prompt_work=1e-269, running=3.0, busy_share=0.5)
    known = learned(at_looks([absurd, busy_pod(MODELS["l4"], 4, 0.3)]))
    assert known.samples == 1
    assert known.expected_busy_seconds(busy_pod(MODELS["l4"], 4, 0.3)) == pytest.approx(LOOK_SECONDS, rel=0.05)


LOADS = st.builds(
    lambda served, prompts, steps, running, busy: pod_did(
        served=served + prompts, prompt_work=prompts, steps=steps, running=running, busy_share=busy
    ),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 10**5),
    st.floats(0, 512),
    st.sampled_from([0.0, 0.5, 1.0]),
)


@given(loads=st.lists(LOADS, max_size=40))
@settings(deadline=None)
def test_no_coefficient_is_ever_negative_or_absurd(loads: list[PodStep]) -> None:
    """Whatever counters say: a negative step time would be an infinite capacity."""
    known = learned(at_looks(loads))
    for each in known.seconds or ():
        assert 0 <= each < inf
    assert all(isfinite(each) for row in known.covariance for each in row)
