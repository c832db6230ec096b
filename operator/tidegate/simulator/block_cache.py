"""The KV cache of one replica: memory in blocks, and how it fills while sequences decode in step."""


class BlockCache:
    """Counts blocks without knowing sequences.

    Every growing sequence gets one token per step, so which of them needs a new block next depends only on its length
    modulo the block size. Counting sequences by that remainder tells the need of any number of steps at once.

    Free blocks keep what was in them until they are taken again. They are taken in the order in which they were freed,
    those of one sequence from its end on, so a count of blocks taken tells what is left of a sequence that lost its
    own.
    """

    __slots__ = ("_due", "_step", "_taken", "block_tokens", "blocks", "growing", "used")

    def __init__(self, blocks: int, block_tokens: int) -> None:
        self.blocks = blocks
        self.block_tokens = block_tokens
        self.used = 0
        """Blocks in use now."""
        self.growing = 0
        """Sequences that get a token every step."""
        self._step = 0
        self._taken = 0  # free blocks ever taken
        self._due = [0] * block_tokens  # growing sequences that need a block, by step modulo block size

    @property
    def free(self) -> int:
        """Blocks left once every growing sequence has what its next token needs; below 0: one of them must go."""
        return self.blocks - self.used - self._due_now

    @property
    def _due_now(self) -> int:
        """Blocks that the next token of every growing sequence takes."""
        return self._due[self._step % self.block_tokens]

    def blocks_of(self, tokens: int) -> int:
        """Blocks that one sequence of so many tokens takes."""
        return -(-tokens // self.block_tokens)

    def take(self, tokens: int, kept: int = 0) -> None:
        """Give a sequence that does not grow yet its blocks; the caller has looked at `free`.

        Args:
            tokens: what the sequence needs blocks for.
            kept: blocks among them that still hold what the sequence put there.
        """
        blocks = self.blocks_of(tokens)
        self.used += blocks
        self._taken += blocks - kept

    def place_of_content(self, held: int, computed: int) -> int:
        """Where the content of a sequence that is about to be given back will stand in the queue of free blocks.

        Args:
            held: tokens that it has blocks for.
            computed: those of them that are in the cache; only full blocks are worth finding again.
        """
        return self._taken + self.blocks - self.used + self.blocks_of(held) - computed // self.block_tokens

    def kept(self, computed: int, place: int) -> int:
        """Full blocks left, from its start, of a sequence that was given back with its content at ``place``."""
        taken = self._taken + self._due_now
        return max(0, computed // self.block_tokens - max(0, taken - place))

    def give_back(self, tokens: int) -> None:
        """Take the blocks of a sequence that does not grow."""
        self.used -= self.blocks_of(tokens)

    def start_growing(self, tokens: int) -> None:
        """From the next step on a sequence of ``tokens``, whose blocks are taken, gets one more each step."""
        self._due[(self._step - tokens) % self.block_tokens] += 1
        self.growing += 1

    def stop_growing(self, tokens: int, *, amid_step: bool = False) -> None:
        """A growing sequence, now of ``tokens``, ends: its blocks are free.

        Args:
            tokens: those it has.
            amid_step: a step is under way, which took what the sequence needs for one more.
        """
        due = (self._step - tokens) % self.block_tokens
        if amid_step and due == self._step % self.block_tokens:
            self._taken += 1
        self._due[due] -= 1
        self.growing -= 1
        self.give_back(tokens)

    def grow(self, steps: int) -> None:
        """Every growing sequence gets ``steps`` tokens."""
        needed = self._needed(steps)
        self.used += needed
        self._taken += needed
        self._step += steps

    def steps_that_fit(self, at_most: int) -> int:
        """How many steps the growing sequences can take before memory runs out."""
        room = self.blocks - self.used
        if self._needed(at_most) <= room:
            return at_most
        steps = room // self.growing * self.block_tokens  # in a block's worth of steps each needs one
        while self._needed(steps + 1) <= room:
            steps += 1
        return steps

    def _needed(self, steps: int) -> int:
        size, due = self.block_tokens, self._due
        cycles, rest = divmod(steps, size)
        start = self._step % size
        end = start + rest
        needed = sum(due[start:end]) if end <= size else sum(due[start:]) + sum(due[: end - size])
        return cycles * self.growing + needed
