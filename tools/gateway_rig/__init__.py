"""Everything that gateways need around them, on this machine alone: a control plane, engines, operator and clients.

`tools/bench` measures with it, `tools/faults` breaks it. All is on loopback: pods have addresses of 127.100.0.0/16,
each gateway listens on an address of its own, and clients speak to the gateways as kube-proxy would let them.
"""
