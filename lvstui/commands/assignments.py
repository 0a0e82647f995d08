"""FIELD=VALUE on services, real servers and settings, with the profile's names."""

from __future__ import annotations

from lvstui.core.attributes import DAEMON, SERVER, SERVICE, TIMEOUTS

service = SERVICE.assign
server = SERVER.assign
timeouts = TIMEOUTS.assign
daemon = DAEMON.assign
