"""The terms of the rule: each looks at one thing and proposes a size. The largest proposal wins."""

from tidegate.scaling.backlog_terms import queue
from tidegate.scaling.demand_terms import bursts, throughput
from tidegate.scaling.promise_terms import objectives
from tidegate.scaling.residence_terms import memory, running
from tidegate.scaling.term_input import Term

TERMS: tuple[Term, ...] = (
    throughput,  # what arrives, and will have when pods ordered now are ready
    bursts,  # what came lately, and may come again
    memory,  # what is resident
    queue,  # what has piled up, and will have
    objectives,  # what was promised, where it is broken all the same
    running,  # what is held, where nothing else says how far to shrink
)
