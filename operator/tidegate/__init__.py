"""Tidegate: a Kubernetes operator that autoscales LLM inference.

The rooms, top to bottom; imports point down this list only (checked by import-linter):

``cli``, ``controller``, ``simulator``, ``metrics``, ``cluster``, ``workloads``, ``accelerators``, ``engines``,
``scaling``, ``api``.

The last five of them are pure: no clock, no input or output, no logging. What waits, retries or fails lives above.
"""

__version__ = "0.1.0"
