"""Questions about one service: do packets to its virtual address come to it, and does its scheduler find a server?"""

from __future__ import annotations

from collections.abc import Mapping

from lvstui.core.advice.services import advice, forwarding_off, unreachable_ports, unserved
from lvstui.core.advice.trouble import trouble_advice
from lvstui.core.describe import service_name
from lvstui.core.doctor.facts import Facts, is_ftp, is_standing_aside, servers_by
from lvstui.core.doctor.finding import Found, fine, unknown, warn, wrong
from lvstui.core.doctor.words import name, named, some
from lvstui.core.fields import flag_names, server_text, service_text, visible
from lvstui.core.keys import with_keys
from lvstui.core.marks.arrivals import MAYBE, OK
from lvstui.core.marks.mark import STATES, mark_at
from lvstui.core.model import (
    Address,
    AddressKey,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Pool,
    RealServer,
    ServiceKey,
)
from lvstui.core.observed import Rule
from lvstui.core.packets.packet import Packet
from lvstui.core.trace.choice import HASHING, is_overloaded
from lvstui.core.trace.refusals import FALLBACK, FALLBACKS
from lvstui.core.trace.request import packet_text
from lvstui.core.trace.route import FILTERED
from lvstui.core.trace.trace import End, Ending
from lvstui.core.words import count


def virtual_address(facts: Facts, pool: Pool) -> Found | None:
    """Do packets to the virtual address come to this machine itself?"""
    looked = "addresses and routes"
    addresses = facts.addresses(pool)
    if not addresses:
        return unknown(looked, "no packet is known that gets this mark")
    away = [address for address in addresses if not _is_here(facts, pool, address)]
    if down := [address for address in addresses if _is_down(facts, address)]:
        link = visible(facts.network.addresses[down[0]].interface)
        return wrong(looked, f"{down[0]} is on {link}, which is down", f"ip link set {link} up")
    if not away:
        if unfound := next((address for address in addresses if _unfound_on(facts, address)), None):
            return _not_found(looked, unfound, _unfound_on(facts, unfound))
        places = dict.fromkeys(visible(local.interface) for a in addresses if (local := facts.network.addresses.get(a)))
        return fine(looked, f"{some(map(str, addresses))} {f'on {some(places)}' if places else 'by a route'}")
    address = away[0]
    held = facts.network.addresses.get(address)
    if held is not None:
        found = f"{address} is on {visible(held.interface)}, but packets to it are not for this machine"
        return wrong(looked, found, "look at `ip addr`: of IPv6 it says dadfailed where another host has the address")
    remedy = f"ip addr add {address}/{address.max_prefixlen} dev {_interface(facts, address)}"
    claim = facts.claims.get(address)
    if claim and claim.answers and _owner(facts, pool, claim.answers[0]) is None:
        found = f"{address} is not here but on another host ({claim.answers[0]}), as where this director stands by"
        return warn(looked, found, f"where this one should be at work: {remedy}, once the other has given it up")
    if isinstance(pool.service.key, MarkKey):
        remedy += ", or a local route for the mark (ip rule fwmark, ip route local)"
    return wrong(looked, f"{address} is no address of this machine: IPVS does not see what is sent there", remedy)


def _unfound_on(facts: Facts, address: Address) -> str:
    """Return the interface with the network of an address, on which this machine does not say that it is here.

    Of IPv6 it says so of the interface's own addresses (ndisc_recv_ns in net/ipv6/ndisc.c); of IPv4 of all, unless
    arp_ignore of the interface wants its own too (arp_ignore in net/ipv4/arp.c).
    """
    held, link = facts.network.addresses.get(address), facts.network.link_of(address)
    if held is None or link is None or held.interface == link.name:
        return ""
    if address.version == 4:
        values = (facts.network.number(f"ipv4/conf/{name}/arp_ignore") for name in ("all", link.name))
        return visible(link.name) if max(value or 0 for value in values) in (1, 2, 8) else ""
    return visible(link.name)


