"""Questions about the real servers of one service: does what is sent to them arrive, and do their answers?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lvstui.core.advice.services import unreachable_ports
from lvstui.core.doctor.facts import Facts, Passage, is_remote, is_unanswered, servers_by
from lvstui.core.doctor.finding import Found, fine, unknown, warn, wrong
from lvstui.core.doctor.words import name, named, some
from lvstui.core.fields import forwarding_text, visible
from lvstui.core.model import (
    AddressKey,
    Family,
    Forwarding,
    MarkKey,
    Pool,
    Protocol,
    RealServer,
    ServerKey,
    ServiceFlags,
    TunnelType,
)
from lvstui.core.probes.answer import Outcome
from lvstui.core.trace.route import Route
from lvstui.core.words import count

_IP: Final = {Family.IPV4: 20, Family.IPV6: 40}
_UDP, _GUE, _GUE_PRIVATE, _GRE, _GRE_CHECKSUM = 8, 4, 4, 4, 4
"""Bytes of headers (ip_vs_tunnel_xmit_prepare, __ip_vs_get_out_rt in net/netfilter/ipvs/ip_vs_xmit.c)."""

_REMOTE_CHECKSUM: Final = 2
"""The flag with which GUE has private bytes behind its header."""

_USUAL: Final = 1500
"""Bytes of the largest packets of clients, where nothing says how large they are."""

_LEAST: Final = {Family.IPV4: 68, Family.IPV6: 1280}
"""The smallest MTU with which the kernel sends a tunnelled packet at all."""


def routes(facts: Facts, pool: Pool) -> Found | None:
    """Is there a way to each server, with a neighbour at its end?"""
    servers = [server for server in pool.servers.values() if server.forwarding is not Forwarding.BYPASS]
    if not servers:
        return None
    looked = f"routes and neighbours of {count(len(servers), 'server')}"
    lost, unasked = [], []
    for server in servers:
        route = facts.routes.get(server.endpoint.address)
        if route is None or route.kind not in ("unicast", "local"):
            lost.append(f"{name(server)}: {_no_route(route)}")
        elif route.neighbour in ("failed", "incomplete"):
            whose = f"its router {route.gateway}" if route.gateway else "it"
            lost.append(f"{name(server)}: {whose} does not answer on {visible(route.interface)} ({route.neighbour})")
        elif route.neighbour == "unknown":
            unasked.append(server)
    if lost:
        # The kernel remembers that a neighbour failed until the next packet to it, however long ago that was.
        anew = "" if facts.probes else "; it may be well again: a probe asks it anew"
        return wrong(looked, some(lost), f"look whether the machine is up, and at its address, cable and VLAN{anew}")
    if unasked:
        return fine(looked, f"there is a way to each; nothing was sent to {named(unasked)} lately")
    return fine(looked, "there is a way to each, and its neighbour answers")


def _no_route(route: Route | None) -> str:
    if route is None:
        return "no route was asked for"
    return visible(route.trouble) or f"its route says {route.kind}"


def same_network(facts: Facts, pool: Pool) -> Found | None:
    """Is each server of the method route in a network of this machine?"""
    servers = servers_by(pool, Forwarding.ROUTE)
    if not servers:
        return None
    looked = f"routes to {count(len(servers), 'server')}"
    far = [
        f"{name(server)} (by {route.gateway})"
        for server in servers
        if (route := facts.routes.get(server.endpoint.address)) is not None and route.gateway is not None
    ]
    if far:
        found = f"behind a router: {some(far)}; it gets packets for the virtual address, and sends them back here"
        return wrong(looked, found, "put the server into the director's own network, or use tunnel or masq")
    return fine(looked, "no router stands between")


def ports(facts: Facts, pool: Pool) -> Found | None:  # noqa: ARG001 - each question takes the facts
    """Is each server on the port of the service, where packets keep their port?"""
    direct = servers_by(pool, Forwarding.ROUTE, Forwarding.TUNNEL)
    if not direct or isinstance(pool.service.key, MarkKey):
        return None
    looked = f"ports of {count(len(direct), 'server')}"
    for piece in unreachable_ports(pool):
        return wrong(looked, f"{piece.sentence}; {piece.reason}", piece.remedy)
    return fine(looked, "the same as the service's")


def mtu(facts: Facts, pool: Pool) -> Found | None:
    """Do full packets of clients fit into the tunnels?"""
    servers = [server for server in servers_by(pool, Forwarding.TUNNEL) if is_remote(facts, server)]
    if not servers:
        return None
    looked = f"MTU of the ways to {count(len(servers), 'server')}, less the tunnel's headers"
    known = [(server, facts.routes[server.endpoint.address].mtu) for server in servers if _has_mtu(facts, server)]
    if not known:
        return unknown(looked, "the MTU of no way is known")
    server, outer = min(known, key=lambda pair: pair[1] - overhead(pair[0]))
    room, family = outer - overhead(server), pool.service.key.family
    remedy = f"raise the MTU on the way to {name(server)} to {_largest(facts, pool) + overhead(server)}"
    if room < _LEAST[family]:
        return wrong(looked, f"{room} bytes are left of {outer} to {name(server)}: nothing is sent there", remedy)
    if room >= _largest(facts, pool):
        return fine(looked, f"packets of {_largest(facts, pool)} bytes fit")
    advmss = f"or have the servers ask for less (advmss {room - _IP[family] - 20} on their route to clients)"
    text = (
        f"packets over {room} bytes do not fit into {outer} to {name(server)}, and clients send {_largest(facts, pool)}"
    )
    if facts.setting("pmtu_disc") == "0" and family is Family.IPV4:
        return warn(looked, f"{text}: they are sent in fragments (pmtu_disc is 0)", f"{remedy}, {advmss}")
    answer = "they are answered by ICMP, and uploads hang where that is filtered"
    return warn(looked, f"{text}: {answer}", f"{remedy}, {advmss}")


def _has_mtu(facts: Facts, server: RealServer) -> bool:
    route = facts.routes.get(server.endpoint.address)
    return route is not None and route.mtu > 0 and route.kind == "unicast"


def _largest(facts: Facts, pool: Pool) -> int:
    """Return the size of the largest packets that come in: the MTU of the link with the virtual address."""
    links = (facts.network.link_of(address) for address in facts.addresses(pool))
    return max((link.mtu for link in links if link is not None), default=_USUAL)


def overhead(server: RealServer) -> int:
    """Return the bytes that a tunnel puts before each packet."""
    outer, tunnel = _IP[Family.of(server.endpoint.address)], server.tunnel
    match tunnel.type:
        case TunnelType.GUE:
            return outer + _UDP + _GUE + (_GUE_PRIVATE if tunnel.checksum & _REMOTE_CHECKSUM else 0)
        case TunnelType.GRE:
            return outer + _GRE + (_GRE_CHECKSUM if tunnel.checksum else 0)
        case _:
            return outer


def answers(facts: Facts, pool: Pool) -> Found | None:
    """Do the answers of masqueraded servers come back through this machine?"""
    servers = servers_by(pool, Forwarding.MASQ)
    servers = [server for server in servers if is_remote(facts, server)]
    if not servers:
        return None
    looked = f"packets in and out of {count(len(servers), 'server')}"
    engine = pool.service.persistence.engine if pool.service.persistence else ""  # it may find connections anew
    if pool.service.flags & ServiceFlags.ONE_PACKET and not engine:
        found = "IPVS keeps no connection of a one-packet service: answers of masqueraded servers leave as they are"
        return warn(looked, f"{found}, from the servers' own addresses", "take one-packet out, or use route or tunnel")
    seen = facts.reading.servers.get(pool.service.key, {})
    counted = [(server, known.stats) for server in servers if (known := seen.get(server.endpoint)) and known.stats]
    if not counted:
        return unknown(looked, "/proc shows no counters of packets; run it as root")
    silent = [server for server, stats in counted if is_unanswered(stats)]
    if not silent:
        return fine(looked, "answers pass" if any(stats.out_packets for _, stats in counted) else "no packets yet")
    passages = {server: facts.answered.get(ServerKey(pool.service.key, server.endpoint)) for server in silent}
    for server, passage in passages.items():
        if passage is not None and passage.dropped:
            return wrong(looked, f"nothing comes back from {name(server)}: {passage.dropped} drops it", passage.remedy)
    found = f"nothing comes back from {named(silent)}"
    remedy = f"make this director the gateway of {name(silent[0])} (ip route on the server), and look whether it serves"
    if isinstance(pool.service.key, AddressKey) and pool.service.key.protocol is Protocol.UDP:
        return warn(looked, f"{found}, as is right where nobody answers (syslog)", remedy)
    dropped = _may_be_dropped(passages.values())
    if any(_answers_probe(facts, pool, server) for server in silent):
        return wrong(looked, f"{found}, though it answers this director: answers take another way{dropped}", remedy)
    return wrong(looked, f"{found}: it does not answer, or its answers take another way{dropped}", remedy)


def _may_be_dropped(passages: Iterable[Passage | None]) -> str:
    """Return what to think of rules of this machine, which answers pass before IPVS sees them; empty where nothing."""
    known = list(passages)
    if place := next((one.may_be_dropped for one in known if one is not None and one.may_be_dropped), None):
        return f", or {place} drops them here"
    unread = any(one is None or one.way.trouble for one in known)
    return ", or a rule of the hook forward drops them here" if unread else ""


def _answers_probe(facts: Facts, pool: Pool, server: RealServer) -> bool:
    found = facts.probes.get(ServerKey(pool.service.key, server.endpoint), ())
    return any(answer.outcome is Outcome.ANSWERS for answer in found)


def probe(facts: Facts, pool: Pool) -> Found | None:
    """Does each server answer when it is asked by the way of the traffic?"""
    asked = [
        (server, answer)
        for server in pool.servers.values()
        for answer in facts.probes.get(ServerKey(pool.service.key, server.endpoint), ())
    ]
    if not asked:
        return None
    looked = count(len(asked), "probe")
    bad = {server: answer for server, answer in asked if answer.outcome.is_bad}
    if bad:
        sentences = (f"{name(server)}: {visible(answer.sentence)}" for server, answer in bad.items())
        return wrong(looked, "; ".join(sentences), _cure(facts, bad))
    open_ones = [visible(answer.sentence) for _, answer in asked if answer.outcome is not Outcome.ANSWERS]
    if open_ones:
        return unknown(looked, some(open_ones))
    return fine(looked, "each answers")


def _cure(facts: Facts, servers: Iterable[RealServer]) -> str:
    """Return what to look at on servers that did not answer, by the methods with which packets reach them."""
    cures = {
        Forwarding.ROUTE: "the virtual address on lo (ip addr add VIP/32 dev lo), a program that listens on it",
        Forwarding.TUNNEL: "the tunnel device (ip link set tunl0 up), the virtual address on it, rp_filter 0 there",
    }
    methods = dict.fromkeys(server.forwarding for server in servers if is_remote(facts, server))
    known = [f"{forwarding_text(method)}: {cures[method]}" for method in methods if method in cures]
    return "on the server, look at " + "; ".join(known or ["the program that should listen, and its firewall"])
