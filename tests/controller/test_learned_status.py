"""What is told of what was learned: in the status, at a restart, and to nobody while nothing is new."""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from cluster_objects import LEAST, NAMESPACE, pod
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

from tidegate.api.inference_service_status import MAXIMUM_LEARNED
from tidegate.api.learned_status import Confidence
from tidegate.api.scaling import Scaling
from tidegate.cluster.resources import INFERENCE_SERVICES, PODS
from tidegate.controller.learned_status import REFRESH_SECONDS, LearnedStatus, joined, renewed, room_for, text_of
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.lead_time import LeadTime
from tidegate.scaling.memory import Memory

NOW = 1_000_000.0
GIVEN = Scaling.model_validate({"tokenThroughput": {"targetPerReplica": "12k"}})
LEARNS = Scaling()


def memory(*, samples: int = 100, template: str = "abc", starts: tuple[float, ...] = (60.0,)) -> Memory:
    """A memory that has learned."""
    empty = Memory()
    steps = replace(
        empty.learned.step_time,
        template=template,
        seconds=(0.01475, 0.000334, 0.0000856) if samples else None,
        samples=samples,
    )
    learned = replace(empty.learned, step_time=steps, lead_time=LeadTime(starts_seconds=starts))
    return replace(empty, learned=learned)


def capacity(units_per_second: float = 1900.0, doubt: float = 0.1) -> Capacity:
    """A capacity as `decide` finds it."""
    return Capacity(
        requests_per_second=units_per_second / 1000,
        units_per_second=units_per_second,
        busy_seconds_per_request=1000 / units_per_second,
        batch=24.0,
        doubt=doubt,
    )


TOLD = renewed(LearnedStatus(), memory(), capacity(), LEARNS, NOW)


class TestWords:
    """What the status says."""

    def test_a_capacity_and_a_lead_time_that_were_learned(self) -> None:
        """Three digits; no more are known."""
        assert TOLD.capacity is not None
        assert TOLD.lead_time is not None
        assert TOLD.capacity.to_document() == {
            "variant": "default",
            "unitsPerSecond": "1900",
            "requestsPerSecond": "1.9",
            "requestsAtOnce": "24",
            "confidence": "High",
            "templateHash": "abc",
            "alphaMilliseconds": "14.8",
            "betaMilliseconds": "0.334",
            "cMilliseconds": "0.0856",
            "samples": 100,
            "time": "1970-01-12T13:46:40Z",
        }
        assert TOLD.lead_time.to_document() == {
            "variant": "default",
            "p50Seconds": 60,
            "p75Seconds": 60,
            "samples": 1,
            "time": "1970-01-12T13:46:40Z",
        }

    @pytest.mark.parametrize(
        ("doubt", "confidence"), [(0.1, Confidence.HIGH), (0.3, Confidence.MEDIUM), (0.9, Confidence.LOW)]
    )
    def test_how_sure_a_capacity_is(self, doubt: float, confidence: Confidence) -> None:
        """In a word."""
        told = renewed(LearnedStatus(), memory(), capacity(doubt=doubt), LEARNS, NOW).capacity
        assert told is not None
        assert told.confidence is confidence

    def test_a_capacity_that_is_given_wins(self) -> None:
        """What was learned beside it is told all the same."""
        told = renewed(LearnedStatus(), memory(), capacity(), GIVEN, NOW).capacity
        assert told is not None
        assert (told.units_per_second, told.confidence) == ("12000", Confidence.GIVEN)
        assert told.alpha_milliseconds == "14.8"

    def test_of_nothing_nothing_is_told(self) -> None:
        """Neither a zero nor a guess."""
        assert renewed(LearnedStatus(), memory(samples=0, starts=()), None, LEARNS, NOW) == LearnedStatus()

    def test_steps_that_are_known_before_the_requests_are(self) -> None:
        """Without sizes of requests there is no capacity yet."""
        told = renewed(LearnedStatus(), memory(), None, LEARNS, NOW).capacity
        assert told is not None
        assert (told.units_per_second, told.confidence, told.samples) == (None, Confidence.LOW, 100)


class Again(NamedTuple):
    """A later look: what is known then, when it is, and whether it is news."""

    memory: Memory
    capacity: Capacity | None
    seconds: float
    is_news: bool
    scaling: Scaling = LEARNS


