"""`make bench-scaling`: Tidegate and its rivals on a real trace, and the page docs/benchmarks/scaling.md about it.

Read in this order: `set_ups` (what is replayed, as tables), `jobs` (which runs that takes), `runs` (one run),
`cache` (runs that need not be made again), `measured` (medians over seeds), `frontier` (what a size costs in
hindsight), `goals` (what was promised and what came of it), `page` and `plots` (how it is shown), `command`.
"""
