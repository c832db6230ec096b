"""Envoy as the gateway's data path: its configuration as documents, and starting it.

The documents are JSON-shaped dictionaries made by pure functions; `listener_file` writes those that change while Envoy
runs, `program` finds and starts the binary.
"""
