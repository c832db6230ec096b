"""The campaign's tables: what failed, what clients saw, and what is left of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faults.verdict import Duplicates, Failure, Verdict
from gateway_rig.client import Account, Outcome

NO_FAULT = "none"
BEFORE_SECONDS = 5.0
"""How long before a request what was broken is still told of beside its defect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a campaign found.

    Attributes:
        counts: By the fault that requests met, how many had which verdict.
        defects: The requests behind Verdict.DEFECT.
        refusals: How many clean refusals there were of each kind.
        not_woken: Requests at the end that were not answered: services that are stuck asleep.
        stuck_awake: Services that did not fall asleep in the end.
    """

    seed: int
    services: int
    seconds: float
    cycles: int
    slept: int
    woke: int
    failures: Sequence[Failure]
    counts: Mapping[str, Counter[Verdict]]
    defects: Sequence[Account]
    doubled: Duplicates
    stuck_awake: Sequence[str]
    not_woken: Sequence[Account]
    without_endpoint: Sequence[str]
    crashes: Sequence[str]
    refusals: Mapping[str, int]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost and nobody is stuck."""
        return not (self.crashes or self.defects or self.doubled.after_first_byte or self.stuck_awake or self.not_woken)


def table(findings: Findings) -> str:
    """A Markdown table: a row for each fault, a column for each verdict."""
    drawn = Counter(failure.kind for failure in findings.failures)
    rows = [["fault that a request met", "times", "requests", *Verdict]]
    for kind in sorted({*drawn, *findings.counts}, key=lambda name: (name == NO_FAULT, name)):
        counts = findings.counts.get(kind, Counter())
        rows.append([kind, str(drawn.get(kind, "")), str(counts.total()), *(str(counts[each]) for each in Verdict)])
    total: Counter[Verdict] = sum(findings.counts.values(), Counter())
    rows.append(["**all**", str(drawn.total()), str(total.total()), *(str(total[each]) for each in Verdict)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---|" + "--:|" * (len(rows[0]) - 1), *lines[1:]])


def summary(findings: Findings) -> str:
    """What is to be known beside the table."""
    refused = Counter(each.detail.split(":")[0] for each in findings.not_woken)
    lines = [
        (
            f"{findings.cycles} cycles of sleep and wake ({findings.slept} asleep, {findings.woke} awake) of "
            f"{findings.services} services in {findings.seconds:.0f} s, seed {findings.seed}"
        ),
        (
            f"requests that more than one engine got, or one twice: {findings.doubled.before_first_byte} before the "
            f"first byte of an answer, {findings.doubled.after_first_byte} after it"
        ),
        (
            "times that a client found no gateway in a service's slice, by what was broken then: "
            f"{dict(Counter(findings.without_endpoint)) or 'none'}"
        ),
        "clean refusals, by what they said: "
        + "; ".join(f"{count} {what}" for what, count in sorted(findings.refusals.items(), key=lambda each: -each[1])),
        f"programs that ended by themselves: {'; '.join(findings.crashes) or 'none'}",
        f"services stuck awake: {', '.join(findings.stuck_awake) or 'none'}",
        f"services stuck asleep: {', '.join(each.service for each in findings.not_woken) or 'none'}"
        + (f" ({dict(refused)})" if refused else ""),
    ]
    return "\n".join(lines)


def evidence_of_defects(findings: Findings, most: int = 20) -> str:
    """A line for each of the first defects, with what was broken around it."""
    lines = []
    for account in [*findings.defects, *findings.not_woken][:most]:
        met = [
            f"{each.kind} at {each.target} {each.began - account.sent:+.1f} to {each.ended - account.sent:+.1f} s"
            for each in findings.failures
            if each.touches(account.sent - BEFORE_SECONDS, account.ended)
        ]
        byte = "" if account.first_byte is None else f", first byte {account.first_byte - account.sent:+.2f} s"
        lines.append(
            f"{account.identity} to {account.service} by gateway-{account.gateway} at {account.sent:.3f}: "
            f"{account.outcome} after {account.ended - account.sent:.2f} s{byte}; {account.detail}; "
            f"around it: {'; '.join(met) or 'nothing'}"
        )
    return "\n".join(lines)


def not_answered(accounts: Sequence[Account]) -> list[Account]:
    """Those whose client got no answer."""
    return [account for account in accounts if account.outcome is not Outcome.ANSWERED]
