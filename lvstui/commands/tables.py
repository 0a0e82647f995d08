"""A director and what was counted on it as plain aligned text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lvstui.core import fields, sysctls
from lvstui.core.describe import sync_text
from lvstui.core.fields import visible
from lvstui.core.model import Director, ServerKey
from lvstui.core.observed import Reading, RowKey
from lvstui.core.services.columns import SERVICE_COLUMNS
from lvstui.core.services.row import Look, row_of
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.columns import R, RowColumn, Value, printed

_UNKNOWN = "-"


def services(snapshot: Snapshot) -> list[str]:
    """Return the services with their servers below them, a row each, in the kernel's order."""
    look = Look()
    keys: list[RowKey] = []
    for key, pool in snapshot.reading.director.pools.items():
        keys += [key, *(ServerKey(key, endpoint) for endpoint in pool.servers)]
    if not keys:
        return ["There is no virtual service."]
    return columns_of(SERVICE_COLUMNS, [row_of(snapshot, look, key) for key in keys])


def columns_of(columns: Sequence[RowColumn[R]], rows: Iterable[R]) -> list[str]:
    """Return rows below the headings of those columns that are printed; `-` stands for what is not known."""
    chosen = printed(columns)
    heads = [column.heading or column.title.upper() for column in chosen]
    lines = [[_text(column.value, row) for column in chosen] for row in rows]
    return aligned([heads, *lines], frozenset(place for place, column in enumerate(chosen) if column.right))


def _text(value: Callable[[R], Value] | None, row: R) -> str:
    found = value(row) if value else None
    return _UNKNOWN if found is None else visible(str(found))


def director(reading: Reading, origin: str, profile: Director) -> list[str]:
    """Return the director's own settings, a line each, and below them those of net.ipv4.vs."""
    settings = reading.director
    servers = sum(len(pool.servers) for pool in settings.pools.values())
    rows = [
        ("kernel", f"{origin}, IPVS {reading.info.version}, table of {reading.info.table_size} buckets"),
        ("services", f"{len(settings.pools)} with {servers} real servers, {reading.connections} connections"),
    ]
    if settings.name:
        rows.insert(0, ("director", visible(settings.name)))
    if settings.timeouts is not None:
        timeouts = settings.timeouts
        rows.append(("timeouts", f"tcp {timeouts.tcp}s, tcp_fin {timeouts.tcp_fin}s, udp {timeouts.udp}s"))
    if settings.sync is not None:
        daemons = [
            ("sync", f"{fields.ROLE_WORDS[role]}: {sync_text(daemon)}") for role, daemon in settings.sync.items()
        ]
        rows += daemons or [("sync", "no daemon runs")]
    return aligned(rows) + (["", *_sysctl(settings, profile)] if settings.sysctl else [])


def _sysctl(running: Director, profile: Director) -> list[str]:
    """Return the settings of net.ipv4.vs, with `*` at those that differ from their default.

    The profile's value is empty where it leaves a setting to the kernel.
    """
    rows: list[Sequence[str]] = [("SYSCTL net.ipv4.vs.", "VALUE", "", "DEFAULT", "PROFILE")]
    for name, text in running.sysctl.items():
        known = sysctls.SETTINGS.get(name)
        default = known.default if known else ""
        changed = default and not sysctls.same(name, text, default)
        columns = (visible(value) for value in (text, "*" if changed else "", default, profile.sysctl.get(name, "")))
        rows.append((visible(name), *columns))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Put rows into columns as wide as their widest cell, without trailing blanks."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