AGAIN = {
    "nothing happened": Again(memory(), capacity(), 5.0, is_news=False),
    "nothing happened for days": Again(memory(), capacity(), 1e6, is_news=False),
    "five percent more": Again(memory(samples=150), capacity(1994.0), 60.0, is_news=False),
    "five percent less": Again(memory(samples=150), capacity(1806.0), 60.0, is_news=False),
    "six percent more": Again(memory(samples=200), capacity(2015.0), 5.0, is_news=True),
    "six percent less": Again(memory(samples=200), capacity(1785.0), 5.0, is_news=True),
    "less sure": Again(memory(), capacity(doubt=0.3), 5.0, is_news=True),
    "no longer known": Again(memory(), None, 5.0, is_news=True),
    "other pods": Again(memory(template="def"), capacity(), 5.0, is_news=True),
    "other pods that nothing is known of": Again(memory(samples=0, template="def"), None, 5.0, is_news=True),
    "a given capacity": Again(memory(), capacity(), 5.0, is_news=True, scaling=GIVEN),
    "looks, just before ten minutes": Again(memory(samples=101), capacity(), REFRESH_SECONDS - 1, is_news=False),
    "nearly twice the looks": Again(memory(samples=199), capacity(), 5.0, is_news=False),
    "twice the looks": Again(memory(samples=201), capacity(), 5.0, is_news=True),
    "looks, after ten minutes": Again(memory(samples=101), capacity(), REFRESH_SECONDS, is_news=True),
    "a pod that came as late as others": Again(memory(starts=(60.0, 62.0)), capacity(), 5.0, is_news=False),
    "a pod that came later than others": Again(memory(starts=(60.0, 64.0)), capacity(), 5.0, is_news=True),
}


@pytest.mark.parametrize("row", AGAIN.values(), ids=AGAIN)
def test_what_is_news(row: Again) -> None:
    """A change of more than five percent, another word, or ten minutes of looks. Otherwise it is the same object."""
    told = renewed(TOLD, row.memory, row.capacity, row.scaling, NOW + row.seconds)
    assert (told is not TOLD) is row.is_news
    assert (told.at == NOW + row.seconds) is row.is_news


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"capacity": [{"variant": "default", "confidence": "Certain", "time": "1970-01-01T00:00:00Z"}]},
        {"capacity": "1900"},
        {"leadTime": [{"variant": "default"}]},
        {"leadTime": [{"variant": "default", "p50Seconds": 1, "p75Seconds": 1, "samples": 1, "time": "noon"}]},
    ],
)
def test_the_status_of_another_version_is_ignored(status: dict[str, Any]) -> None:
    """It is written anew."""
    assert LearnedStatus.adopt(status, Memory()) == LearnedStatus()


class TestSeveralVariants:
    """What was learned of each, in one status."""

    def test_each_is_told_under_its_name(self) -> None:
        """And found again under it."""
        told = renewed(LearnedStatus(), memory(), capacity(), LEARNS, NOW, variant="cpu", room=room_for(2))
        assert told.capacity is not None
        assert told.lead_time is not None
        assert (told.capacity.variant, told.lead_time.variant) == ("cpu", "cpu")
        status = {
            "capacity": [TOLD.capacity.to_document(), told.capacity.to_document()],
            "leadTime": [TOLD.lead_time.to_document(), told.lead_time.to_document()],
            "learned": joined([("default", TOLD.text), ("cpu", told.text)]),
        }
        assert LearnedStatus.adopt(status, memory(), "cpu") == told
        assert LearnedStatus.adopt(status, memory()) == TOLD
        assert LearnedStatus.adopt(status, Memory(), "new") == LearnedStatus()

    @pytest.mark.parametrize(
        "texts", [{"default": "{1}"}, {"default": "{1}", "cpu": "{2}"}, {"cpu": "{2}", "b": "{3}"}]
    )
    def test_texts_are_parted_as_they_were_joined(self, texts: dict[str, str]) -> None:
        """That of a service without variants is the text itself."""
        whole = joined(texts.items())
        assert whole is not None
        assert {name: text_of(whole, name) for name in texts} == texts
        assert text_of(whole, "other") == ""
        assert joined([("default", "{1}")]) == "{1}"
        assert joined([("default", None), ("cpu", None)]) is None

    @pytest.mark.parametrize("count", range(1, 10))
    def test_there_is_room_for_all(self, count: int) -> None:
        """As many as share the room fit, with the longest names; of more than six the last may be left out."""
        texts = [(f"{number:a>20}", "x" * room_for(count)) for number in range(count)]
        whole = joined([("default", texts[0][1]), *texts[1:]])
        assert whole is not None
        assert len(whole) <= MAXIMUM_LEARNED
        assert len(whole.splitlines()) == min(count, 6)

    def test_a_text_that_has_become_too_long_is_written_anew(self) -> None:
        """As one more variant comes, each has less room."""
        assert TOLD.text is not None
        again = renewed(TOLD, memory(), capacity(), LEARNS, NOW + 5, room=len(TOLD.text) - 1)
        assert again is not TOLD
        assert len(again.text or "") < len(TOLD.text)


