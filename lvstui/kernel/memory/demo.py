"""The director of the demo: one of each thing that an operator meets, on documentation addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

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

_MASQ = Forwarding.MASQ
_GUE = Tunnel(TunnelType.GUE, port=6080, checksum=1)


def demo_director() -> Director:
    """Return the profile of the demo, names and notes included; a kernel holds the same without them."""
    marks = {80: MarkGroup(80, (selector("tcp 192.0.2.20 80,443"),), "portal")}
    return Director({pool.service.key: pool for pool in _POOLS}, timeouts=Timeouts(), sync={}, name="lb1", marks=marks)


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


def _at(address: str, port: int) -> Endpoint:
    return Endpoint(ip_address(address), port)


def _key(address: str, port: int, protocol: Protocol = Protocol.TCP) -> AddressKey:
    return AddressKey(protocol, ip_address(address), port)


def _pool(service: Service, *servers: RealServer) -> Pool:
    return Pool(service, {server.endpoint: server for server in servers})


_POOLS = (
    _pool(
        Service(
            _key("192.0.2.10", 443),
            scheduler="wlc",
            persistence=Persistence(timeout=300, mask=IPv4Address("255.255.255.0")),
            name="shop",
            note="ask the shop team before draining both of web1 and web2",
        ),
        RealServer(_at("10.0.0.11", 443), _MASQ, weight=3, upper=4000, lower=3000, name="web1"),
        RealServer(_at("10.0.0.12", 443), _MASQ, weight=3, upper=4000, lower=3000, name="web2"),
        RealServer(_at("10.0.0.13", 443), _MASQ, weight=2, upper=300, name="web3"),
        RealServer(_at("10.0.0.14", 443), _MASQ, weight=0, upper=4000, lower=3000, name="web4", resume=3),
    ),
    _pool(
        Service(_key("192.0.2.10", 80), scheduler="rr", name="shop-redirect", note="answers 301 to https only"),
        *(RealServer(_at(f"10.0.0.1{n}", 80), _MASQ, name=f"web{n}") for n in (1, 2)),
    ),
    _pool(
        Service(
            MarkKey(80, Family.IPV4),
            scheduler="wrr",
            persistence=Persistence(timeout=1800),
            name="portal",
            note="HTTP and HTTPS of 192.0.2.20, grouped by mark: a client keeps its server on both",
        ),
        RealServer(_at("10.0.0.21", 0), Forwarding.ROUTE, weight=5, name="app1"),
        RealServer(_at("10.0.0.22", 0), Forwarding.ROUTE, weight=5, name="app2"),
        RealServer(_at("10.0.0.23", 0), Forwarding.ROUTE, weight=1, name="app3"),
    ),
    _pool(
        Service(_key("192.0.2.53", 53, Protocol.UDP), scheduler="rr", flags=ServiceFlags.ONE_PACKET, name="resolver"),
        *(RealServer(_at(f"10.0.0.5{n}", 53), _MASQ, name=f"dns{n}") for n in (1, 2, 3)),
    ),
    _pool(
        Service(_key("192.0.2.30", 2905, Protocol.SCTP), scheduler="lc", name="sigtran"),
        *(RealServer(_at(f"10.0.0.3{n}", 2905), _MASQ, name=f"stp{n}") for n in (1, 2)),
    ),
    _pool(
        Service(
            _key("2001:db8::10", 443),
            scheduler="wlc",
            persistence=Persistence(timeout=600, mask=64),
            name="api",
            note="the tunnels end on the machines; each needs fou port 6080",
        ),
        *(
            RealServer(_at(f"fd00::{n}", 443), Forwarding.TUNNEL, weight=2, tunnel=_GUE, name=f"api{n}")
            for n in (1, 2, 3)
        ),
    ),
    _pool(
        Service(
            _key("192.0.2.40", 8080),
            scheduler="mh",
            flags=ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2,  # mh-fallback and mh-port
            name="cache",
        ),
        *(
            RealServer(_at(f"10.0.0.4{n}", 8080), Forwarding.ROUTE, weight=1 + n % 2, name=f"cache{n}")
            for n in (1, 2, 3, 4)
        ),
    ),
    _pool(
        Service(_key("192.0.2.25", 25), scheduler="wlc", name="mail-in"),
        *(RealServer(_at(f"10.0.0.6{n}", 25), _MASQ, name=f"mx{n}") for n in (1, 2)),
    ),
)
