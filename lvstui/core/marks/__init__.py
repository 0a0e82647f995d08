"""Firewall marks."""
