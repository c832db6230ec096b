"""docs/gateway.md lists what clients are told, and nothing that they never are."""

import re
from pathlib import Path

import pytest

from tidegate.gateway.envoy.local_replies import ANSWERS
from tidegate.gateway.policy.refusal import Problem, Refusal

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()
OF_THE_SERVICE = {Refusal.CANNOT_WAKE, Refusal.PODS_IN_TROUBLE}
"""They say the service's own reason instead of theirs."""


def rows() -> list[list[str]]:
    """The rows of the table of answers: what happened, status, reasons, codes, whether to come again."""
    table = PAGE.partition("| what happened | status |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def row_with(text: str, column: int) -> list[str]:
    """The one row that names something in a column."""
    (found,) = [row for row in rows() if f"`{text}`" in row[column]]
    return found


@pytest.mark.parametrize("refusal", sorted(set(Refusal) - OF_THE_SERVICE))
def test_every_refusal_of_the_policy_is_there_as_it_is(refusal: Refusal) -> None:
    """Status, code, and whether to come again."""
    reply = Problem(refusal=refusal, message="why").reply()
    _, status, _, codes, again = row_with(refusal.value, 2)
    code = re.search(rb'"code": "([a-z_]+)"', reply.body)
    assert code
    assert (status, f"`{code[1].decode()}`" in codes) == (str(reply.status), True)
    header = dict(reply.headers)
    assert again.startswith("`Retry-After" if "retry-after" in header else "`x-should-retry: false`")


@pytest.mark.parametrize(
    ("refusal", "reason"), [(Refusal.CANNOT_WAKE, "PinnedAtZero"), (Refusal.PODS_IN_TROUBLE, "Unschedulable")]
)
def test_reasons_of_the_service_are_there_by_an_example(refusal: Refusal, reason: str) -> None:
    """There are as many as reasons why a service does not start."""
    reply = Problem(refusal=refusal, message="why", reason=reason).reply()
    _, status, _, _, again = row_with(reason, 2)
    assert status == f"{reply.status} at once"
    assert again == "`x-should-retry: false`"


@pytest.mark.parametrize(("code", "retry_after"), [(code, seconds) for _, _, code, _, seconds in ANSWERS])
def test_every_answer_of_envoys_own_is_there(code: str, retry_after: int | None) -> None:
    """With the time after which to come again."""
    assert row_with(code, 3)[4] == ("" if retry_after is None else f"`Retry-After: {retry_after}`")


def test_nothing_is_there_that_no_client_is_told() -> None:
    """A code that was renamed leaves no row behind."""
    told = {code for _, _, code, _, _ in ANSWERS} | {"pinned_at_zero", "unschedulable"}
    for refusal in Refusal:
        told |= set(re.findall(r'"code": "([a-z_]+)"', Problem(refusal=refusal, message="").reply().body.decode()))
    assert {code for row in rows() for code in re.findall(r"`([a-z_]+)`", row[3])} <= told
