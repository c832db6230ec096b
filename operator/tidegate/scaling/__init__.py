"""The heart: observation + memory + now -> decision. Pure: no clock, no input or output, no logging."""
