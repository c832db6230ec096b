"""The scheduler of `tidegate.simulator.replica` written the slow, obvious way: one step at a time, no counting tricks.

The tests compare the two on random workloads, so this shares no code with what it checks.
"""

from dataclasses import dataclass

from tidegate.simulator.models import ReplicaModel


@dataclass(eq=False)
class Job:
    """A request as (prompt, output) with what happened to it."""

    prompt: int
    output: int
    arrived: float
    abort_at: float | None = None
    computed: int = 0
    got: int = 0
    first_token: float | None = None
    ended: float | None = None
    decoding: bool = False
    finished: bool = False
    preemptions: int = 0

    @property
    def target(self) -> int:
        """Tokens to compute before the next token can be sampled."""
        return self.prompt + self.got


class StepwiseEngine:
    """Runs a list of jobs to the end."""

    def __init__(self, model: ReplicaModel, jobs: list[Job]) -> None:
        self.model = model
        self.pending = sorted(jobs, key=lambda job: job.arrived)
        self.waiting: list[Job] = []
        self.running: list[Job] = []
        self.held: dict[Job, list[int]] = {}  # numbers of blocks, in the order of the sequence
        self.free = list(range(model.kv_blocks))  # the next to be taken first
        self.content: dict[int, tuple[Job, int]] = {}  # block: whose tokens it holds, and which of that job's blocks
        self.time = 0.0
        self.preemptions = 0
        self.recovered_tokens = 0

    def run(self) -> None:
        """Serve every job, filling in what happened."""
        while self.pending or self.waiting or self.running:
            if not self.waiting and not self.running:
                self.time = max(self.time, self.pending[0].arrived)
            self.take_in()
            self.step()

    def take_in(self) -> None:
        """Let jobs arrive and impatient clients leave."""
        while self.pending and self.pending[0].arrived <= self.time:
            self.waiting.append(self.pending.pop(0))
        for queue in (self.waiting, self.running):
            for job in [job for job in queue if job.abort_at is not None and job.abort_at <= self.time]:
                queue.remove(job)
                self.give_back(job)
                job.ended = job.abort_at

    def step(self) -> None:
        """Plan one step, let its time pass, hand out tokens."""
        decoders = [job for job in self.running if job.decoding]
        preempted = self.make_room(decoders)
        for job in decoders:
            self.grow(job)
        budget = self.model.token_budget - len(decoders)
        chunks: list[tuple[Job, int]] = []
        for job in self.running:
            if job not in decoders:
                chunks.append((job, min(budget, job.target - job.computed)))
                budget -= chunks[-1][1]
        while self.waiting and budget > 0 and not preempted and len(self.running) < self.model.max_sequences:
            if self.blocks(self.waiting[0].target) > len(self.free):
                break
            job = self.waiting.pop(0)
            self.recover(job)
            self.grow(job)
            self.running.append(job)
            chunks.append((job, min(budget, job.target - job.computed)))
            budget -= chunks[-1][1]
        if self.running:
            self.time += self.model.step_seconds(len(decoders), sum(tokens for _, tokens in chunks))
            for job in decoders:
                job.computed += 1
            for job, tokens in chunks:
                job.computed += tokens
            self.hand_out()

    def make_room(self, decoders: list[Job]) -> bool:
        """Preempt the youngest until every decoder has room for one more token; whether any had to go."""
        preempted = False
        while (
            sum(self.blocks(job.target) if job in decoders else len(self.held[job]) for job in self.running)
            > self.model.kv_blocks
        ):
            victim = self.running.pop()
            if victim in decoders:
                decoders.remove(victim)
            self.give_back(victim)
            victim.computed, victim.decoding = 0, False
            victim.preemptions += 1
            self.preemptions += 1
            self.waiting.insert(0, victim)
            preempted = True
        return preempted

    def hand_out(self) -> None:
        """A token to each job whose tokens are all computed, unless its client left during the step."""
        for job in list(self.running):
            left = job.abort_at is not None and job.abort_at < self.time
            if left:
                job.ended = job.abort_at
            elif job.computed == job.target:
                job.got += 1
                job.decoding = True
                job.first_token = self.time if job.first_token is None else job.first_token
                if job.got == job.output:
                    job.ended, job.finished = self.time, True
            if left or job.finished:
                self.running.remove(job)
                self.give_back(job)

    def grow(self, job: Job) -> None:
        """Take free blocks until all of the job's tokens have one; what was in them is gone."""
        held = self.held.setdefault(job, [])
        while len(held) < self.blocks(job.target):
            block = self.free.pop(0)
            self.content.pop(block, None)
            held.append(block)

    def give_back(self, job: Job) -> None:
        """Free a job's blocks, its last one first; the full ones keep their content."""
        held = self.held.pop(job, [])
        for index in reversed(range(len(held))):
            if (index + 1) * self.model.block_tokens <= job.computed:
                self.content[held[index]] = (job, index)
            self.free.append(held[index])

    def recover(self, job: Job) -> None:
        """Find the job's own blocks among the free ones, from its start until one is missing."""
        held = self.held[job] = []
        for index in range(self.blocks(job.target)):
            block = next((block for block in self.free if self.content.get(block) == (job, index)), None)
            if block is None:
                break
            self.free.remove(block)
            held.append(block)
        job.computed = len(held) * self.model.block_tokens
        self.recovered_tokens += job.computed

    def blocks(self, tokens: int) -> int:
        """Blocks that hold so many tokens."""
        return (tokens + self.model.block_tokens - 1) // self.model.block_tokens
