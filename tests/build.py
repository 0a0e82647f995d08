"""Build the objects that tests speak of from the texts that an operator writes: `server("10.0.0.11:443", weight=3)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from typing import TypeVar

from lvstui.core import fields
from lvstui.core.change import EMPTY, Change
from lvstui.core.drift import find_drift
from lvstui.core.model import (
    PLAIN_TUNNEL,
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkGroup,
    MarkKey,
    Persistence,
    Pool,
    Protocol,
    RealServer,
    Service,
    ServiceKey,
    Tunnel,
)
from lvstui.core.observed import Connection, Entry, Info, Reading, Rule, Ruleset, Scan, ServerStats, Stats
from lvstui.core.packets.program import NO_RULES
from lvstui.core.record import Record
from lvstui.core.selectors import selector
from lvstui.core.snapshot import Host, ProfileState, Snapshot
from lvstui.core.view.detail import Block
from lvstui.kernel.memory.program import program_of
from lvstui.kernel.port import Kernel

_T = TypeVar("_T")


def known(value: _T | None) -> _T:
    """Return what is counted, which is None where it is not known."""
    assert value is not None
    return value


def address_key(text: str) -> AddressKey:
    """Return the key of a service by address: `tcp:192.0.2.10:443`."""
    found: ServiceKey = fields.service(text)
    assert isinstance(found, AddressKey)
    return found


def endpoint(text: str) -> Endpoint:
    """Return an address and a port: `10.0.0.11:443`."""
    return fields.server(text)


SHOP = address_key("tcp:192.0.2.10:443")
MARK = MarkKey(80, Family.IPV4)


def server(
    text: str,
    forwarding: Forwarding = Forwarding.ROUTE,
    weight: int = 1,
    upper: int = 0,
    lower: int = 0,
    *,
    tunnel: Tunnel = PLAIN_TUNNEL,
    name: str = "",
    resume: int | None = None,
) -> RealServer:
    """Return a real server at `10.0.0.11:443`."""
    return RealServer(endpoint(text), forwarding, weight, upper, lower, tunnel, name, resume)


def pool(service: Service | ServiceKey | str, *servers: RealServer | str) -> Pool:
    """Return a service with these real servers; those given as a text are reached by masq."""
    if isinstance(service, str):
        service = fields.service(service)
    if not isinstance(service, Service):
        service = Service(service)
    real = [server(text, Forwarding.MASQ) if isinstance(text, str) else text for text in servers]
    return Pool(service, {one.endpoint: one for one in real})


def sticky_pool(
    text: str, *servers: str, timeout: int = 300, mask: str = "255.255.255.255", engine: str = "", name: str = ""
) -> Pool:
    """Return a persistent service (timeout in seconds) with these real servers; an IPv6 one keeps its full mask."""
    where = fields.service(text)
    persistence = Persistence(timeout, 128 if where.family is Family.IPV6 else IPv4Address(mask), engine)
    return pool(Service(where, persistence=persistence, name=name), *servers)


def director(*pools: Pool, **sysctl: str) -> Director:
    """Return a director with these services, and these settings of net.ipv4.vs."""
    return Director({pool.service.key: pool for pool in pools}, sysctl=sysctl)


def group(mark: int, *selectors: str, name: str = "") -> MarkGroup:
    """Return the packets that get a mark: `group(80, "tcp 192.0.2.10 80,443")`."""
    return MarkGroup(mark, tuple(selector(text) for text in selectors), name)


def snapshot(
    of: Director = EMPTY,
    *records: Record,
    taken: float = 0.0,
    services: Mapping[ServiceKey, Stats] | None = None,
    servers: Mapping[ServiceKey, Mapping[Endpoint, ServerStats]] | None = None,
    rules: Ruleset | None = None,
    forwards: Mapping[Family, bool] | None = None,
    saved: Director | None = None,
    scan: Scan | None = None,
) -> Snapshot:
    """Return what screens see of a kernel that holds this, beside a profile that holds `saved` (None: no profile)."""
    info = Info("1.2.1", 4096)
    if rules is not None and rules.program is NO_RULES:
        rules = replace(rules, program=program_of(rules.rules))
    reading = Reading(of, info, taken, services or {}, servers or {}, rules=rules, forwards=forwards or {})
    profile = ProfileState() if saved is None else ProfileState("p", True, find_drift(of, saved), saved=saved)
    return Snapshot(reading, "demo", Host("lb1"), profile=profile, changes=records, scan=scan)


def entry(service: str, client: str, server: str, ends: float = 60.0) -> Entry:
    """Return a persistence entry: `entry("tcp:192.0.2.10:80", "198.18.0.1", "10.0.0.11:80")`."""
    return Entry(fields.service(service), ip_address(client), endpoint(server), "ASSURED", ends)


def connection(client: str, virtual: str, server: str, protocol: Protocol = Protocol.TCP) -> Connection:
    """Return a connection from a client's address and port by a virtual one to a real server's."""
    return Connection(protocol, endpoint(client), endpoint(virtual), endpoint(server), "ESTABLISHED", 60.0)


def rule(
    mark: int,
    text: str = "tcp 192.0.2.10 80,443",
    *,
    table: str = "lvstui",
    chain: str = "prerouting",
    handle: int = 1,
    hook: str = "prerouting",
    priority: int = -120,
    mask: int = 0xFFFFFFFF,
    packets: int | None = None,
    counter: str = "",
    dormant: bool = False,
    raw: str = "",
) -> Rule:
    """Return a rule that sets a mark; with `raw`, one that could not be decoded."""
    return Rule(
        "nft",
        "inet",
        table,
        chain,
        handle,
        hook=hook,
        priority=priority,
        selector=None if raw else selector(text),
        value=None if raw else mark,
        mask=mask,
        packets=packets,
        counter=counter,
        dormant=dormant,
        decoded=not raw,
        raw=raw,
    )


def remove_services(kernel: Kernel) -> None:
    """Remove all services of a kernel, one after the other."""
    for key, held in kernel.read().director.pools.items():
        kernel.write(Change(key, held.service, None))


def block_lines(blocks: Iterable[Block]) -> list[str]:
    """Return every title and line of a detail."""
    found: list[str] = []
    for block in blocks:
        found.append("  ".join(filter(None, (block.title, block.aside, block.remark))))
        found += ["".join(cell.text for cell in line).rstrip() for line in block.lines]
    return found


def block_text(blocks: Iterable[Block]) -> str:
    """Return what a detail says, a line each, words one blank apart."""
    return "\n".join(" ".join(line.split()) for line in block_lines(blocks))
