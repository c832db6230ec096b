"""What a choice of hardware costs: a service on several kinds of it, on each alone, and what hindsight would have paid.

`prices` has what hardware costs and can do, `fleets` the ways to run a service on it, `page` what is published.
"""
