"""Other autoscalers, each a few lines of formula that see what Tidegate sees, and the clairvoyants that bound them all.

Their formulas and defaults are read in their sources, named in each module with the version; no code is theirs.
`catalog` has them by name.
"""
