"""Adapters that read engines, from their own pages or out of a Prometheus, and turn what they find into samples."""
