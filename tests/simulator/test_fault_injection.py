from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from tidegate.scaling.observation import Observation
from tidegate.scaling.sample import Sample, ScrapeFailure
from tidegate.simulator.models import MODELS
from tidegate.simulator.outcome import Outcome, percentile
from tidegate.simulator.policy import Choice
from tidegate.simulator.replay import SetUp, replay
from tidegate.simulator.trace import TraceRequest
from tidegate.simulator.trouble import parse_fault

MODEL = replace(MODELS["rtx4090"], startup_seconds=20.0)
STEADY = tuple(TraceRequest(second / 2, 600, 60) for second in range(600))
"""Two requests a second for five minutes: a third of what one replica can do."""

FLOOD = tuple(TraceRequest(second / 20, 1500, 100) for second in range(2000))
"""Twenty a second for 100 s: several times what one replica can do."""


@dataclass
class Fixed:
    """Always the same size; keeps what it was shown."""

    replicas: int = 2
    name: str = "fixed"
    period_seconds: float = 5.0
    shown: list[tuple[float, Observation]] = field(default_factory=list)

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`."""
        self.shown.append((now, observation))
        return Choice(self.replicas)

    def readings(self, since: float, until: float) -> list[Sample | ScrapeFailure | None]:
        """Of all pods, at all decisions between two times."""
        return [pod.reading for now, seen in self.shown if since <= now < until for pod in seen.pods]


def run(
    policy: Fixed, *faults: str, requests: Sequence[TraceRequest] = STEADY, routing: str = "least-loaded"
) -> Outcome:
    """Replay the requests with these faults."""
    set_up = SetUp(
        model=MODEL,
        initial_replicas=policy.replicas,
        routing=routing,
        faults=tuple(parse_fault(text) for text in faults),
    )
    return replay(requests, policy, set_up)


def first_token_p95(outcome: Outcome, since: float, until: float = 1e9) -> float:
    """Of requests that arrived between two times, in seconds."""
    pairs = zip(outcome.arrivals, outcome.first_tokens, strict=True)
    return percentile([wait for arrival, wait in pairs if since <= arrival < until], 95)


def test_a_gap_shows_as_old_samples_and_then_as_failures() -> None:
    """As the operator has it: good until stale (three scrapes), then why there is no newer one, then well again."""
    policy = Fixed()
    run(policy, "metrics-gap:60@100")
    assert all(isinstance(each, Sample) and each.time == 95 for each in policy.readings(100, 111))
    assert all(isinstance(each, ScrapeFailure) for each in policy.readings(111, 160))
    assert all(isinstance(each, Sample) and each.time >= 160 for each in policy.readings(165, 300))


def test_failed_scrapes_leave_older_samples() -> None:
    """A fifth of them, at random: mostly no more than one scrape older, and nobody notices."""
    policy = Fixed()
    run(policy, "scrape-failures:20")
    ages = [
        now - pod.reading.time for now, seen in policy.shown for pod in seen.pods if isinstance(pod.reading, Sample)
    ]
    assert {0.0, 5.0, 10.0} <= set(ages)
    assert 0.1 < sum(age > 0 for age in ages) / len(ages) < 0.35


def test_faults_do_not_disturb_other_chance() -> None:
    """Routing at random draws from a source of its own: what fails to be scraped changes no request."""
    outcomes = [run(Fixed(), *faults, routing="random") for faults in ((), ("scrape-failures:50",))]
    assert outcomes[0].first_tokens == pytest.approx(outcomes[1].first_tokens, abs=1e-6)


def test_one_replica_is_slow_for_a_while() -> None:
    """One of them only, from the begin of the fault to its end."""
    outcome = run(Fixed(), "slow-replica:10@100..200")
    slow, median = first_token_p95(outcome, 100, 200), percentile(outcome.first_tokens, 50)
    assert slow > 3 * first_token_p95(outcome, 0, 100)
    assert median == pytest.approx(percentile(run(Fixed()).first_tokens, 50), rel=0.2)
    assert first_token_p95(outcome, 230) == pytest.approx(first_token_p95(outcome, 0, 100), rel=0.2)


def test_answers_twice_as_long_are_twice_the_work() -> None:
    """Of requests that are sent from then on."""
    policy = Fixed()
    outcome = run(policy, "output-doubles:2@150")
    *_, (_, last) = policy.shown
    generated = sum(pod.reading.generated_tokens or 0 for pod in last.pods if isinstance(pod.reading, Sample))
    assert generated == pytest.approx(300 * 60 + 300 * 120, rel=0.05)
    assert outcome.unfinished == 0


def test_what_is_cached_is_not_computed() -> None:
    """The first token comes earlier; tokens are counted as before."""
    policies = Fixed(), Fixed()
    without, cached = run(policies[0]), run(policies[1], "prefix-cache:0.9@150")
    assert first_token_p95(cached, 0, 150) == first_token_p95(without, 0, 150)
    assert first_token_p95(cached, 155) < 0.6 * first_token_p95(without, 155)
    prompts = [
        sum(pod.reading.prompt_tokens or 0 for pod in policy.shown[-1][1].pods if isinstance(pod.reading, Sample))
        for policy in policies
    ]
    assert prompts[0] == pytest.approx(prompts[1], rel=0.01)


def test_clients_leave_when_nothing_comes() -> None:
    """Then their requests are nobody's work, in no pod's queue, and count as unfinished."""
    policies = Fixed(1), Fixed(1)
    patient, hasty = (
        run(policies[0], requests=FLOOD),
        run(policies[1], "clients-give-up:10", requests=FLOOD),
    )
    assert patient.unfinished == 0
    assert hasty.unfinished > 500
    assert max(wait for wait in hasty.first_tokens if wait == wait) <= 10  # noqa: PLR0124 - not NaN
    waiting = [
        max((pod.reading.waiting or 0 for pod in seen.pods if isinstance(pod.reading, Sample)), default=0)
        for policy in policies
        for _, seen in policy.shown[-1:]
    ]
    assert waiting[0] > 800
    assert waiting[1] <= 200


def test_clients_leave_while_no_pod_is_there() -> None:
    """Requests that are held are forgotten, too, also after the trace has ended."""

    class Asleep(Fixed):
        """Orders its first pod too late for anybody."""

        def decide(self, observation: Observation, now: float) -> Choice:
            """See `Policy`."""
            super().decide(observation, now)
            return Choice(0)

    outcome = run(Asleep(0), "clients-give-up:10", requests=STEADY[:100])
    assert outcome.unfinished == outcome.requests == 100


def test_pods_without_a_node_wait_and_cost_nothing() -> None:
    """They are seen as unschedulable, are billed and load from when they find a node, and those that run stay."""

    class Growing(Fixed):
        """Wants four from the first decision on."""

        def decide(self, observation: Observation, now: float) -> Choice:
            """See `Policy`."""
            super().decide(observation, now)
            return Choice(4)

    policy = Growing(2)
    outcome = run(policy, "unschedulable:3@0..100")
    seen = {now: [(pod.ready, pod.unschedulable) for pod in observation.pods] for now, observation in policy.shown}
    well, loading, stuck = (True, False), (False, False), (False, True)
    assert seen[10.0] == [well, well, loading, stuck]
    assert seen[30.0] == [well, well, well, stuck]
    assert seen[105.0] == [well, well, well, loading]
    assert seen[125.0] == [well] * 4
    end = STEADY[-1].time_seconds
    assert outcome.pod_seconds == pytest.approx(2 * end + (end - 5) + (end - 100))


def test_a_node_that_becomes_free_is_taken() -> None:
    """By the next pod, though the fault goes on; the one beyond waits."""

    class Replacing(Fixed):
        """Three, for a moment one, then three again."""

        def decide(self, observation: Observation, now: float) -> Choice:
            """See `Policy`."""
            super().decide(observation, now)
            return Choice(1 if 50 <= now < 60 else 3)

    policy = Replacing(3)
    run(policy, "unschedulable:2@0")
    most = max(sum(pod.ready for pod in seen.pods) for now, seen in policy.shown if now > 60)
    assert most == 2
    *_, (_, last) = policy.shown
    assert [(pod.ready, pod.unschedulable) for pod in last.pods] == [(True, False), (True, False), (False, True)]
