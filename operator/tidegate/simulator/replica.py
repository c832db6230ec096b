"""One replica of continuous batching in virtual time: no clock, no randomness, no input or output.

The scheduler is that of vLLM's V1 engine: every step gives each decoding sequence one token, then spends what is left
of the token budget on prompts, first come, first served. A long prompt is computed in chunks; it is admitted when all
of it fits into free KV blocks, and takes them then. When the decoding sequences find no blocks for their next tokens,
the youngest sequence loses its own and goes back to the head of the queue; later it prefills its prompt and the tokens
it had, save those whose blocks nobody has taken since. Left out: prefixes that requests share, speculative decoding,
and that vLLM plans a step while the one before still runs. docs/replica-model.md compares this with a real engine.

Between an arrival, an end and a shortage of memory all steps are alike, and a `StepRun` of them is one event: the cost
of a simulation grows with its requests, not with its tokens.
"""

from collections import OrderedDict
from heapq import heappop, heappush
from math import inf

from .block_cache import BlockCache
from .measures import Measures
from .models import ReplicaModel
from .request import Request, RequestState
from .step_run import StepRun


class Replica:
    """One engine: give it requests, move its time forward, read what it measured.

    Times are in the caller's clock, in seconds, and must not run backwards. Every call first brings the replica to the
    time it is given, so `advance` is needed only to learn of ends, at `next_event_time` at the latest, and before
    reading measures.
    """

    def __init__(self, model: ReplicaModel, created: float = 0.0) -> None:
        self.model = model
        self.ready_time = created + model.startup_seconds
        """When the first step can start; requests submitted before wait."""
        self.measures = Measures(model.context_tokens)
        self._time = created
        self._slowdown = 1.0
        self._waiting: OrderedDict[Request, None] = OrderedDict()
        self._running: OrderedDict[Request, None] = OrderedDict()  # by admission; only the youngest may be prefilling
        self._cache = BlockCache(model.kv_blocks, model.block_tokens)
        self._step = 0  # decode steps so far: all decoding sequences move together
        self._ends: list[tuple[int, int, Request]] = []  # heap: step of the last token, tie-breaker, request
        self._joins = 0
        self._run: StepRun | None = None
        self._finished: list[Request] = []

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Requests being prefilled or decoded."""
        return len(self._running)

    @property
    def kv_usage(self) -> float:
        """Share of the KV blocks in use, 0 to 1."""
        return self._cache.used / self._cache.blocks

    def generated_tokens(self, request: Request) -> int:
        """Tokens the request has got by now."""
        joined = request.state is RequestState.DECODING
        return request.generated + (self._step - request.joined_step if joined else 0)

    def next_event_time(self) -> float:
        """When waiting, running or the length of a step changes next if nobody interferes; infinity when idle."""
        if self._run:
            return self._run.end
        return self.ready_time if self._waiting else inf

    def next_step_time(self) -> float:
        """When the step under way ends (after `advance` to now); infinity when idle."""
        return self._run.start + self._run.step_seconds if self._run else self.next_event_time()

    def submit(self, request: Request, time: float) -> None:
        """Put a new request at the end of the queue.

        Raises:
            ValueError: the request is not new, or the model can never serve one of its size.
        """
        if request.state is not RequestState.NEW:
            raise ValueError(f"request is {request.state.value}; submit each request once")
        self.model.check_size(request.prompt_tokens, request.output_tokens)
        self._settle(time)
        request.state = RequestState.WAITING
        request.arrived = time
        request.to_prefill = request.prompt_tokens
        self._waiting[request] = None
        self.measures.received += 1
        self.measures.received_prompt_tokens += request.prompt_tokens
        self._interrupt()

    def abort(self, request: Request, time: float) -> None:
        """Forget a request whose client has left, wherever it is; one that has ended stays as it is.

        Its memory is free at once; the step under way keeps its length.
        """
        self._settle(time)
        was_waiting = request.state is RequestState.WAITING
        if was_waiting:
            del self._waiting[request]
        elif request.state in (RequestState.PREFILLING, RequestState.DECODING):
            self._release(request, amid_step=True)
        else:
            return
        request.state = RequestState.ABORTED
        request.ended = time
        self.measures.abort(request, running=not was_waiting)
        self._interrupt()

    def slow_down(self, factor: float, time: float) -> None:
        """Make every step after this one ``factor`` times as long as the model says: a sick or throttled device.

        Raises:
            ValueError: the factor is not above 0.
        """
        if not 0 < factor < inf:
            raise ValueError(f"factor is {factor}; give a finite number above 0")
        self._settle(time)
        self._slowdown = factor
        self._interrupt()

    def advance(self, time: float) -> list[Request]:
        """Complete every step that ends by ``time`` and return the requests that finished since the last call.

        Raises:
            ValueError: time runs backwards.
        """
        self._settle(time)
        finished, self._finished = self._finished, []
        return finished

    def _settle(self, time: float) -> None:
        """Bring counters and sequences to the last step that ends by ``time``."""
        if time < self._time:
            raise ValueError(f"time is {time}; it must not run backwards, and this replica is already at {self._time}")
        self._time = time
        if self._run is None and self._waiting and time >= self.ready_time:
            self._run = self._schedule(self.ready_time)
        while (run := self._run) is not None and (completed := run.completed(time)):
            self._complete(run, completed)
            if completed < run.steps:
                run.start += completed * run.step_seconds
                run.steps -= completed
                return
            self._run = self._schedule(run.end)

    def _interrupt(self) -> None:
        """Let the step under way be the last of its run, so that the next one sees what has changed."""
        if self._run is not None:
            self._run.steps = 1
        elif self._time >= self.ready_time:
            self._run = self._schedule(self._time)

    def _schedule(self, time: float) -> StepRun | None:
        """Decide what the steps from ``time`` on do; None when there is nothing to do."""
        model, cache = self.model, self._cache
        preempted = False
        while cache.free < 0:
            self._preempt(time)
            preempted = True
        prefills: list[tuple[Request, int]] = []
        decoding = cache.growing
        budget = model.token_budget - decoding
        if self._running and (youngest := next(reversed(self._running))).state is RequestState.PREFILLING:
            budget -= self._prefill(youngest, budget, prefills)
        while self._waiting and budget and not preempted and len(self._running) < model.max_sequences:
            request = next(iter(self._waiting))
            if cache.blocks_of(request.to_prefill) > cache.free:
                break
            self._admit(request, time)
            budget -= self._prefill(request, budget, prefills)
        if not self._running:
            return None
        step_seconds = model.step_seconds(decoding, model.token_budget - decoding - budget) * self._slowdown
        return StepRun(time, step_seconds, 1 if prefills or preempted else self._steps_alike(), tuple(prefills))

    def _admit(self, request: Request, time: float) -> None:
        """Give the head of the queue its blocks; one that was preempted finds those that nobody has taken since."""
        del self._waiting[request]
        self._running[request] = None
        kept = self._cache.kept(request.lost_tokens, request.lost_place)
        self._cache.take(request.to_prefill, kept)
        request.state = RequestState.PREFILLING
        # At least one token is computed: the next one follows from it.
        request.prefilled = max(kept * self.model.block_tokens, min(request.cached_tokens, request.to_prefill - 1))
        if not request.preemptions:
            request.admitted = time

    @staticmethod
    def _prefill(request: Request, budget: int, prefills: list[tuple[Request, int]]) -> int:
        """Put the next chunk of a prompt into the step; returns its tokens."""
        tokens = min(budget, request.to_prefill - request.prefilled)
        request.prefilled += tokens
        prefills.append((request, tokens))
        return tokens

    def _preempt(self, time: float) -> None:
        """Send the youngest sequence back to the head of the queue, without its cache."""
        request = next(reversed(self._running))
        if request.state is RequestState.DECODING:
            request.last_token = time
            held = computed = request.prompt_tokens + self.generated_tokens(request) - 1
        else:
            held, computed = request.to_prefill, request.prefilled
        request.lost_tokens, request.lost_place = computed, self._cache.place_of_content(held, computed)
        self._release(request)
        request.state = RequestState.WAITING
        request.preemptions += 1
        request.to_prefill = request.prompt_tokens + request.generated
        self._waiting[request] = None
        self._waiting.move_to_end(request, last=False)
        self.measures.preemptions += 1

    def _complete(self, run: StepRun, steps: int) -> None:
        """Give every decoding sequence a token for each of ``steps``, and those whose prompt is complete their next."""
        end = run.start + steps * run.step_seconds
        measures = self.measures
        measures.steps += steps
        measures.busy_seconds += steps * run.step_seconds
        if tokens := steps * self._cache.growing:
            measures.generated_tokens += tokens
            measures.inter_token_seconds.observe(run.step_seconds, tokens)
            self._cache.grow(steps)
            self._step += steps
        while self._ends and self._ends[0][0] <= self._step:
            last_step, _, request = heappop(self._ends)
            if request.state is RequestState.DECODING and request.last_step == last_step:  # else: it was taken out
                self._release(request)
                self._finish(request, end)
        for request, tokens in run.prefills:
            if request.state is RequestState.PREFILLING:  # else: it was aborted during the step
                measures.prefilled_tokens += tokens
                if request.prefilled == request.to_prefill:
                    self._join(request, end)

    def _join(self, request: Request, time: float) -> None:
        """A sequence with all its tokens in the cache gets its next one, and decodes from the next step on."""
        measures = self.measures
        measures.generated_tokens += 1
        if request.generated:
            measures.inter_token_seconds.observe(time - request.last_token)
        else:
            request.first_token = time
            measures.prompt_tokens += request.prompt_tokens
            measures.time_to_first_token_seconds.observe(time - request.arrived)
        request.generated += 1
        if request.generated == request.output_tokens:
            self._release(request)
            self._finish(request, time)
            return
        request.state = RequestState.DECODING
        request.joined_step = self._step
        self._cache.start_growing(request.prompt_tokens + request.generated - 1)
        self._joins += 1
        heappush(self._ends, (request.last_step, self._joins, request))

    def _release(self, request: Request, *, amid_step: bool = False) -> None:
        """Take a sequence out of the batch and its blocks out of the cache; the tokens it has got stay with it."""
        if request.state is RequestState.DECODING:
            request.generated = self.generated_tokens(request)
            self._cache.stop_growing(request.prompt_tokens + request.generated - 1, amid_step=amid_step)
        else:
            self._cache.give_back(request.to_prefill)
        request.prefilled = 0
        del self._running[request]

    def _finish(self, request: Request, time: float) -> None:
        """Count a request that has got all its tokens."""
        request.state = RequestState.FINISHED
        request.ended = time
        self.measures.finish(request)
        self._finished.append(request)

    def _steps_alike(self) -> int:
        """How many decode-only steps can follow each other: until a sequence ends or memory runs out."""
        ends = self._ends
        while ends[0][2].state is not RequestState.DECODING or ends[0][2].last_step != ends[0][0]:
            heappop(ends)  # it was aborted or preempted
        return self._cache.steps_that_fit(ends[0][0] - self._step)
