"""How properties are tried, where a test does not say it: a busy machine is no reason to fail."""

from hypothesis import HealthCheck, settings

settings.register_profile("lvstui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lvstui")
