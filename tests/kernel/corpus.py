"""A generated director with everything that ipvsadm 1.31 can make, and ipvsadm's own lines for it.

The notation is written here a second time, apart from lvstui's own formats, so that it can referee them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from random import Random

from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    INT_MAX,
    PERSISTENCE_MAX,
    PLAIN_TUNNEL,
    Address,
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    Protocol,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
    Tunnel,
    TunnelType,
)

_SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh")
_PROTOCOLS = {Protocol.TCP: "-t", Protocol.UDP: "-u", Protocol.SCTP: "--sctp-service"}
_FORWARDING = {Forwarding.ROUTE: "-g", Forwarding.TUNNEL: "-i", Forwarding.MASQ: "-m"}
_TUNNELS = {TunnelType.IPIP: "ipip", TunnelType.GUE: "gue", TunnelType.GRE: "gre"}
_CHECKSUMS = ("--tun-nocsum", "--tun-csum", "--tun-remcsum")
_SCHED_FLAGS = (ServiceFlags.SCHED_1, ServiceFlags.SCHED_2, ServiceFlags.SCHED_3)
_FLAGS = {"sh": ("sh-fallback", "sh-port", "flag-3"), "mh": ("mh-fallback", "mh-port", "flag-3")}
_PLAIN_FLAGS = ("flag-1", "flag-2", "flag-3")


def generate(seed: int, services: int) -> Director:
    """Make a director with a number of services; the same seed makes the same one."""
    random = Random(seed)
    pools: dict[ServiceKey, Pool] = {}
    while len(pools) < services:
        service = _service(random)
        if service.key not in pools:
            pools[service.key] = Pool(service, {server.endpoint: server for server in _servers(random, service)})
    return Director(pools)


def _service(random: Random) -> Service:
    family = random.choice([Family.IPV4, Family.IPV4, Family.IPV6])
    persistence = _persistence(random, family) if random.random() < 0.4 else None
    key: ServiceKey
    if random.random() < 0.25:
        key = MarkKey(random.choice([1, 80, random.randrange(1, 2**32)]), family)
    else:
        port = random.choice([80, 443, 53, 65535, random.randrange(1, 65536)])
        if persistence and random.random() < 0.2:
            port = 0
        key = AddressKey(random.choice(list(_PROTOCOLS)), _address(random, family), port)
    scheduler = random.choice(_SCHEDULERS)
    flags = ServiceFlags.NONE
    for flag in _SCHED_FLAGS:
        if random.random() < 0.2:
            flags |= flag
    if isinstance(key, AddressKey) and key.protocol is Protocol.UDP:
        if random.random() < 0.4:
            flags |= ServiceFlags.ONE_PACKET
        if persistence and random.random() < 0.5:
            persistence = Persistence(persistence.timeout, persistence.mask, "sip")
    return Service(key, scheduler, flags, persistence)


def _persistence(random: Random, family: Family) -> Persistence:
    timeout = random.choice([1, 300, PERSISTENCE_MAX, random.randrange(1, PERSISTENCE_MAX)])
    if family is Family.IPV6:
        return Persistence(timeout, random.choice([1, 64, FULL_PREFIX_V6, random.randrange(1, 129)]))
    length = random.choice([32, 24, random.randrange(1, 33)])
    return Persistence(timeout, IPv4Address((0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF))


def _address(random: Random, family: Family) -> Address:
    if family is Family.IPV4:
        return IPv4Address(f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}")
    # Every way to shorten an IPv6 address comes up.
    groups = [0x2001, 0xDB8, *(random.choice([0, 0, 1, random.randrange(0x10000)]) for _ in range(6))]
    return IPv6Address(":".join(f"{group:x}" for group in groups))


def _servers(random: Random, service: Service) -> Iterator[RealServer]:
    seen: set[Endpoint] = set()
    for _ in range(random.choice([0, 1, 2, 3, 8])):
        server = _server(random, service)
        if server.endpoint not in seen:
            seen.add(server.endpoint)
            yield server


def _server(random: Random, service: Service) -> RealServer:
    forwarding = random.choice(list(_FORWARDING))
    family = service.key.family
    if forwarding is Forwarding.TUNNEL and random.random() < 0.3:
        family = Family.IPV6 if family is Family.IPV4 else Family.IPV4
    port = random.choice([80, 8080, random.randrange(1, 65536)])
    if forwarding is not Forwarding.MASQ:
        # ipvsadm gives a routed or tunnelled server the service's port, and one of a mark none that it could use.
        port = service.key.port if isinstance(service.key, AddressKey) else port
    upper = random.choice([0, 0, 1, 1000, INT_MAX])
    return RealServer(
        Endpoint(_address(random, family), port),
        forwarding,
        # mh builds a table whose size bounds the weights.
        random.choice([0, 1, 2, 10]) if service.scheduler == "mh" else random.choice([0, 1, 3, 100, 65535]),
        upper,
        random.choice([0, upper // 2, upper]),
        _tunnel(random) if forwarding is Forwarding.TUNNEL else PLAIN_TUNNEL,
    )


def _tunnel(random: Random) -> Tunnel:
    match random.randrange(3):
        case 0:
            return PLAIN_TUNNEL
        case 1:
            return Tunnel(TunnelType.GUE, random.randrange(1, 65536), random.randrange(3))
        case _:
            return Tunnel(TunnelType.GRE, 0, random.choice([0, 1]))


def loadable(director: Director) -> Sequence[str]:
    """Write a director as lines for `ipvsadm -R`."""
    lines: list[str] = []
    for key, pool in director.pools.items():
        lines.append(f"-A {_key(key)} {_scheduling(pool.service)}{_flags(pool.service)}")
        for server in pool.servers.values():
            lines.append(f"-a {_key(key)} {_real_server(server)} -x {server.upper} -y {server.lower}")
    return lines


def saved(director: Director) -> Sequence[str]:
    """Write the lines that `ipvsadm -Sn` prints for a director, sorted, with all that it loses or garbles.

    It has no thresholds, drops flag-3 of sh and mh, and prints the upper half of the marks as negative numbers.
    """
    lines: list[str] = []
    for key, pool in director.pools.items():
        name = _key(key._replace(mark=key.mark - 2**32) if isinstance(key, MarkKey) and key.mark >= 2**31 else key)
        flags = _flags(pool.service)
        if pool.service.scheduler in _FLAGS:
            flags = flags.replace(",flag-3", "").replace(" flag-3", "")
        lines.append(f"-A {name} {_scheduling(pool.service)}{flags}")
        lines += [f"-a {name} {_real_server(server)}" for server in pool.servers.values()]
    return sorted(lines)


def _key(key: ServiceKey) -> str:
    match key:
        case AddressKey(protocol, address, port):
            return f"{_PROTOCOLS[protocol]} {place(address, port)}"
        case MarkKey(mark, family):
            return f"-f {mark}" if family is Family.IPV4 else f"-f {mark} -6"


def place(address: Address, port: int) -> str:
    """Write an address with a port."""
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"


def _scheduling(service: Service) -> str:
    words = [f"-s {service.scheduler}"]
    if persistence := service.persistence:
        words.append(f"-p {persistence.timeout}")
        if persistence.mask not in (FULL_MASK_V4, FULL_PREFIX_V6):
            words.append(f"-M {persistence.mask}")
        if persistence.engine:
            words.append(f"--pe {persistence.engine}")
    if ServiceFlags.ONE_PACKET in service.flags:
        words.append("-o")
    return " ".join(words)


def _flags(service: Service) -> str:
    names = zip(_SCHED_FLAGS, _FLAGS.get(service.scheduler, _PLAIN_FLAGS), strict=True)
    flags = [name for flag, name in names if flag in service.flags]
    return f" -b {','.join(flags)}" if flags else ""


def _real_server(server: RealServer) -> str:
    words = f"-r {place(*server.endpoint)} {_FORWARDING[server.forwarding]} -w {server.weight}"
    if server.forwarding is not Forwarding.TUNNEL:
        return words
    tunnel = server.tunnel
    words += f" --tun-type {_TUNNELS[tunnel.type]}"
    if tunnel.type is TunnelType.GUE:
        words += f" --tun-port {tunnel.port}"
    return words if tunnel.type is TunnelType.IPIP else f"{words} {_CHECKSUMS[tunnel.checksum]}"
