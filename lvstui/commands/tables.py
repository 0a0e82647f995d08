"""A director and what was counted on it as plain aligned text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvstui.core import fields, sysctls
from lvstui.core.describe import persistence_text, sync_text, tunnel_text
from lvstui.core.model import PLAIN_TUNNEL, Director, Pool, RealServer, Service
from lvstui.core.observed import Reading, ServerStats, Stats

_HEADINGS = (
    "SERVICE / SERVER", "NAME", "METHOD", "WEIGHT", "ACTIVE", "INACTIVE", "STICKY", "CONN/S", "IN B/S", "OUT B/S",
    "SETTINGS",
)  # fmt: skip
_RIGHT = frozenset(range(3, 10))
_UNKNOWN = "-"


def services(reading: Reading) -> list[str]:
    """Tell the services with their servers below them, a row each."""
    rows: list[Sequence[str]] = [_HEADINGS]
    for key, pool in reading.director.pools.items():
        seen = reading.servers.get(key, {})
        rows.append(_service_row(pool, seen.values(), reading.services.get(key)))
        rows += [_server_row(server, seen.get(endpoint)) for endpoint, server in pool.servers.items()]
    return aligned(rows) if len(rows) > 1 else ["There is no virtual service."]


def _service_row(pool: Pool, seen: Iterable[ServerStats], stats: Stats | None) -> Sequence[str]:
    service = pool.service
    counts = list(seen)
    return (
        fields.service_text(service.key),
        fields.visible(service.name),
        fields.visible(service.scheduler),
        "",
        _sum(server.active for server in counts) if counts else _UNKNOWN,
        _sum(server.inactive for server in counts) if counts else _UNKNOWN,
        _sum(server.sticky for server in counts) if counts else _UNKNOWN,
        *_rates(stats),
        _service_settings(service),
    )


def _sum(numbers: Iterable[int]) -> str:
    return str(sum(numbers))


def _service_settings(service: Service) -> str:
    parts = list(fields.flag_words(service.flags, service.scheduler))
    if service.persistence is not None:
        parts.append(f"persistent {persistence_text(service.persistence)}")
    return ", ".join(parts)


def _server_row(server: RealServer, seen: ServerStats | None) -> Sequence[str]:
    return (
        f"  {fields.server_text(server.endpoint)}",
        fields.visible(server.name),
        fields.forwarding_text(server.forwarding),
        str(server.weight),
        *((str(seen.active), str(seen.inactive), str(seen.sticky)) if seen else (_UNKNOWN,) * 3),
        *_rates(seen.stats if seen else None),
        _server_settings(server),
    )


def _server_settings(server: RealServer) -> str:
    parts = ["drain"] if server.weight == 0 else []
    if server.upper:
        parts.append(f"upper {server.upper}, lower {server.lower}")
    if server.tunnel != PLAIN_TUNNEL:
        parts.append(f"tunnel {tunnel_text(server.tunnel)}")
    if server.resume is not None:
        parts.append(f"resume {server.resume}")
    return ", ".join(parts)


def _rates(stats: Stats | None) -> Sequence[str]:
    if stats is None:
        return (_UNKNOWN,) * 3
    return (str(stats.connection_rate), str(stats.in_byte_rate), str(stats.out_byte_rate))


def director(reading: Reading, origin: str, profile: Director) -> list[str]:
    """Tell the director's own settings, a line each, and below them those of net.ipv4.vs."""
    settings = reading.director
    servers = sum(len(pool.servers) for pool in settings.pools.values())
    rows = [
        ("kernel", f"{origin}, IPVS {reading.info.version}, table of {reading.info.table_size} buckets"),
        ("services", f"{len(settings.pools)} with {servers} real servers, {reading.connections} connections"),
    ]
    if settings.name:
        rows.insert(0, ("director", fields.visible(settings.name)))
    if settings.timeouts is not None:
        timeouts = settings.timeouts
        rows.append(("timeouts", f"tcp {timeouts.tcp}s, tcp_fin {timeouts.tcp_fin}s, udp {timeouts.udp}s"))
    if settings.sync is not None:
        told = [("sync", f"{fields.ROLE_WORDS[role]}: {sync_text(daemon)}") for role, daemon in settings.sync.items()]
        rows += told or [("sync", "no daemon runs")]
    return aligned(rows) + (["", *_sysctl(settings, profile)] if settings.sysctl else [])


def _sysctl(running: Director, profile: Director) -> list[str]:
    """Tell the settings of net.ipv4.vs, with `*` at those that differ from their default.

    The profile's value is empty where it leaves a setting to the kernel.
    """
    rows: list[Sequence[str]] = [("SYSCTL net.ipv4.vs.", "VALUE", "", "DEFAULT", "PROFILE")]
    for name, text in running.sysctl.items():
        known = sysctls.SETTINGS.get(name)
        default = known.default if known else ""
        changed = default and not sysctls.same(name, text, default)
        told = (fields.visible(each) for each in (text, "*" if changed else "", default, profile.sysctl.get(name, "")))
        rows.append((fields.visible(name), *told))
    return aligned(rows, right=frozenset())


def aligned(rows: Sequence[Sequence[str]], right: frozenset[int] = _RIGHT) -> list[str]:
    """Put rows into columns as wide as their widest cell, without trailing blanks."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
