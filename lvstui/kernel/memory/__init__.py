"""The demo's kernel, in memory."""
