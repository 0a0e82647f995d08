"""The director itself: timeouts, sync daemons, sysctls."""
