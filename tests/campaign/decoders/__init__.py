"""The decoders that are fuzzed, what they are fed with, and how that is damaged."""
