"""The adapter to Kubernetes: connection, apply, scale, status, events. Nothing above it builds a request."""
