"""The data path: Envoy carries the bytes; here is who decides whether a request waits, wakes, and where it goes.

`policy` decides and knows neither gRPC nor Envoy nor Kubernetes; `envoy` is Envoy's configuration; `picker` answers
Envoy; the modules beside them watch the cluster, keep the gateways' membership and slices, and wake.
"""
