"""Pure: what a service asks for, and what a profile says of the hardware -> what pods, engines and bills are told.

`translate` is the way in; `mechanisms` is the table of ways to share a device, `shapes` and `claims` have the shapes of
what they are asked for.
"""
