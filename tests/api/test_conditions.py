import pytest
from pydantic import ValidationError

from tidegate.api.conditions import Condition, ConditionType, Reason, merge_conditions

EARLIER, NOW = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"


def ready(status: str = "True", *, reason: str = "Serving", time: str = NOW) -> Condition:
    """A condition Ready."""
    return Condition(type="Ready", status=status, reason=reason, message="2 of 2", last_transition_time=time)


class TestMerge:
    """`lastTransitionTime` is when the status changed, not when it was last said."""

    @pytest.mark.parametrize(
        ("previous", "time"),
        [
            ([], NOW),
            ([{"type": "Ready", "status": "True", "lastTransitionTime": EARLIER}], EARLIER),
            ([{"type": "Ready", "status": "False", "lastTransitionTime": EARLIER}], NOW),
            ([{"type": "Ready", "status": "Unknown", "lastTransitionTime": EARLIER}], NOW),
            ([{"type": "SpecValid", "status": "True", "lastTransitionTime": EARLIER}], NOW),
            ([{"type": "Ready", "status": "True"}], NOW),
            ([{"type": "Ready", "status": "True", "lastTransitionTime": None}], NOW),
            ([{}], NOW),
        ],
        ids=[
            "first",
            "same status",
            "other status",
            "unknown before",
            "another type",
            "no time before",
            "null time before",
            "empty",
        ],
    )
    def test_the_time_stays_while_the_status_does(self, previous: list[dict[str, str | None]], time: str) -> None:
        """A new reason or message alone does not move it."""
        (merged,) = merge_conditions(previous, [ready(reason="RollingOut")])
        assert (merged.last_transition_time, merged.reason) == (time, "RollingOut")

    def test_the_order_is_that_of_now(self) -> None:
        """Conditions that are no longer said are dropped; those of other writers are not ours to keep."""
        previous = [
            {"type": "Old", "status": "True"},
            {"type": "Ready", "status": "True", "lastTransitionTime": EARLIER},
        ]
        second = ready().model_copy(update={"type": "SpecValid"})
        assert [condition.type for condition in merge_conditions(previous, [second, ready()])] == ["SpecValid", "Ready"]


class TestVocabulary:
    """Types and reasons as API conventions want them."""

    @pytest.mark.parametrize("word", [*ConditionType, *Reason])
    def test_words_are_camel_case(self, word: str) -> None:
        """One word, an upper-case letter first: it is read by programs."""
        assert word.isalnum()
        assert word[0].isupper()

    def test_a_reason_is_never_empty(self) -> None:
        """Kubernetes requires one."""
        with pytest.raises(ValidationError):
            ready(reason="")

    def test_it_is_written_as_kubernetes_writes_it(self) -> None:
        """In camelCase, what is not known left out."""
        assert ready().to_document() == {
            "type": "Ready",
            "status": "True",
            "reason": "Serving",
            "message": "2 of 2",
            "lastTransitionTime": NOW,
        }
