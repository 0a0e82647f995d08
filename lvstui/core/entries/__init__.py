"""Persistence entries and connections."""
