"""The replica model (continuous batching in steps) and the HTTP engine that speaks and measures like a real one."""