def _not_found(looked: str, address: Address, link: str) -> Found:
    about = "IPv6 answers for" if address.version == 6 else "with arp_ignore it answers for"
    found = f"neighbours on {link} do not find {address}: {about} the interface's own addresses only"
    remedy = f"ip addr add {address}/{address.max_prefixlen} dev {link}, unless a router sends it here"
    return warn(looked, found, remedy)


def _is_down(facts: Facts, address: Address) -> bool:
    """Return whether an address stands on an interface that is down, which the kernel's routes do not mind (IPv4)."""
    held = facts.network.addresses.get(address)
    link = facts.network.links.get(held.interface) if held is not None else None
    return link is not None and link.asks and not link.up


def _is_here(facts: Facts, pool: Pool, address: Address) -> bool:
    """Return whether what is sent to an address is for this machine.

    What rp_filter drops, or a rule before the routes are asked, says nothing about that.
    """
    ways = [trace.first for trace in facts.ways.get(pool.service.key, ()) if trace.packet.destination == address]
    routed = [way.end is not End.AWAY for way in ways if way.way is None or way.way.trouble != FILTERED]
    return all(routed) if routed else address in facts.network.addresses


def _interface(facts: Facts, address: Address) -> str:
    """Return the interface on which an address would be looked for."""
    link = facts.network.link_of(address)
    back = facts.back.get(Family.of(address))
    return visible(link.name if link else back.interface if back and back.interface else "INTERFACE")


def other_owner(facts: Facts, pool: Pool) -> Found | None:
    """Does another host answer for the virtual address?"""
    claims = {address: facts.claims[address] for address in facts.addresses(pool) if address in facts.claims}
    ours = [address for address in claims if address in facts.network.addresses]
    if not claims:
        return None
    looked = f"one request for {some(map(str, claims))}, and who answers"
    for address in ours or claims:
        claim = claims[address]
        if not claim.answers:
            continue
        owner = _owner(facts, pool, claim.answers[0])
        if owner is not None:
            found = (
                f"its real server {server_text(owner)} ({claim.answers[0]}) answers for {address}: clients bypass IPVS"
            )
            six = "no such setting helps IPv6: keep the address on a dummy interface with NOARP there"
            four = "on the server: sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"
            return wrong(looked, found, four if address.version == 4 else six)
        if address in ours:
            who = ", ".join(claim.answers)
            found = f"another host answers for {address} by {visible(claim.interface)}: {who}; some clients go there"
            return wrong(looked, found, "find the host with this link address, and take the address away from it")
    if trouble := next((claim.trouble for claim in claims.values() if claim.trouble), ""):
        return unknown(looked, trouble)
    return fine(looked, "no other host does" if ours else "another host does, as the address is not here")


def _owner(facts: Facts, pool: Pool, link_address: str) -> Endpoint | None:
    """Find the real server of a service with a link address."""
    for endpoint in pool.servers:
        route = facts.routes.get(endpoint.address)
        if route is not None and route.gateway is None and route.link_address == link_address:
            return endpoint
    return None


def mark(facts: Facts, pool: Pool) -> Found | None:
    """Do packets get the mark, before IPVS looks at it?"""
    key = pool.service.key
    if not isinstance(key, MarkKey):
        return None
    known = mark_at(facts.snapshot, key.mark)
    rules = [rule for rule in known.rules if _is_about(rule.rule, key.family)]
    looked = f"{count(len(rules), 'rule')} for mark {key.mark}, and packets that are walked through them"
    if any(rule.state.text == OK for rule in rules):
        return fine(looked, "packets come to IPVS with it")
    state = rules[0].state.text if rules else "no rule" if known.rules else known.state.text
    if state in (MAYBE, "unknown", "raw", ""):
        return unknown(looked, STATES.get(state, "the rules do not show it"))
    if not known.rules and (other := _set_elsewhere(facts, pool)):
        because = f"no rule of nftables or iptables sets it; {other}"
        return unknown(looked, because, "look at `tc filter show dev INTERFACE ingress`")
    failed = next((rule.failed for rule in rules if rule.failed), None)
    by = f"; {packet_text(failed.packet)} comes with mark {failed.mark}" if failed and failed.packet else ""
    remedy = with_keys("the marks view ({3:view.marks}) shows the rules; {T:trace} follows a packet through them")
    return wrong(looked, f"{state}: {STATES.get(state, state)}{by}", remedy)


