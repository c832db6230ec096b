"""The shell: kopf feeds a store, one loop observes, decides and writes; status, events, metrics."""
