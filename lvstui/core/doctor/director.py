"""Questions about the director as a whole: is each packet forwarded, tracked and balanced that its services need?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lvstui.core.director.lines import CROWDED, crowding
from lvstui.core.doctor.facts import Facts, is_ftp, is_standing_aside, is_unanswered, servers_by
from lvstui.core.doctor.finding import Found, fine, unknown, warn, wrong
from lvstui.core.doctor.words import named, some
from lvstui.core.fields import service_text, visible
from lvstui.core.model import AddressKey, Family, Forwarding, Pool, RealServer, Service, SyncRole
from lvstui.core.trace.finding import server_of
from lvstui.core.trace.route import FILTERED
from lvstui.core.words import count

_OVERFULL: Final = 4 * CROWDED
"""Rows a bucket from which a table is so much too small that it is said to be wrong."""

_NEARLY, _FULL = 80, 97
"""Percent of connection tracking's table from which it is nearly full, and full but for what comes and goes."""

_STRICT: Final = 1

_DEFENCES: Final = {
    "drop_entry": "connections are thrown out of the table at random",
    "drop_packet": "packets of clients are dropped on their way in",
    "secure_tcp": "half-open connections are given up early",
}


def modules(facts: Facts) -> Found | None:
    """Is there a module for everything that the services, or those that the profile wants, need?"""
    loaded = facts.network.modules
    ftp = [pool for pool in facts.pools if is_ftp(pool) and servers_by(pool, Forwarding.MASQ)]
    known = facts.snapshot.schedulers
    added = [change.after for change in facts.snapshot.profile.drift if change.before is None]
    wanted = [service for service in added if isinstance(service, Service) and known]
    missing = [service for service in wanted if service.scheduler not in known]
    looked = "modules of the kernel"
    if missing:
        name = visible(missing[0].scheduler)
        found = f"the profile has {service_text(missing[0].key)} with the scheduler {name}, which this kernel lacks"
        return wrong(looked, found, f"modprobe ip_vs_{name}, or choose another scheduler; then `lvstui apply`")
    if not ftp:
        return fine(looked, "no service needs one that is not there")
    if loaded is None:
        return unknown(looked, "/sys/module cannot be read")
    if "ip_vs_ftp" not in loaded:
        found = f"{service_text(ftp[0].service.key)} serves FTP by masq, and ip_vs_ftp is not loaded: data finds no way"
        return wrong(looked, found, "modprobe ip_vs_ftp")
    return fine(looked, "ip_vs_ftp is loaded")


def forwarding(facts: Facts) -> Found | None:
    """Does this machine forward what masqueraded servers answer?"""
    looked, found, needed = [], [], False
    remedies = []
    for family, switch in ((Family.IPV4, "ipv4/ip_forward"), (Family.IPV6, "ipv6/conf/all/forwarding")):
        links = _links_to_masqueraded(facts, family)
        if links is None:
            continue
        needed = True
        switches = [switch] + [f"ipv4/conf/{link}/forwarding" for link in links if family is Family.IPV4]
        known = {path: facts.network.number(path) for path in switches}
        looked += [_sysctl(path) for path in switches]
        if known[switch] is None:
            return unknown(some(looked), f"{_sysctl(switch)} cannot be read")
        off = [path for path, value in known.items() if value == 0]
        off = off[:1] if switch in off else off
        found += [f"{_sysctl(path)} is 0" for path in off]
        remedies += [f"sysctl -w {_sysctl(path)}=1" for path in off]
    if not needed:
        return None
    if found:
        return wrong(some(looked), f"{some(found)}: answers of masqueraded servers are dropped here", some(remedies))
    return fine(some(looked), "packets of masqueraded servers are forwarded")


def _links_to_masqueraded(facts: Facts, family: Family) -> list[str] | None:
    """Return the interfaces that lead to masqueraded servers of a family; None where there are no such ones."""
    addresses = {
        server.endpoint.address
        for pool in facts.pools
        for server in servers_by(pool, Forwarding.MASQ)
        if Family.of(server.endpoint.address) is family
    }
    if not addresses:
        return None
    routes = (facts.routes[address] for address in addresses if address in facts.routes)
    return sorted({route.interface for route in routes if route.kind == "unicast" and route.interface}) or None


def _sysctl(path: str) -> str:
    """Return the name of a setting as sysctl takes it; names of interfaces may have dots (eth0.7)."""
    return f"net.{path.replace('/', '.')}" if path.count(".") == 0 else f"net/{path}"


