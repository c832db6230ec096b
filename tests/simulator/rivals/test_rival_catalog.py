"""The rivals by name: what can be asked for, how, and what is refused."""

import re

import pytest
from observed_pods import alike, observed

from tidegate.simulator.models import MODELS
from tidegate.simulator.replay import SetUp, replay
from tidegate.simulator.rivals.catalog import RIVALS, Rival, RivalContext, rival_named, rivals_named
from tidegate.simulator.trace import TraceRequest

REQUESTS = tuple(TraceRequest(second / 2, 500, 100) for second in range(400))
CONTEXT = RivalContext(requests=REQUESTS, set_up=SetUp(model=MODELS["rtx4090"], initial_replicas=2, max_replicas=6))
ASKED = [text for rival in RIVALS.values() for text in (f"{rival.name}=3" if rival.needs_target else rival.name,)]


@pytest.mark.parametrize("text", ASKED)
def test_every_rival_runs_a_whole_trace(text: str) -> None:
    """Least load of all: each serves every request of a light trace, and says why it is as large as it is."""
    outcome = replay(REQUESTS, rival_named(text, CONTEXT), CONTEXT.set_up)
    assert outcome.kept == outcome.requests == len(REQUESTS)
    assert outcome.gpu_hours > 0
    assert all(change.because for change in outcome.changes)


@pytest.mark.parametrize("text", [text for text in ASKED if not text.startswith(("clairvoyant-60", "clairvoyant-300"))])
def test_no_rival_scales_down_what_it_cannot_see_at_first(text: str) -> None:
    """Pods that were never read, in the first minute: the present size, but for those that know the trace."""
    policy = rival_named(text, CONTEXT)
    seconds = [policy.period_seconds * n for n in range(1, int(60 / policy.period_seconds) + 1)]
    assert {policy.decide(observed(3, None, None, None), second).replicas for second in seconds} == {3}


@pytest.mark.parametrize("text", [text for text in ASKED if not text.startswith(("static", "clairvoyant", "wva"))])
def test_every_rival_wants_more_when_it_drowns(text: str) -> None:
    """Full caches, full batches, long queues and many tokens for two minutes: two replicas are not enough."""
    policy = rival_named(text, CONTEXT)
    now, size = 0.0, 2
    while now < 120:
        now += policy.period_seconds
        signals = {"waiting": 500, "running": 200, "kv_usage": 1.0, "prompt_tokens": now * 20_000}
        size = policy.decide(alike(2, now, **signals), now).replicas
        if size > 2:
            break
    assert size > 2


def test_names_and_targets_show_in_the_policy() -> None:
    """A run is called what was asked for, its target with it; a default is written out."""
    texts = ("hpa-running=24", "hpa-running", "hpa-kv=0.50", "static=7", "wva-tokens")
    names = [rival_named(text, CONTEXT).name for text in texts]
    assert names == ["hpa-running=24", "hpa-running=24", "hpa-kv=0.5", "static=7", "wva-tokens"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nobody", "known are hpa-running, "),
        ("", "known are hpa-running, "),
        ("hpa=3", "no rival is called 'hpa'"),
        ("static", "static=7"),
        ("static=", "static=7"),
        ("static=2.5", "'2.5' is no target"),
        ("hpa-kv=much", "'much' is no target"),
        ("hpa-kv=0", "'0' is no target"),
        ("hpa-kv=-1", "'-1' is no target"),
        ("hpa-kv=nan", "'nan' is no target"),
        ("hpa-kv=inf", "'inf' is no target"),
        ("wva-tokens=3", "takes no target"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    """The message names the rival, the value and the fix."""
    with pytest.raises(ValueError, match=re.escape(says)):
        rival_named(text, CONTEXT)


def test_the_message_lists_every_rival() -> None:
    """Whoever mistypes a name reads all of them."""
    with pytest.raises(ValueError, match="no rival") as refusal:
        rival_named("hpa-runing", CONTEXT)
    assert all(name in str(refusal.value) for name in RIVALS)


def test_all_is_every_rival_that_needs_no_number() -> None:
    """Together with others, none twice, in the order of their mention."""
    names = [policy.name for policy in rivals_named(("static=3", "keda", "all", "hpa-running=24", "keda=7"), CONTEXT)]
    assert names[:3] == ["static=3", "keda=5", "hpa-running=24"]
    assert names[-1] == "keda=7"
    assert len(names) == len(set(names)) == len(RIVALS) + 1
    assert rivals_named((), CONTEXT) == []


def test_each_request_makes_a_new_policy() -> None:
    """Policies remember: two runs must not share one."""
    first, second = (rival_named("hpa-tokens", CONTEXT) for _ in range(2))
    assert first is not second


@pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)
def test_every_rival_says_where_it_is_from(rival: Rival) -> None:
    """Sweeps are of targets, and are there where there is a target to sweep; static sizes depend on the set-up."""
    assert rival.summary
    assert rival.source
    assert bool(rival.sweep) == (rival.target is not None and rival.name != "static")
    assert list(rival.sweep) == sorted(rival.sweep, reverse=True)