def _set_elsewhere(facts: Facts, pool: Pool) -> str:
    """Return what shows that a mark may be set by what lvstui does not read; empty where nothing does."""
    stats = facts.reading.services.get(pool.service.key)
    if stats is not None and stats.connection_rate:
        return f"but {stats.connection_rate} new connections come with it in a second, so tc or a program does"
    if facts.network.classified:
        return f"filters of tc on {some(map(visible, facts.network.classified))} may, and they are not read"
    return ""


def _is_about(rule: Rule, family: Family) -> bool:
    """Return whether packets of a family may come to a rule and match."""
    if rule.family in ("ip", "ip6") and (rule.family == "ip6") is not (family is Family.IPV6):
        return False
    networks = rule.selector.addresses if rule.selector else ()
    return not networks or any(Family.of(network.network_address) is family for network in networks)


def arrival(facts: Facts, pool: Pool) -> Found | None:
    """Does a packet that opens a connection come to this service?"""
    ways = facts.ways.get(pool.service.key, ())
    if is_standing_aside(facts):
        return None
    if not ways:
        return None if isinstance(pool.service.key, AddressKey) else unknown("rules", "no packet for it is known")
    looked = f"the way of {packet_text(ways[0].packet)}"
    if len(ways) > 1:
        looked += f" and {len(ways) - 1} more through rules and routes"
    for way in ways:
        if found := _lost(way.first, way.packet, pool, looked):
            return found
    if trouble := next((way.trouble for way in ways if way.trouble), ""):
        return unknown(looked, f"not all rules are known: {visible(trouble)}")
    for way in ways:
        if any(_lost(other, way.packet, pool, looked) for other in way.endings[1:]):
            because = "some rules ask what is not known of a packet"
            return unknown(looked, because, f"`lvstui trace {packet_text(way.packet)}` shows them")
    return fine(looked, "it comes to this service")


def _lost(ending: Ending, packet: Packet, pool: Pool, looked: str) -> Found | None:
    """Return what keeps a packet from a service; None where it comes there, or another question is about the reason."""
    what, remedy = packet_text(packet), f"`lvstui trace {packet_text(packet)}` shows each rule on its way"
    taken = ending.pool
    if taken is not None and taken.service.key != pool.service.key:
        return warn(looked, f"{what} goes to {service_name(taken.service)} instead", remedy)
    match ending.end:
        case End.DROPPED:
            return warn(looked, f"{what} is dropped: {ending.reason}", remedy)
        case End.LEFT:
            return wrong(looked, f"{what} is not balanced: {ending.reason}", remedy)
        case _:
            return None


def weights(facts: Facts, pool: Pool) -> Found | None:  # noqa: ARG001 - each question takes the facts
    """Is there a server that takes new connections?"""
    looked = f"weights of {count(len(pool.servers), 'server')}"
    if not pool.servers:
        return wrong(looked, "it has no real server: new connections are refused", "add one")
    for piece in unserved(pool):
        return wrong(looked, f"{piece.sentence}: {piece.reason}", piece.remedy)
    key = pool.service.key
    if isinstance(key, AddressKey) and not key.port and pool.service.persistence is None:
        return wrong(looked, "a service on port 0 without persistence serves nobody", "set a persistence timeout")
    if pool.service.scheduler == "none":
        return wrong(looked, "its scheduler is none, which serves nobody", "set a scheduler")
    return fine(looked, f"{sum(server.weight > 0 for server in pool.servers.values())} have weight")


