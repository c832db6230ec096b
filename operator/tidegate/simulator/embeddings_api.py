"""OpenAI's embeddings API as far as the simulated engines speak it. Pure."""

from dataclasses import dataclass
from typing import Any

from .openai_api import ApiError, count_tokens, read_object, read_tokens_header

_MOST_INPUTS = 256
_VECTOR = [0.0, 1.0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Embed:
    """A request for vectors."""

    model: str | None
    input_tokens: tuple[int, ...]
    """Tokens of each input."""


def read_embed(document: Any, *, prompt_tokens: str | None = None) -> Embed:
    """Read the body of an embeddings request.

    Args:
        document: the parsed JSON.
        prompt_tokens: value of the header `openai_api.PROMPT_TOKENS_HEADER`, if it was sent: the tokens of each input.

    Raises:
        ApiError: 400, naming the field, the value and what would be right.
    """
    fields = read_object(document)
    given = fields.get("input")
    inputs = given if isinstance(given, list) and all(isinstance(one, str | list) for one in given) else [given]
    if not 1 <= len(inputs) <= _MOST_INPUTS:
        message = f"input has {len(inputs)} texts; give 1 to {_MOST_INPUTS}"
        raise ApiError(400, message, param="input", code="invalid_value")
    counted = tuple(count_tokens("input", one) for one in inputs)
    if prompt_tokens is not None:
        counted = (read_tokens_header(prompt_tokens),) * len(counted)
    model = fields.get("model")
    return Embed(model=model if isinstance(model, str) else None, input_tokens=counted)


def embeddings(asked: Embed, *, model: str) -> dict[str, Any]:
    """The answer: for each input the same short vector."""
    total = sum(asked.input_tokens)
    return {
        "object": "list",
        "model": model,
        "data": [
            {"object": "embedding", "index": index, "embedding": _VECTOR} for index in range(len(asked.input_tokens))
        ],
        "usage": {"prompt_tokens": total, "total_tokens": total},
    }
