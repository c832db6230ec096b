"""Writes a language model of random weights: 600 KB that llama.cpp loads in milliseconds and that babbles.

    python3 tiny_model.py tiny.gguf

A llama of two layers in the GGUF format, version 3 (`docs/gguf.md` of ggml-org/ggml), written with the standard library
alone so that the image that runs it needs no Python packages. Its words are bytes and syllables; every run of this
script gives the same weights.
"""

import random
import struct
import sys
from array import array
from itertools import product
from pathlib import Path

CONTEXT_TOKENS = 4096
EMBEDDING = 64
HEADS = 4
FEED_FORWARD = 128
LAYERS = 2
SEED = 20_26

# Types of values and of tokens, as GGUF numbers them.
UINT32, FLOAT32, STRING, ARRAY, INT32 = 4, 6, 8, 9, 5
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
ALIGNMENT = 32


def vocabulary() -> list[tuple[str, float, int]]:
    """Tokens with score and type: three special ones, every byte, syllables behind a space."""
    special = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    byte = [(f"<0x{value:02X}>", 0.0, BYTE) for value in range(256)]
    syllables = ("".join(pair) for pair in product("bcdfghjklmnprstvwz", "aeiou"))
    return [*special, *byte, *((f"\u2581{text}", -float(rank), NORMAL) for rank, text in enumerate(syllables))]


def string(text: str) -> bytes:
    """A string with its length in front."""
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def value(kind: int, content: object) -> bytes:
    """A value without its type: a number, a string, or a list behind its element type and length."""
    if kind == STRING:
        return string(str(content))
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f"}[kind], content)


def metadata(tokens: list[tuple[str, float, int]]) -> bytes:
    """The model's key-value pairs, their count in front of them."""
    numbers = {
        "context_length": CONTEXT_TOKENS,
        "embedding_length": EMBEDDING,
        "block_count": LAYERS,
        "feed_forward_length": FEED_FORWARD,
        "attention.head_count": HEADS,
        "attention.head_count_kv": HEADS,
        "rope.dimension_count": EMBEDDING // HEADS,
        "vocab_size": len(tokens),
    }
    texts, scores, kinds = zip(*tokens, strict=True)
    lists = {"tokens": (STRING, texts), "scores": (FLOAT32, scores), "token_type": (INT32, kinds)}
    pairs = [
        ("general.architecture", STRING, value(STRING, "llama")),
        ("general.name", STRING, value(STRING, "tiny")),
        ("general.alignment", UINT32, value(UINT32, ALIGNMENT)),
        *((f"llama.{name}", UINT32, value(UINT32, number)) for name, number in numbers.items()),
        ("llama.attention.layer_norm_rms_epsilon", FLOAT32, value(FLOAT32, 1e-5)),
        ("tokenizer.ggml.model", STRING, value(STRING, "llama")),
        *(
            (
                f"tokenizer.ggml.{name}",
                ARRAY,
                struct.pack("<IQ", kind, len(items)) + b"".join(value(kind, item) for item in items),
            )
            for name, (kind, items) in lists.items()
        ),
        *(
            (f"tokenizer.ggml.{name}_token_id", UINT32, value(UINT32, at))
            for at, name in enumerate(("unknown", "bos", "eos"))
        ),
    ]
    return struct.pack("<Q", len(pairs)) + b"".join(
        string(key) + struct.pack("<I", kind) + data for key, kind, data in pairs
    )


def shapes(words: int) -> dict[str, tuple[int, ...]]:
    """Tensors by name; the first dimension is the one that lies together in memory."""
    tensors: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (EMBEDDING, words),
        "output.weight": (EMBEDDING, words),
        "output_norm.weight": (EMBEDDING,),
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        tensors |= {f"{block}{name}_norm.weight": (EMBEDDING,) for name in ("attn", "ffn")}
        tensors |= {f"{block}attn_{name}.weight": (EMBEDDING, EMBEDDING) for name in ("q", "k", "v", "output")}
        tensors |= {f"{block}ffn_{name}.weight": (EMBEDDING, FEED_FORWARD) for name in ("gate", "up")}
        tensors[f"{block}ffn_down.weight"] = (FEED_FORWARD, EMBEDDING)
    return tensors


def padded(data: bytes) -> bytes:
    """Filled up to where the next part may start."""
    return data + b"\0" * (-len(data) % ALIGNMENT)


def model() -> bytes:
    """The whole file."""
    chance = random.Random(SEED)  # noqa: S311 - weights, not secrets
    tokens = vocabulary()
    descriptions, weights = [], b""
    for name, shape in shapes(len(tokens)).items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        # A norm's weights are ones; the others are small enough to keep what flows through them in range.
        numbers = array("f", [1.0] * count if len(shape) == 1 else (chance.gauss(0.0, 0.05) for _ in range(count)))
        if sys.byteorder == "big":
            numbers.byteswap()
        place = struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(weights))  # 0: 32-bit floats
        descriptions.append(string(name) + place)
        weights += padded(numbers.tobytes())
    head = b"GGUF" + struct.pack("<IQ", 3, len(descriptions)) + metadata(tokens) + b"".join(descriptions)
    return padded(head) + weights


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(model())