def rp_filter(facts: Facts) -> Found | None:
    """Does the reverse path filter drop what comes in?"""
    if all(pool.service.key.family is not Family.IPV4 for pool in facts.pools):
        return None
    network = facts.network
    everywhere = network.number("ipv4/conf/all/rp_filter")
    if everywhere is None:
        return unknown("rp_filter", "net.ipv4.conf.all.rp_filter cannot be read")
    values = {name: max(everywhere, network.number(f"ipv4/conf/{name}/rp_filter") or 0) for name in network.links}
    strict = [visible(name) for name, value in values.items() if value == _STRICT and name != "lo"]
    looked = f"rp_filter of {count(len(values), 'interface')}, its counter, ways of packets to the services"
    traces = [trace for ways in facts.ways.values() for trace in ways]
    dropped = [trace.packet for trace in traces if trace.first.way is not None and trace.first.way.trouble == FILTERED]
    clients = {(connection.client.address, connection.virtual.address) for connection in facts.scan.connections}
    seen = [packet for packet in dropped if (packet.source, packet.destination) in clients]
    for packet in seen:
        found = f"what {packet.source} sends in by {visible(packet.interface)} is dropped{_way_back(facts)}"
        return wrong(looked, found, _loosen(visible(packet.interface), everywhere))
    if not strict:
        return fine(looked, "strict nowhere")
    text = f"strict on {some(strict)}"
    if evidence := _filtered(facts):
        return wrong(looked, f"{text}; {evidence}", _loosen(strict[0] if len(strict) == 1 else "INTERFACE", everywhere))
    for packet in dropped:  # of a client that nobody has seen: it may be that all come in elsewhere
        by = visible(packet.interface)
        found = f"what clients like {packet.source} send to {packet.destination} by {by} is dropped{_way_back(facts)}"
        return warn(looked, found, f"if clients come in by {by}: {_loosen(by, everywhere)}")
    return fine(looked, text if network.filtered is None else f"{text}; {network.filtered} packets dropped since boot")


def _way_back(facts: Facts) -> str:
    back = facts.back.get(Family.IPV4)
    return f": the way back to clients leads out by {visible(back.interface)}" if back and back.interface else ""


def _filtered(facts: Facts) -> str:
    """Return what shows that rp_filter drops packets that are missed; empty where nothing does."""
    if facts.filtered:
        return f"{facts.filtered} packets were dropped while this was looked at"
    masqueraded = ((pool, server) for pool in facts.pools for server in servers_by(pool, Forwarding.MASQ))
    missed = [server for pool, server in masqueraded if _is_lost(facts, pool, server)]
    if missed and facts.network.filtered:
        return f"{facts.network.filtered} packets dropped since boot, and nothing comes back from {named(missed)}"
    return ""


def _is_lost(facts: Facts, pool: Pool, server: RealServer) -> bool:
    """Return whether packets of IPv4 go to a server and none come back."""
    seen = facts.reading.servers.get(pool.service.key, {}).get(server.endpoint)
    return server.endpoint.address.version == 4 and seen is not None and is_unanswered(seen.stats)


def _loosen(interface: str, everywhere: int) -> str:
    """Return how an interface takes packets that are not answered through it; the larger of two values counts."""
    also = "sysctl -w net.ipv4.conf.all.rp_filter=0 and " if everywhere == _STRICT else ""
    return f"{also}sysctl -w net/ipv4/conf/{interface}/rp_filter=2 (loose), or lead answers out by {interface}"


def redirects(facts: Facts) -> Found | None:
    """Does this machine redirect servers to a shorter way to clients, by which answers miss it?"""
    links = _links_to_masqueraded(facts, Family.IPV4)
    back = facts.back.get(Family.IPV4)
    if not links or back is None or back.interface not in links:
        return None
    paths = [f"ipv4/conf/{name}/send_redirects" for name in ("all", back.interface)]
    looked = some(map(_sysctl, paths))
    on = [path for path in paths if facts.network.number(path)]
    if not on:
        return fine(looked, "no redirects are sent")
    name = visible(back.interface)
    found = (
        f"servers and clients are both reached by {name}: servers are sent redirects, and then answer past the director"
    )
    return warn(looked, found, " and ".join(f"sysctl -w {_sysctl(path)}=0" for path in on))


def conntrack(facts: Facts) -> Found | None:
    """Is connection tracking's table full?"""
    tracked, most = (facts.network.number(f"netfilter/nf_conntrack_{name}") for name in ("count", "max"))
    looked = "nf_conntrack_count and nf_conntrack_max"
    if tracked is None or not most:
        return fine(looked, "connections are not tracked here")
    share = tracked * 100 // most
    text = f"{tracked} of {most} connections are tracked ({share} %)"
    remedy = (
        f"sysctl -w net.netfilter.nf_conntrack_max={2 * most}, or leave balanced packets untracked (notrack in raw)"
    )
    if share >= _FULL:
        return wrong(looked, f"{text}: packets of new connections are dropped", remedy)
    if share >= _NEARLY:
        return warn(looked, f"{text}: soon packets of new connections are dropped", remedy)
    return fine(looked, text)


