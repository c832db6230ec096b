"""OpenAI's API as far as the simulated engine speaks it: requests read, answers and errors written. Pure."""

import json
from dataclasses import dataclass
from typing import Any

PROMPT_TOKENS_HEADER = "x-simulated-prompt-tokens"
"""A client that replays a trace says here how many tokens its prompt stands for, instead of sending them."""

DEFAULT_OUTPUT_TOKENS = {False: 16, True: 128}
"""Tokens generated when a request does not say how many, for completions and for chat."""

_WORDS = (" the", " tide", " comes", " in", " and", " goes", " out", " again")


class ApiError(Exception):
    """An answer that is an error, in OpenAI's shape."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code

    def document(self) -> dict[str, Any]:
        """The JSON body."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"  # noqa: PLR2004 - HTTP's border
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """A request for text."""

    chat: bool
    model: str | None
    prompt_tokens: int
    output_tokens: int
    stream: bool
    include_usage: bool


def read_generate(document: Any, *, chat: bool, prompt_tokens: str | None = None) -> Generate:
    """Read the body of a (chat) completion request; fields that do not matter here are ignored.

    Args:
        document: the parsed JSON.
        chat: whether it came to /v1/chat/completions.
        prompt_tokens: value of the header `PROMPT_TOKENS_HEADER`, if it was sent.

    Raises:
        ApiError: 400, naming the field, the value and what would be right.
    """
    fields = read_object(document)
    model = fields.get("model")
    if model is not None and not isinstance(model, str):
        raise _bad("model", model, "a string")
    counted = _messages_tokens(fields.get("messages")) if chat else _prompt_tokens(fields.get("prompt"))
    if prompt_tokens is not None:
        counted = read_tokens_header(prompt_tokens)
    if (choices := fields.get("n", 1)) not in (1, None):
        raise _bad("n", choices, "1: more choices are not simulated")
    name = "max_completion_tokens" if chat and fields.get("max_completion_tokens") is not None else "max_tokens"
    options = fields.get("stream_options") or {}
    if not isinstance(options, dict):
        raise _bad("stream_options", options, "an object")
    return Generate(
        chat=chat,
        model=model,
        prompt_tokens=counted,
        output_tokens=read_count(fields, name, DEFAULT_OUTPUT_TOKENS[chat]),
        stream=bool(fields.get("stream")),
        include_usage=bool(options.get("include_usage")),
    )


def read_tokens_header(value: str) -> int:
    """How many tokens the header `PROMPT_TOKENS_HEADER` says that a prompt stands for.

    Raises:
        ApiError: 400, it is no number of tokens.
    """
    if not value.isdecimal() or int(value) < 1:
        raise _bad(PROMPT_TOKENS_HEADER, value, "a whole number above 0")
    return int(value)


def read_object(document: Any) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        ApiError: 400, it is something else.
    """
    if not isinstance(document, dict):
        raise ApiError(400, "the body is no JSON object; send one", code="invalid_json")
    return document


def read_count(fields: dict[str, Any], name: str, default: int) -> int:
    """A whole number above 0.

    Raises:
        ApiError: 400, naming the field.
    """
    count = fields.get(name)
    if count is None:
        return default
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise _bad(name, count, "a whole number above 0")
    return count


def text(start: int, stop: int) -> str:
    """The text of tokens ``start`` to ``stop``."""
    return "".join(_WORDS[token % len(_WORDS)] for token in range(start, stop))


def usage(asked: Generate) -> dict[str, int]:
    """The usage of a request that got all its tokens."""
    return {
        "prompt_tokens": asked.prompt_tokens,
        "completion_tokens": asked.output_tokens,
        "total_tokens": asked.prompt_tokens + asked.output_tokens,
    }


def answer(asked: Generate, *, identity: str, created: int, model: str) -> dict[str, Any]:
    """The whole answer of a request that is not streamed."""
    content = text(0, asked.output_tokens)
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": "length"}
    if asked.chat:
        choice["message"] = {"role": "assistant", "content": content}
    else:
        choice["text"] = content
    kind = "chat.completion" if asked.chat else "text_completion"
    return {
        "id": identity,
        "object": kind,
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": usage(asked),
    }


class Chunks:
    """The server-sent events of one streamed answer, as bytes; everything but the text is encoded once."""

    def __init__(self, asked: Generate, *, identity: str, created: int, model: str) -> None:
        self._asked = asked
        self._head = {
            "id": identity,
            "object": "chat.completion.chunk" if asked.chat else "text_completion",
            "created": created,
            "model": model,
        }
        self._before, self._after = self._event("\0", None).split(json.dumps("\0").encode())

    def first(self) -> bytes:
        """What comes before the first token: the role, in a chat."""
        return self._event("", None, role="assistant") if self._asked.chat else b""

    def tokens(self, start: int, stop: int) -> bytes:
        """One event with the tokens ``start`` to ``stop``; the last of them carries the reason of the end."""
        content = text(start, stop)
        if stop == self._asked.output_tokens:
            return self._event(content, "length")
        return self._before + b'"' + content.encode() + b'"' + self._after

    def end(self) -> bytes:
        """What comes after the last token: usage if it was asked for, and the end mark."""
        done = b"data: [DONE]\n\n"
        if not self._asked.include_usage:
            return done
        return _encoded({**self._head, "choices": [], "usage": usage(self._asked)}) + done

    def _event(self, content: str, finish_reason: str | None, role: str | None = None) -> bytes:
        choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": finish_reason}
        if self._asked.chat:
            choice["delta"] = ({"role": role} if role else {}) | {"content": content}
        else:
            choice["text"] = content
        return _encoded({**self._head, "choices": [choice]} | ({"usage": None} if self._asked.include_usage else {}))


def _encoded(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def _prompt_tokens(prompt: Any) -> int:
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str | list):
        prompt = prompt[0]  # a batch of one
    return count_tokens("prompt", prompt)


def count_tokens(name: str, content: Any) -> int:
    """How many tokens one text has, given as a string or as token ids.

    Raises:
        ApiError: 400, it is neither; names the field.
    """
    if isinstance(content, str):
        return _text_tokens(content)
    if isinstance(content, list) and content and all(type(token) is int for token in content):
        return len(content)
    shown = content if not isinstance(content, list) else f"a list of {len(content)}"
    raise _bad(name, shown, "a string or a list of token ids: batches of prompts are not simulated")


def _messages_tokens(messages: Any) -> int:
    if not isinstance(messages, list) or not messages:
        raise _bad("messages", messages, "a list of messages, at least one")
    tokens = 0
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        if not isinstance(message, dict) or not isinstance(content, str | None):
            raise _bad("messages", message, "objects with a role and a content of text")
        tokens += _text_tokens(content or "") + _TOKENS_AROUND_MESSAGE
    return tokens


_TOKENS_AROUND_MESSAGE = 4
"""What chat templates put around each message, roughly."""

_CHARACTERS_PER_TOKEN = 4
"""Of English text, roughly."""


def _text_tokens(content: str) -> int:
    return max(1, -(-len(content) // _CHARACTERS_PER_TOKEN))


def _bad(name: str, value: Any, right: str) -> ApiError:
    shown = repr(value)
    shown = shown if len(shown) <= 100 else shown[:100] + "…"  # noqa: PLR2004 - enough to recognise it
    return ApiError(400, f"{name} is {shown}; give {right}", param=name, code="invalid_value")
