"""The adapter to Kubernetes: connection, apply, scale, status, events, Lease. Nothing above it builds a request."""
