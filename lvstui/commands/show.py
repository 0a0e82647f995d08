"""The command show: what the kernel holds, as text or as JSON."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lvstui.commands.place import (
    Failure,
    OpenPlace,
    Status,
    align,
    columns_of,
    print_json,
    read_snapshot,
    read_with_owners,
)
from lvstui.core import fields, sysctls
from lvstui.core.attributes import TIMEOUTS
from lvstui.core.change import EMPTY
from lvstui.core.fields import visible
from lvstui.core.home import home_text, is_foreign
from lvstui.core.model import NOBODYS, Director, ServerKey

if TYPE_CHECKING:
    from lvstui.core.observed import Reading, RowKey
    from lvstui.core.snapshot import Snapshot


def show(options: Namespace, open_place: OpenPlace) -> int:
    """Print the services, the firewall marks or the director's own settings, with what the kernel counts."""
    if options.over and options.what != "services":
        raise Failure(f"--over is for services, not {options.what}: their servers are watched", Status.USAGE)
    with open_place() as place:
        marks_only = options.what == "marks"
        snapshot = read_with_owners(place, rules_suffice=True) if marks_only else read_snapshot(place)
        if options.what == "services":
            from lvstui.commands.health import with_health  # with what reads the connection table

            snapshot = with_health(place.kernel, snapshot, options.over)
    profile = snapshot.profile.saved or EMPTY
    if options.what == "marks":
        from lvstui.commands import marks

        if options.json:
            print_json(marks.document(snapshot))
        else:
            print("\n".join(marks.lines(snapshot)))
    elif options.json:
        from lvstui.formats import json

        services = options.what == "services"
        print_json(json.services(snapshot) if services else json.director(snapshot.reading, snapshot.origin, profile))
    else:
        lines = _services(snapshot) if options.what == "services" else _director(snapshot, profile)
        print("\n".join(lines))
    return Status.OK


def _services(snapshot: Snapshot) -> list[str]:
    """Return the services with their servers below them, a row each, in order."""
    from lvstui.core.services.columns import SERVICE_COLUMNS  # with the rows, columns and filters of the screens
    from lvstui.core.services.row import ServiceLook, row_of

    keys: list[RowKey] = []
    for key, pool in snapshot.reading.director.pools.items():
        keys += [key, *(ServerKey(key, endpoint) for endpoint in pool.servers)]
    if not keys:
        return ["There is no virtual service."]
    look = ServiceLook()
    return columns_of(SERVICE_COLUMNS, [row_of(snapshot, look, key) for key in keys])


def _director(snapshot: Snapshot, profile: Director) -> list[str]:
    """Return the director's own settings, a line each, and below them those of net.ipv4.vs."""
    from lvstui.core.describe import sync_text

    reading: Reading = snapshot.reading
    settings = reading.director
    servers = sum(len(pool.servers) for pool in settings.pools.values())
    sticky = f", {reading.sticky} persistence entries" if reading.sticky else ""
    filled = f" with {reading.rows} rows" if reading.rows else ""
    table = f"table of {reading.info.table_size} buckets{filled}"
    rows = [
        ("kernel", f"{snapshot.origin}, IPVS {reading.info.version}, {table}"),
        ("services", f"{len(settings.pools)} with {servers} real servers, {reading.connections} connections{sticky}"),
    ]
    if snapshot.here != NOBODYS:
        path = visible(snapshot.profile.path) or "none: name one with --profile FILE"
        owner = f", of {home_text(profile.home)}" if is_foreign(profile.home, snapshot.here) else ""
        rows[:0] = [("host", home_text(snapshot.here)), ("profile", f"{path}{owner}")]
    if settings.name:
        rows.insert(0, ("director", visible(settings.name)))
    if timeouts := settings.timeouts:
        rows.append(("timeouts", ", ".join(f"{name} {text}" for name, text in TIMEOUTS.describe(timeouts).items())))
    if settings.sync is not None:
        daemons = [
            ("sync", f"{fields.ROLE_WORDS[role]}: {sync_text(daemon)}") for role, daemon in settings.sync.items()
        ]
        rows += daemons or [("sync", "no daemon runs")]
    return align(rows) + (["", *_sysctl(settings, profile)] if settings.sysctl else [])


def _sysctl(running: Director, profile: Director) -> list[str]:
    """Return the settings of net.ipv4.vs, with `*` at those that differ from their default.

    The profile's value is empty where it leaves a setting to the kernel.
    """
    rows: list[Sequence[str]] = [("SYSCTL net.ipv4.vs.", "VALUE", "", "DEFAULT", "PROFILE")]
    for name, text in running.sysctl.items():
        known = sysctls.SETTINGS.get(name)
        default = known.default if known else ""
        changed = default and not sysctls.same(name, text, default)
        cells = (name, text, "*" if changed else "", default, profile.sysctl.get(name, ""))
        rows.append([visible(cell) for cell in cells])
    return align(rows)
