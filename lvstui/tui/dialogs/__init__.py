"""Dialogs: they ask one thing and return the answer, or are there to be read."""
