"""Configurations of other programs as a director: what each says, and what of it a profile cannot hold."""
