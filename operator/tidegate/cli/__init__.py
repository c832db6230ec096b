"""The commands: operator, engine, crds, pin, unpin. Each imports what it needs when it runs."""
