"""The director of the demo: one of each thing that an operator meets, on documentation addresses."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from lvstui.core.model import (
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
    ServiceFlags,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.core.observed import Rule
from lvstui.core.selectors import selector

_GUE = Tunnel(TunnelType.GUE, port=6080, checksum=1)


def demo_director() -> Director:
    """Return the profile of the demo, names and notes included; a kernel holds the same without them."""
    pools = (_shop(), _redirect(), _portal(), _dns(), _signalling(), _api(), _cache(), _mail())
    marks = {80: MarkGroup(80, (selector("tcp 192.0.2.20 80,443"),), "portal")}
    return Director({pool.service.key: pool for pool in pools}, timeouts=Timeouts(), sync={}, name="lb1", marks=marks)


def demo_rules() -> tuple[Rule, ...]:
    """Return the rules of others in the demo's packet filter: a rich rule of firewalld, and kube-proxy's mark."""
    return (
        Rule(
            "nft",
            "inet",
            "firewalld",
            "mangle_PRE_public_allow",
            handle=212,
            path=("mangle_PREROUTING", "mangle_PREROUTING_ZONES", "mangle_PRE_public"),
            hook="prerouting",
            priority=-140,
            match=("ip daddr 192.0.2.21", "tcp dport { 21, 10000-20000 }"),
            selector=selector("tcp 192.0.2.21 21,10000-20000"),
            value=21,
            packets=1204,
            bytes=93114,
        ),
        Rule(
            "nft",
            "ip",
            "nat",
            "KUBE-MARK-MASQ",
            handle=31,
            path=("PREROUTING", "KUBE-SERVICES"),
            hook="prerouting",
            priority=-100,
            match=(),
            value=0x4000,
            mask=0x4000,
            packets=55,
            bytes=3300,
            comment="kubernetes: masquerade",
        ),
    )


def _pool(service: Service, servers: Iterable[RealServer]) -> Pool:
    return Pool(service, {server.endpoint: server for server in servers})


def _at(address: str, port: int) -> Endpoint:
    return Endpoint(ip_address(address), port)


def _tcp(address: str, port: int) -> AddressKey:
    return AddressKey(Protocol.TCP, ip_address(address), port)


def _shop() -> Pool:
    service = Service(
        _tcp("192.0.2.10", 443),
        scheduler="wlc",
        persistence=Persistence(timeout=300, mask=IPv4Address("255.255.255.0")),
        name="shop",
        note="ask the shop team before draining both of web1 and web2",
    )
    masq = Forwarding.MASQ
    return _pool(
        service,
        (
            RealServer(_at("10.0.0.11", 443), masq, weight=3, upper=4000, lower=3000, name="web1"),
            RealServer(_at("10.0.0.12", 443), masq, weight=3, upper=4000, lower=3000, name="web2"),
            RealServer(_at("10.0.0.13", 443), masq, weight=2, upper=300, name="web3"),
            RealServer(_at("10.0.0.14", 443), masq, weight=0, upper=4000, lower=3000, name="web4", resume=3),
        ),
    )


def _redirect() -> Pool:
    service = Service(_tcp("192.0.2.10", 80), scheduler="rr", name="shop-redirect", note="answers 301 to https only")
    servers = (RealServer(_at(f"10.0.0.1{n}", 80), Forwarding.MASQ, name=f"web{n}") for n in (1, 2))
    return _pool(service, servers)


def _portal() -> Pool:
    service = Service(
        MarkKey(80, Family.IPV4),
        scheduler="wrr",
        persistence=Persistence(timeout=1800),
        name="portal",
        note="HTTP and HTTPS of 192.0.2.20, grouped by mark: a client keeps its server on both",
    )
    weights = {"10.0.0.21": 5, "10.0.0.22": 5, "10.0.0.23": 1}
    servers = (
        RealServer(_at(address, 0), Forwarding.ROUTE, weight=weight, name=f"app{number}")
        for number, (address, weight) in enumerate(weights.items(), start=1)
    )
    return _pool(service, servers)


def _dns() -> Pool:
    service = Service(
        AddressKey(Protocol.UDP, IPv4Address("192.0.2.53"), 53),
        scheduler="rr",
        flags=ServiceFlags.ONE_PACKET,
        name="resolver",
    )
    servers = (RealServer(_at(f"10.0.0.5{n}", 53), Forwarding.MASQ, name=f"dns{n}") for n in (1, 2, 3))
    return _pool(service, servers)


def _signalling() -> Pool:
    service = Service(AddressKey(Protocol.SCTP, IPv4Address("192.0.2.30"), 2905), scheduler="lc", name="sigtran")
    servers = (RealServer(_at(f"10.0.0.3{n}", 2905), Forwarding.MASQ, name=f"stp{n}") for n in (1, 2))
    return _pool(service, servers)


def _api() -> Pool:
    service = Service(
        AddressKey(Protocol.TCP, IPv6Address("2001:db8::10"), 443),
        scheduler="wlc",
        persistence=Persistence(timeout=600, mask=64),
        name="api",
        note="the tunnels end on the machines; each needs fou port 6080",
    )
    servers = (
        RealServer(_at(f"fd00::{n}", 443), Forwarding.TUNNEL, weight=2, tunnel=_GUE, name=f"api{n}") for n in (1, 2, 3)
    )
    return _pool(service, servers)


def _cache() -> Pool:
    flags = ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2  # mh-fallback and mh-port
    service = Service(_tcp("192.0.2.40", 8080), scheduler="mh", flags=flags, name="cache")
    servers = (
        RealServer(_at(f"10.0.0.4{n}", 8080), Forwarding.ROUTE, weight=1 + n % 2, name=f"cache{n}")
        for n in (1, 2, 3, 4)
    )
    return _pool(service, servers)


def _mail() -> Pool:
    service = Service(_tcp("192.0.2.25", 25), scheduler="wlc", name="mail-in")
    servers = (RealServer(_at(f"10.0.0.6{n}", 25), Forwarding.MASQ, name=f"mx{n}") for n in (1, 2))
    return _pool(service, servers)
