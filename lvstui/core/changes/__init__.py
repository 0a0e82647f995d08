"""Drift and history."""
