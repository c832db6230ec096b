"""One table per engine: metric names and their aliases -> signals; flags the engine is started with. Pure."""
