"""Asking a real server whether it is there: what is asked, and what its answer means."""
