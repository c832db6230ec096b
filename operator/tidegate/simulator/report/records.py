"""Decision records as text: for the box beside the pointer, and for the list under the plots. Escaped."""

from collections.abc import Iterator, Mapping
from html import escape
from textwrap import wrap
from typing import Any

WIDTH = 78
"""Characters in a line of the box. Plotly wraps nothing by itself."""

Change = Mapping[str, Any]
"""One of a run's ``changes``: ``seconds``, ``from``, ``to``, ``because`` and, where a policy keeps one, ``decision``,
which is written as in the status of an InferenceService."""


def clock(seconds: float) -> str:
    """Time since the start, as h:mm:ss.

    >>> clock(4530.2)
    '1:15:30'
    """
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"


def plot_text(text: str) -> str:
    """Text that plotly shows as it is: it reads a few tags and entities, but ``&quot;`` is none of them."""
    return escape(text, quote=False)


def hover_text(change: Change) -> str:
    """The record of a change, as plotly's own kind of HTML: lines, some of them bold."""
    lines = [f"<b>{change['from']} → {change['to']}</b> at {clock(change['seconds'])}", *_wrapped(_sentence(change))]
    for heading, items in _parts(change):
        lines.append(f"<b>{heading}</b>")
        for item in items:
            lines += _wrapped(f"• {item}")
    return "<br>".join(lines)


def list_item(change: Change) -> str:
    """The record of a change as cells of a table."""
    parts = "".join(
        f"<h4>{heading}</h4><ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"
        for heading, items in _parts(change)
    )
    return (
        f"<tr><td class=number>{clock(change['seconds'])}</td>"
        f"<td class=number>{change['from']} → {change['to']}</td>"
        f"<td><p>{escape(_sentence(change))}</p>{parts}</td></tr>"
    )


def _sentence(change: Change) -> str:
    return str((change.get("decision") or {}).get("message") or change["because"])


def _parts(change: Change) -> Iterator[tuple[str, list[str]]]:
    decision = change.get("decision") or {}
    if proposals := decision.get("proposals"):
        yield "What each term proposed", [f"{it['term']}: {it['replicas']}. {it['because']}" for it in proposals]
    if limits := decision.get("limits"):
        yield (
            "Limits that changed it",
            [f"{it['name']}: {it['from']} → {it['to']}. {it['because']}" for it in limits],
        )


def _wrapped(text: str) -> list[str]:
    return [plot_text(line) for line in wrap(text, WIDTH)]