def full(facts: Facts, pool: Pool) -> Found | None:
    """Is every server at its upper threshold?"""
    limited = [server for server in pool.servers.values() if server.upper and server.weight]
    if not limited:
        return None
    looked = f"thresholds and connections of {count(len(limited), 'server')}"
    over = [server for server in limited if _is_full(facts, pool, server)]
    if not over:
        return fine(looked, "none is full")
    names = named(over)
    if all(not server.weight or server in over for server in pool.servers.values()):
        return wrong(looked, f"all are full ({names}): new connections are refused", "raise upper, or add a server")
    if pool.service.scheduler in HASHING and not _falls_back(pool):
        return wrong(looked, f"{names}: full, and {pool.service.scheduler} refuses its clients", _fall_back(pool))
    return warn(looked, f"{names}: full; the others take what comes", "raise upper, or add a server")


def _is_full(facts: Facts, pool: Pool, server: RealServer) -> bool:
    seen = facts.reading.servers.get(pool.service.key, {}).get(server.endpoint)
    return is_overloaded(server, seen) is True


def refusing(facts: Facts, pool: Pool) -> Found | None:  # noqa: ARG001 - each question takes the facts
    """Does the scheduler refuse clients whose server is drained?"""
    scheduler = pool.service.scheduler
    if scheduler not in HASHING:
        return None
    drained = [server for server in pool.servers.values() if not server.weight]
    looked = f"scheduler {scheduler}, its flags, and weights"
    if not drained:
        return fine(looked, "no server is drained")
    if _falls_back(pool):
        return fine(looked, "clients of drained servers go to others")
    if len(drained) == len(pool.servers):
        return None
    found = f"{named(drained)}: at weight 0, and {scheduler} refuses the clients that it assigns there"
    return wrong(looked, found, _fall_back(pool))


def _falls_back(pool: Pool) -> bool:
    return pool.service.scheduler in FALLBACKS and bool(pool.service.flags & FALLBACK)


def _fall_back(pool: Pool) -> str:
    """Return the edit with which the clients of a server that cannot serve go to others."""
    flags = flag_names(pool.service.scheduler)
    word = next((word for word, flag in flags.items() if flag is FALLBACK), "")
    if pool.service.scheduler not in FALLBACKS:
        return "choose a scheduler that tries others, such as mh with mh-fallback"
    return with_keys(
        f"add the flag {word} to {service_text(pool.service.key)} ({{e:edit}}), or delete the drained server"
    )


def expected_data(facts: Facts, pool: Pool) -> Found | None:  # noqa: ARG001 - each question takes the facts
    """Do FTP's connections for data follow their control connection?"""
    direct = servers_by(pool, Forwarding.ROUTE, Forwarding.TUNNEL)
    if not is_ftp(pool) or not direct:
        return None
    looked = "persistence, as servers answer clients themselves"
    if pool.service.persistence is not None:
        return fine(looked, "data goes to the same server by its persistence entry")
    return wrong(looked, "passive FTP: connections for data find no server", "set a persistence timeout")


def health(facts: Facts, pool: Pool) -> Found | None:
    """Do the servers complete the connections that they get?"""
    found = [
        f"{name(server)} {verdict.trouble.predicate}: {verdict.evidence}"
        for key, verdict in facts.snapshot.health.items()
        if key.service == pool.service.key and (server := pool.servers.get(key.endpoint)) is not None
    ]
    looked = "counters and states of connections"
    if found:
        advised = (piece.remedy for piece in trouble_advice(facts.snapshot) if piece.key == pool.service.key)
        return wrong(looked, "; ".join(found), f"{next(advised, 'repair it')}; --probe asks it")
    return fine(looked, "no server is seen in trouble")


def other_advice(facts: Facts) -> Mapping[ServiceKey, list[Found]]:
    """What else does the advice say of each service, that no question before has been about?"""
    before = [*forwarding_off(facts.snapshot), *trouble_advice(facts.snapshot)]
    for pool in facts.pools:
        before += [*unserved(pool), *unreachable_ports(pool)]
    said = {(piece.about, piece.sentence) for piece in before}  # the advice adds which of them is wrong
    found: dict[ServiceKey, list[Found]] = {}
    for piece in advice(facts.snapshot):
        if piece.key is not None and (piece.about, piece.sentence) not in said:
            said_of = found.setdefault(piece.key, [])
            said_of.append(warn("the advice", f"{piece.sentence}; {piece.reason}", piece.remedy))
    return found