class Working(OperatorUnderTest):
    """An operator whose two pods take eight requests at once, each of 800 and 200 tokens and four seconds."""

    PODS = 2

    async def work(self, seconds: float, *, per_pod_second: float = 2.0) -> list[str]:
        """Let them work; what was written meanwhile."""
        written = []
        for _ in range(int(seconds / self.tick_seconds)):
            self.done += per_pod_second * self.tick_seconds
            for number in range(1, self.PODS + 1):
                self.pods.says[f"127.0.0.{number}"] = self.page(4 * per_pod_second)
            written += await self.turn()
        return written

    done: float = 0.0

    def page(self, running: float) -> dict[str, float]:
        """What a pod says, having done as much as it has."""
        return {
            "running": running,
            "kv_usage": running / 16,
            **dict.fromkeys(("requests_ended", "requests_finished", "first_tokens"), self.done),
            "prompt_tokens": 800 * self.done,
            "generated_tokens": 200 * self.done,
            "steps": 25 * self.done,
        }

    async def rest(self, seconds: float) -> list[str]:
        """No request; what was written meanwhile."""
        return await self.work(seconds, per_pod_second=0.0)

    @property
    def learned(self) -> dict[str, Any]:
        """What the status says of it."""
        status = status_of(self.cluster)
        return {name: status.get(name) for name in ("capacity", "leadTime", "learned")}


async def working(**scaling: Any) -> Working:
    """Two pods that came after half a minute, and have worked for five."""
    operator = Working()
    operator.apply({**LEAST, "scaling": {"minReplicas": 2, **scaling}})
    await operator.turn()
    operator.start_pods(2, ready=False)
    for _ in range(6):
        await operator.turn()
    operator.start_pods(2)
    await operator.work(300)
    return operator


class TestService:
    """A service that learns."""

    async def test_capacity_and_lead_time_are_told(self) -> None:
        """Within minutes."""
        operator = await working()
        (capacity,) = operator.learned["capacity"]
        (lead_time,) = operator.learned["leadTime"]
        assert capacity["templateHash"] == "abc"
        assert capacity["samples"] > 10
        assert float(capacity["unitsPerSecond"]) > 0
        assert 25 <= lead_time["p75Seconds"] <= 40
        assert lead_time["samples"] == 2
        assert len(operator.learned["learned"]) < 2000

    async def test_it_is_written_when_it_changes_and_not_at_each_look(self) -> None:
        """Work as it was is no news: of 60 looks, few are."""
        operator = await working()
        before = operator.learned
        written = await operator.work(300)
        assert written.count("Status") <= 3
        assert operator.learned["capacity"][0]["confidence"] == before["capacity"][0]["confidence"]

    async def test_a_quiet_service_writes_nothing(self) -> None:
        """An hour of it, once nothing that came is waited for any more."""
        operator = await working()
        await operator.rest(2700)
        assert await operator.rest(3600) == []

    async def test_the_next_operator_begins_with_it_and_writes_nothing(self) -> None:
        """The status it would write is the status that is there."""
        operator = await working()
        await operator.rest(2700)
        before = operator.learned
        operator.restart()
        assert await operator.rest(120) == []
        assert operator.learned == before
        await operator.work(60)
        samples = operator.learned["capacity"][0]["samples"]
        assert samples >= before["capacity"][0]["samples"]

    async def test_what_cannot_be_read_is_learned_anew(self) -> None:
        """And the status says what is known, not what was."""
        operator = await working()
        service = operator.store.inference_services[NAMESPACE, "chat"]
        status = {**service.status, "learned": "of another version", "capacity": [{"variant": 7}]}
        found = operator.cluster.found(INFERENCE_SERVICES, (NAMESPACE, "chat"))
        operator.cluster.have(INFERENCE_SERVICES, {**found, "status": status})
        operator.restart()
        await operator.work(120)
        (capacity,) = operator.learned["capacity"]
        assert 0 < capacity["samples"] < 30
        assert operator.learned["learned"].startswith("{")

    async def test_pods_of_another_template_start_afresh(self) -> None:
        """What the old ones could do is told no longer."""
        operator = await working()
        samples = operator.learned["capacity"][0]["samples"]
        for number in (1, 2):
            old = pod("chat", number)
            operator.cluster.lose(PODS, (NAMESPACE, old["metadata"]["name"]))
            labels = {"pod-template-hash": "def"}
            owner = [{**old["metadata"]["ownerReferences"][0], "name": "chat-def"}]
            name = {"name": f"chat-def-{number}", "uid": f"uid-of-chat-def-{number}"}
            operator.cluster.have(PODS, pod("chat", number, labels=labels, ownerReferences=owner, **name))
        operator.done = 0.0
        await operator.work(120)
        (capacity,) = operator.learned["capacity"]
        assert capacity["templateHash"] == "def"
        assert capacity["samples"] < samples
