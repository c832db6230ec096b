"""What a PromQL query asks of an engine, for the few shapes that people write for autoscalers.

Not a parser: a query is stripped of what selects series and spans, metrics are replaced by their signals, and the rest
is looked up. A query of another shape is not understood, and said to be so.
"""

import re
from dataclasses import dataclass

from tidegate.migration.signals import signal_of

LONGEST_QUERY = 4096

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_STRIPPED = (
    re.compile(r"""\{(?:[^"'{}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\}"""),  # Which series: the pods are known.
    re.compile(r"\[[^\[\]]*\]"),  # Over how long.
    re.compile(r"\b(?:by|without)\s*\([^()]*\)"),
    re.compile(r"\bor\s+vector\s*\(\s*0\s*\)"),
    re.compile(r"\s+"),
)
_OVER_TIME = re.compile(r"(?:avg|max)_over_time\((\w+)\)")
_RATE = re.compile(r"i?rate\((\w+)\)")


@dataclass(frozen=True, slots=True)
class Question:
    """What a query asks."""

    signal: str
    """waiting, or work: prompt and generated tokens per second."""

    is_mean: bool
    """Whether the answer is a mean over the pods, and not their sum."""


_QUESTIONS = {
    "waiting": Question("waiting", is_mean=False),  # One series only, or KEDA refuses the answer.
    "sum(waiting)": Question("waiting", is_mean=False),
    "avg(waiting)": Question("waiting", is_mean=True),
    **{
        form.format(first, second): Question("work", is_mean=mean)
        for first, second in (("prompt_tokens", "generated_tokens"), ("generated_tokens", "prompt_tokens"))
        for form, mean in (
            ("sum({}/s)+sum({}/s)", False),
            ("sum({}/s+{}/s)", False),
            ("avg({}/s)+avg({}/s)", True),
            ("avg({}/s+{}/s)", True),
        )
    },
}


def question_of(query: str) -> Question | None:
    """Say what a query asks; None if it is not understood."""
    if len(query) > LONGEST_QUERY:
        return None
    rest = query
    for pattern in _STRIPPED:
        rest = pattern.sub("", rest)
    rest = _NAME.sub(lambda found: signal_of(found[0]) or found[0], rest)
    rest = _RATE.sub(r"\1/s", _OVER_TIME.sub(r"\1", rest))
    return _QUESTIONS.get(rest) or _QUESTIONS.get(_without_parentheses(rest))


def signals_in(query: str) -> frozenset[str]:
    """The signals whose metrics a query names, whatever it does with them."""
    names = _NAME.findall(query[:LONGEST_QUERY])
    return frozenset(signal for name in names if (signal := signal_of(name)) is not None)


def _without_parentheses(text: str) -> str:
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text
