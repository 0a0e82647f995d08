"""What runs: the worker that owns the kernel and the profile, the scanner beside it, and changes on trial."""
