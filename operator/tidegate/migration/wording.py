"""What became of an input, for people: objects as YAML with comments above them, and an account in lines."""

import textwrap
from collections.abc import Iterator

import yaml

from tidegate.migration.importing import Imported, Outcome

_WIDTH = 110


def as_yaml(imported: Imported) -> str:
    """The text of one object, comments first; it ends with a line break."""
    lines = [f"# From {plain(f'{imported.origin} ({imported.origin.source})')}."]
    for heading, sentences in (("Not carried over:", imported.lost), ("Note:", imported.notes)):
        if sentences:
            lines.append(f"# {heading}")
            lines += (
                line
                for sentence in sentences
                for line in textwrap.wrap(
                    plain(sentence), _WIDTH, initial_indent="# - ", subsequent_indent="#   ", break_on_hyphens=False
                )
            )
    return "\n".join(lines) + "\n" + yaml.safe_dump(imported.document, sort_keys=False, width=_WIDTH)


def account(outcome: Outcome) -> Iterator[str]:
    """What is to be said of an input, line by line."""
    for each in outcome.imported:
        for heading, sentences in (("not carried over", each.lost), ("note", each.notes)):
            yield from (plain(f"{each.origin}: {heading}: {sentence}") for sentence in sentences)
    for refused in (*outcome.passed_over, *outcome.refused):
        yield plain(f"{refused.origin} ({refused.origin.source}): not imported: {refused.message}")
    if outcome.others:
        kinds = ", ".join(f"{kind} ({number})" for kind, number in sorted(outcome.others.items()))
        yield plain(f"passed over: {kinds}")
    if not outcome.imported and not outcome.refused:
        yield "nothing to import: give HorizontalPodAutoscalers, ScaledObjects or KServe's InferenceServices"


def plain(text: str) -> str:
    """A text that may hold others' words, on one line: nothing in it can end a comment or steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
