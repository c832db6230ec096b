"""The cases of `python tools/bench gateway`: each brings up a rig of its own, measures one thing, and prints it."""
