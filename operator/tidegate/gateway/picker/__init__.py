"""The picker's side towards Envoy: its questions per request, its access log, and its administration.

Here gRPC's messages become what the policy understands, and back; nothing is decided here.
"""
