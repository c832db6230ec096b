"""What one replica can do, in numbers: the replica models that ship by name."""

from dataclasses import dataclass

MINIMUM_CONTEXT_TOKENS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaModel:
    """The physics of one replica of continuous batching.

    One step of the engine takes ``alpha + beta * n + c * p``: ``n`` sequences each get one token, ``p`` prompt tokens
    are prefilled beside them.
    """

    alpha_milliseconds: float
    """Time of an empty step: reading the weights, launching kernels."""

    beta_milliseconds: float
    """Time each decoding sequence adds to a step."""

    c_milliseconds: float
    """Time each prefilled prompt token adds to a step."""

    kv_tokens: int
    """Tokens the KV cache can hold."""

    token_budget: int
    """Tokens one step may process, decoded and prefilled together (vLLM: ``max_num_batched_tokens``)."""

    max_sequences: int
    """Sequences that may run at once (vLLM: ``max_num_seqs``; llama.cpp: slots)."""

    block_tokens: int = 16
    """Tokens in one block of the KV cache: memory is taken and given back in blocks."""

    context_tokens: int
    """Longest prompt and output together that one request may have (vLLM: ``max_model_len``)."""

    startup_seconds: float = 0.0
    """Time from the start of the process to the first step."""

    def __post_init__(self) -> None:
        """Refuse numbers no engine can have.

        Raises:
            ValueError: names the field, its value and the fix.
        """
        positive = (
            "alpha_milliseconds",
            "kv_tokens",
            "token_budget",
            "max_sequences",
            "block_tokens",
        )
        for name in positive:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; give a number above 0")
        if self.kv_tokens < self.block_tokens:
            raise ValueError(
                f"kv_tokens is {self.kv_tokens}; give one block at least, block_tokens={self.block_tokens}"
            )
        if self.context_tokens < MINIMUM_CONTEXT_TOKENS:
            raise ValueError(
                f"context_tokens is {self.context_tokens}; a request has a prompt and an answer: give at least "
                f"{MINIMUM_CONTEXT_TOKENS}"
            )
        for name in ("beta_milliseconds", "c_milliseconds", "startup_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; give 0 or more")
        if self.token_budget <= self.max_sequences:
            raise ValueError(
                f"token_budget is {self.token_budget}; a step must have room for one token of each of max_sequences="
                f"{self.max_sequences} and for some prompt: give more than {self.max_sequences}"
            )
        if self.context_tokens > self.kv_blocks * self.block_tokens:
            raise ValueError(
                f"context_tokens is {self.context_tokens}; one request must fit into kv_tokens={self.kv_tokens}: give "
                f"at most {self.kv_blocks * self.block_tokens}"
            )

    @property
    def kv_blocks(self) -> int:
        """Whole blocks in the KV cache."""
        return self.kv_tokens // self.block_tokens

    def check_size(self, prompt_tokens: int, output_tokens: int) -> None:
        """Refuse a request that no replica of this model can ever serve.

        Raises:
            ValueError: names the number and the bound.
        """
        if prompt_tokens < 1 or output_tokens < 1:
            raise ValueError(f"prompt_tokens={prompt_tokens}, output_tokens={output_tokens}; give at least 1 of each")
        if prompt_tokens + output_tokens > self.context_tokens:
            raise ValueError(
                f"prompt_tokens={prompt_tokens} and output_tokens={output_tokens} are {prompt_tokens + output_tokens} "
                f"together; give at most context_tokens={self.context_tokens}"
            )

    def step_seconds(self, decoding: int, prefill_tokens: int = 0) -> float:
        """How long a step lasts, in seconds."""
        milliseconds = (
            self.alpha_milliseconds + self.beta_milliseconds * decoding + self.c_milliseconds * prefill_tokens
        )
        return milliseconds / 1000


MODELS = {
    # Measured: vLLM 0.19 with Llama-3.1-8B (bfloat16) on an RTX 4090, 300 ShareGPT requests. tools/fit_replica_model.py
    # gives alpha, beta and c, docs/replica-model.md the errors; the rest is what that engine printed when it started.
    "rtx4090": ReplicaModel(
        alpha_milliseconds=15.9,
        beta_milliseconds=0.271,
        c_milliseconds=0.0869,
        kv_tokens=41_408,
        token_budget=2048,
        max_sequences=256,
        context_tokens=32_768,
    ),
    # Measured: the same on an RTX PRO 6000. Its cache was not recorded and is reckoned: nine tenths of 95 GiB, less
    # 16 GB of weights and 2 GiB for activations, at 128 KiB a token.
    "rtxpro6000": ReplicaModel(
        alpha_milliseconds=9.0,
        beta_milliseconds=0.153,
        c_milliseconds=0.0433,
        kv_tokens=560_000,
        token_budget=2048,
        max_sequences=128,
        context_tokens=131_072,
    ),
    # Invented: rtx4090 with alpha and beta scaled by memory bandwidth (1008 to 300 GB/s) and c by a third of the
    # compute; the card has as much memory, so as much cache.
    "l4": ReplicaModel(
        alpha_milliseconds=53.4,
        beta_milliseconds=0.911,
        c_milliseconds=0.261,
        kv_tokens=41_408,
        token_budget=2048,
        max_sequences=256,
        context_tokens=32_768,
    ),
    # Assumed: rtx4090 with alpha and beta scaled by memory bandwidth (1008 to 1555 GB/s: an A100 of 40 GB) and c by
    # compute (165 to 312 dense TFLOP/s); the cache is nine tenths of 40 GiB, less 16 GB of weights and 2 GiB for
    # activations, at 128 KiB a token.
    "a100": ReplicaModel(
        alpha_milliseconds=10.3,
        beta_milliseconds=0.176,
        c_milliseconds=0.046,
        kv_tokens=156_000,
        token_budget=2048,
        max_sequences=256,
        context_tokens=32_768,
    ),
    # Invented: llama-server with a small (about 1B) quantised model on eight CPU cores: 4 slots of 4096 tokens, about
    # 20 tokens/s for one stream and 250 prompt tokens/s.
    "cpu": ReplicaModel(
        alpha_milliseconds=38.0,
        beta_milliseconds=12.0,
        c_milliseconds=4.0,
        kv_tokens=16_384,
        token_budget=512,
        max_sequences=4,
        block_tokens=1,
        context_tokens=4_096,
    ),
    # Invented: an embedding model on a GPU: 50,000 tokens/s; each input is a prompt and one "token", its vector.
    "embedder": ReplicaModel(
        alpha_milliseconds=4.0,
        beta_milliseconds=0.0,
        c_milliseconds=0.02,
        kv_tokens=65_536,
        token_budget=16_384,
        max_sequences=512,
        block_tokens=1,
        context_tokens=8_192,
    ),
    # Invented: a diffusion model on a GPU; a "token" is one of the 50 steps of an image, four images at once.
    "painter": ReplicaModel(
        alpha_milliseconds=20.0,
        beta_milliseconds=30.0,
        c_milliseconds=0.0,
        kv_tokens=16_384,
        token_budget=512,
        max_sequences=4,
        block_tokens=1,
        context_tokens=4_096,
    ),
}
"""The shipped replica models. Where a number is invented its comment says so."""
