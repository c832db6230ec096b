"""What a client of OpenAI's SDK gets."""

from openai import OpenAI


def check_streamed_answer(client: OpenAI, model: str, tokens: int) -> None:
    """Ask for an answer of so many tokens: it comes in pieces, and has them all."""
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Why is the sky blue?"}],
        max_tokens=tokens,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 1
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == tokens
