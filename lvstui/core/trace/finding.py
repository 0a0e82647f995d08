"""What IPVS finds for a packet: its connection, its virtual service, and its persistence entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lvstui.core.entries.resolve import FTP, EntryKey, ResolvedEntry, mask_client
from lvstui.core.model import AddressKey, Director, Endpoint, MarkKey, Persistence, Pool, Protocol, Service, ServiceKey
from lvstui.core.observed import Connection
from lvstui.core.packets.packet import Packet

BALANCED: Final = frozenset(Protocol)
"""The protocols that IPVS schedules; ah and esp are only followed (net/netfilter/ipvs/ip_vs_proto_ah_esp.c)."""

FTP_DATA: Final = 20
"""The port of FTP's data: IPVS schedules nothing that comes from there (ip_vs_schedule)."""

_UNPRIVILEGED: Final = 1024
"""The lowest port that anybody may listen on (net.ipv4.ip_unprivileged_port_start), as a passive FTP server does."""

_ENDED: Final = frozenset({"TIME_WAIT", "CLOSE", "CLOSED"})
"""States of a connection after which its ports may be used for another one (is_new_conn_expected)."""

_HONOURED: Final = frozenset({"ok", "drain"})
"""States of an entry with which it decides (ip_vs_check_template); neither weight 0 nor a threshold keeps it from."""


def find_pool(packet: Packet, mark: int, director: Director) -> Pool | None:
    """Find the service that takes a packet, as ip_vs_service_find in net/netfilter/ipvs/ip_vs_ctl.c does.

    First by its mark, then by protocol, address and port, then FTP's for what may be its data, last the one on port 0.
    The packet's destination is the one that IPVS sees.
    """
    protocol, address, port = packet.protocol, packet.destination, packet.destination_port
    keys: list[ServiceKey] = [MarkKey(mark, packet.family)] if mark else []
    keys.append(AddressKey(protocol, address, port))
    if protocol is Protocol.TCP and (port == FTP_DATA or port >= _UNPRIVILEGED):
        keys.append(AddressKey(protocol, address, FTP))
    keys.append(AddressKey(protocol, address, 0))
    return next((director.pools[key] for key in keys if key in director.pools), None)


def find_connections(packet: Packet, connections: Sequence[Connection]) -> list[Connection]:
    """Return the connections that a packet belongs to, or may belong to where its source port is not known.

    One without a client's port waits for the first packet of FTP's data (IP_VS_CONN_F_NO_CPORT).
    """
    found = [
        connection
        for connection in connections
        if connection.protocol == packet.protocol
        and connection.client.address == packet.source
        and connection.virtual == (packet.destination, packet.destination_port)
    ]
    if packet.source_port is None:
        return found
    own = [connection for connection in found if connection.client.port == packet.source_port]
    return own or [connection for connection in found if connection.client.port == 0]


def owner_of(connection: Connection, packet: Packet, mark: int, director: Director) -> Pool | None:
    """Find the service that a connection came through: what takes its packets now, if it has that server, else a mark.

    The kernel goes on with a connection whatever mark its packets have, and does not show its service.
    """
    pool = find_pool(packet, mark, director)
    marked = (pool for key, pool in director.pools.items() if isinstance(key, MarkKey) and key.family is packet.family)
    every = (pool, find_pool(packet, 0, director), *marked)
    return next((one for one in every if one is not None and server_of(connection, one) is not None), None)


def server_of(connection: Connection, pool: Pool | None) -> Endpoint | None:
    """Find a connection's server in a service; those on marks, on port 0 and of FTP keep the port of the packet."""
    if pool is None:
        return None
    if connection.server in pool.servers:
        return connection.server
    key, address = pool.service.key, connection.server.address
    if isinstance(key, AddressKey) and key.port not in (0, FTP):
        return None
    return next((endpoint for endpoint in pool.servers if endpoint.address == address), None)


def is_taken_over(connection: Connection, packet: Packet, pool: Pool | None, settings: Mapping[str, str]) -> bool:
    """Return whether IPVS schedules a packet anew although there is a connection with its ports (ip_vs_in_hook).

    Connections of persistent services hang on an entry, and are never taken over.
    """
    if packet.established or packet.protocol is Protocol.UDP or packet.protocol not in BALANCED:
        return False
    if pool is not None and pool.service.persistence is not None:
        return False
    endpoint = server_of(connection, pool)
    if settings.get("expire_nodest_conn", "0") != "0" and pool and endpoint and pool.servers[endpoint].weight == 0:
        return True
    return settings.get("conn_reuse_mode", "1") != "0" and connection.state in _ENDED


def entry_key(packet: Packet, service: Service, persistence: Persistence) -> EntryKey:
    """Return what the entry that decides about a packet is found by (ip_vs_sched_persist)."""
    key, client = service.key, mask_client(packet.source, persistence)
    if isinstance(key, MarkKey):
        return EntryKey(key, client)
    port = key.port if packet.destination_port == key.port != FTP else 0
    return EntryKey(AddressKey(packet.protocol, packet.destination, port), client)


def is_honoured(entry: ResolvedEntry) -> bool:
    """Return whether an entry decides where its client's next connection goes."""
    return entry.state in _HONOURED
