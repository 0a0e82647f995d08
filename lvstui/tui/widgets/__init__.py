"""Widgets that know nothing of IPVS."""
