"""The pure heart of lvstui: no I/O, no clock, no third-party library."""
