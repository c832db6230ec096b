"""`make demo`: a real control plane, the real operator and simulated engines scale on a piece of a production trace.

Read in this order: `scenario` (what runs and what load it gets, as tables), `stage` (cluster and objects), `programs`
(the processes), `watching` (pods and services through the API server), `trace` and `load` (requests), `view` (what is
shown), `summary` (what happened), `play` (all of that at once), `performance` (one run, from start to end).
"""
