"""What runs: the worker that owns the kernel and the profile, and the scanner beside it."""