def table(facts: Facts) -> Found | None:
    """Is the connection table large enough?"""
    looked = "the size of the connection table and its rows"
    reading = facts.reading
    rows = reading.connections if reading.rows is None else reading.rows
    chain, words, remedy = crowding(reading, rows)
    text = f"connections: {words}"
    most = facts.setting("conn_max")
    if most.isdigit() and int(most) and rows * 100 >= int(most) * _FULL:
        return wrong(looked, f"{text}; no more than {most} are allowed (conn_max)", f"set conn_max to {2 * int(most)}")
    if chain > CROWDED:
        found = f"{text}: every packet walks such a chain"
        return (wrong if chain > _OVERFULL else warn)(looked, found, remedy)
    return fine(looked, text)


def defences(facts: Facts) -> Found | None:
    """Does the kernel defend itself by dropping what clients send?"""
    looked = ", ".join(_DEFENCES)
    at_work = [name for name in _DEFENCES if facts.setting(name) in ("2", "3")]
    if not at_work:
        return fine(looked, "none is at work")
    always = [name for name in at_work if facts.setting(name) == "3"]
    found = "; ".join(
        f"{name} is {facts.setting(name)}: {_DEFENCES[name]}{'' if name in always else ', as memory is low'}"
        for name in at_work
    )
    remedy = f"set {always[0]} to 1 in the director view" if always else "find what takes the memory; see amemthresh"
    return (warn if at_work == ["secure_tcp"] else wrong)(looked, found, remedy)


def backup_only(facts: Facts) -> Found | None:
    """Does IPVS stand aside because a backup daemon runs here?"""
    if SyncRole.BACKUP not in facts.director.daemons:
        return None
    looked = "backup_only and the sync daemons"
    if not is_standing_aside(facts):
        return fine(looked, "a backup daemon runs, and IPVS balances beside it (backup_only is 0)")
    found = "backup_only is 1 and a backup daemon runs: IPVS passes every packet by, and balances nothing"
    here = [address for pool in facts.pools for address in facts.addresses(pool) if address in facts.network.addresses]
    if not here:
        return warn(
            looked,
            f"{found}, as it should while another director is at work",
            "`ipvsadm --stop-daemon backup` on failover",
        )
    return wrong(looked, f"{found}, though {here[0]} is here", "set backup_only to 0, or stop the backup daemon")


def masters(facts: Facts) -> Found | None:
    """Does another director send connections under the same id?"""
    daemon, heard = facts.director.daemons.get(SyncRole.MASTER), facts.heard
    if daemon is None:
        return None
    looked = f"sync messages on {visible(daemon.interface)}"
    if heard is None:
        return unknown(looked, "nobody listened")
    if heard.trouble:
        return unknown(looked, heard.trouble)
    looked += f", for {heard.seconds:.1f} s"
    others = [address for address, number in heard.masters if number == daemon.id]
    if others:
        found = f"{others[0]} is a master too, with the same id {daemon.id}: both directors think that they are active"
        return wrong(looked, found, "find out why both are (VRRP packets dropped?), and stop the master on the standby")
    found = "no other master with its id was heard; one without new connections says nothing"
    return fine(looked, found)


def deleted(facts: Facts) -> Found | None:
    """Do clients hang on servers that have been deleted?"""
    scan = facts.scan
    looked = f"{len(scan.connections)} connections" + (
        "" if scan.complete else f", of {facts.reading.rows} rows in all"
    )
    if scan.trouble:
        return unknown("the connection table", scan.trouble)
    lost = list(_lost(facts))
    if not lost:
        return fine(looked, "each is on a server that there is")
    if facts.setting("expire_nodest_conn") not in ("", "0"):
        return fine(
            looked, f"{len(lost)} are of deleted servers, and end with their next packet (expire_nodest_conn is 1)"
        )
    found = f"{len(lost)} are of deleted servers ({some(lost)}): their clients' packets are dropped until they time out"
    return wrong(looked, found, "set expire_nodest_conn to 1, which ends them at their next packet")


def _lost(facts: Facts) -> Iterator[str]:
    """Yield the server of each connection to a service by address that no longer has it."""
    asked = {pool.service.key for pool in facts.pools}
    for connection in facts.scan.connections:
        address, port = connection.virtual
        for key in (AddressKey(connection.protocol, address, port), AddressKey(connection.protocol, address, 0)):
            pool = facts.director.pools.get(key)
            if pool is None:
                continue
            if key in asked and server_of(connection, pool) is None and not _is_over(connection.state):
                yield str(connection.server.address)
            break


def _is_over(state: str) -> bool:
    return state in ("TIME_WAIT", "CLOSE", "CLOSED", "FIN_WAIT", "LAST_ACK")
