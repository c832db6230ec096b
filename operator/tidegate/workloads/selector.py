"""Label selectors as text."""

from collections.abc import Mapping
from typing import Any


def selector_text(selector: Mapping[str, Any]) -> str:
    """Write a LabelSelector in the form that `kubectl get pods -l` reads, its parts in the order of their keys.

    Args:
        selector: `matchLabels` and `matchExpressions`, as in a Deployment's spec.

    Returns:
        For example `app=chat,tier in (a,b),!canary`. The API server has checked the selector; an operator it does not
        know cannot occur.
    """
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        form = _FORMS[expression["operator"]]
        key = expression["key"]
        parts.append((key, form.format(key=key, values=",".join(sorted(expression.get("values") or ())))))
    return ",".join(text for _, text in sorted(parts))


_FORMS: Mapping[str, str] = {
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}
