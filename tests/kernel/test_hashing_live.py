"""The servers that hashing schedulers choose, against the kernel's own choice for a thousand clients."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from ipaddress import ip_address

import pytest

from lvstui.core.change import change_server, change_service
from lvstui.core.model import (
    Address,
    AddressKey,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Protocol,
    Service,
    ServiceFlags,
    ServiceKey,
)
from lvstui.core.observed import Reading
from lvstui.core.packets.packet import Packet
from lvstui.core.trace.choice import Choice, choose
from lvstui.kernel.live import Live
from tests.build import address_key, server

pytestmark = pytest.mark.kernel

FALLBACK, PORT = ServiceFlags.SCHED_1, ServiceFlags.SCHED_2
UDP4 = address_key("udp:192.0.2.99:5353")
UDP6 = address_key("udp:[2001:db8:99::1]:5353")
MARKED = MarkKey(99, Family.IPV4)
CLIENTS = {
    Family.IPV4: [ip_address(f"10.77.{number >> 6}.{number * 7 % 256}") for number in range(1, 1001)],
    Family.IPV6: [ip_address(f"fd77::{number % 5}:{number * 61:x}") for number in range(1, 1001)],
}
_IPV6_FREEBIND = 78
SET_UP = """\
link add hashing type dummy
link set hashing up
address add 10.79.0.1/24 dev hashing
-6 address add fd79::1/64 dev hashing nodad
address add 192.0.2.99/32 dev lo
-6 address add 2001:db8:99::1/128 dev lo nodad
route add local 10.77.0.0/16 dev lo
-6 route add local fd77::/64 dev lo
"""


@pytest.fixture
def addresses(live: Live) -> Iterator[Live]:
    """Yield a kernel on which the thousand clients and the virtual addresses are its own."""
    for line in SET_UP.splitlines():
        subprocess.run(["ip", *line.split()], check=True)
    yield live
    for line in reversed(SET_UP.splitlines()):
        undone = line.replace(" add ", " del ").removesuffix(" nodad").removesuffix(" type dummy")
        if " set " not in line:
            subprocess.run(["ip", *undone.split()], check=False)


def make_service(live: Live, key: ServiceKey, scheduler: str, flags: ServiceFlags, weights: Sequence[int]) -> None:
    service = Service(key, scheduler, flags)
    live.write(change_service(None, service))
    for number, weight in enumerate(weights, 11):
        place = (
            f"10.79.0.{number}:{5000 + number}" if key.family is Family.IPV4 else f"[fd79::{number}]:{5000 + number}"
        )
        live.write(change_server(key, None, server(place, Forwarding.MASQ, weight)))


def knock(client: Address, port: int, virtual: Endpoint, mark: int = 0) -> None:
    family = socket.AF_INET if client.version == 4 else socket.AF_INET6
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as sender:
        if mark:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        if client.version == 6:
            sender.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        sender.bind((str(client), port))
        with suppress(PermissionError):  # IPVS drops it where nobody serves this client
            sender.sendto(b"?", (str(virtual.address), virtual.port))


def taken(live: Live) -> dict[tuple[Endpoint, Endpoint], Endpoint]:
    """Return the server that each client got, as the kernel's table says."""
    return {(row.client, row.virtual): row.server for piece in live.scan() for row in piece.connections}


def foretell(reading: Reading, key: ServiceKey, client: Endpoint, virtual: Endpoint) -> Choice:
    packet = Packet(Protocol.UDP, client.address, virtual.address, virtual.port, client.port)
    return choose(reading.director.pools[key], packet, reading.servers[key])


@pytest.mark.parametrize(
    ("number", "key", "scheduler", "flags", "weights"),
    [
        (1, UDP4, "sh", ServiceFlags.NONE, (1, 1, 1)),
        (2, UDP4, "sh", ServiceFlags.NONE, (3, 0, 200, 7, 1)),
        (3, UDP4, "sh", FALLBACK, (3, 0, 200, 0, 1)),
        (4, UDP4, "sh", FALLBACK | PORT, (300, 0, 5, 5)),
        (5, UDP4, "mh", ServiceFlags.NONE, (1,)),
        (6, UDP4, "mh", ServiceFlags.NONE, (10, 20, 35)),
        (7, UDP4, "mh", FALLBACK | PORT, (1, 1, 900, 4, 7)),
        (8, UDP6, "sh", FALLBACK, (5, 1, 0, 2)),
        (9, UDP6, "mh", PORT, (2, 3, 5)),
    ],
)
def test_a_thousand_clients_get_the_server_that_was_foretold(
    addresses: Live, number: int, key: AddressKey, scheduler: str, flags: ServiceFlags, weights: Sequence[int]
) -> None:
    # A port of its own: connections of another case would decide about the same clients.
    key = key._replace(port=5000 + number)
    make_service(addresses, key, scheduler, flags, weights)
    reading, virtual = addresses.read(), Endpoint(key.address, key.port)
    clients = [Endpoint(client, 20000 + number) for number, client in enumerate(CLIENTS[key.family])]
    foretold = {client: foretell(reading, key, client, virtual) for client in clients}
    for client in clients:
        knock(*client, virtual)
    got = taken(addresses)
    wrong = [
        (client, choice, got.get((client, virtual)))
        for client, choice in foretold.items()
        if not choice.certain or (choice.servers or (None,)) != (got.get((client, virtual)),)
    ]
    assert not wrong, (len(wrong), wrong[:3])
    assert len(got) >= 200


def test_dh_follows_the_destination_also_on_a_mark_and_after_servers_came_and_went(addresses: Live) -> None:
    make_service(addresses, MARKED, "dh", ServiceFlags.NONE, (1, 5, 0, 1))
    pool = addresses.read().director.pools[MARKED]
    first = pool.servers[min(pool.servers)]
    addresses.write(change_server(MARKED, first, None))
    addresses.write(change_server(MARKED, None, first))
    client, reading = Endpoint(ip_address("10.77.200.1"), 20000), addresses.read()
    targets = [Endpoint(target, 5353) for target in CLIENTS[Family.IPV4]]
    foretold = {target: foretell(reading, MARKED, client, target) for target in targets}
    for target in targets:
        knock(*client, target, MARKED.mark)
    got = taken(addresses)
    for target, choice in foretold.items():
        expected = choice.servers[0].address if choice.servers else None
        seen = got.get((client, target))
        assert (expected, choice.certain) == (seen.address if seen else None, True)
    assert len(got) >= 500


def test_a_drained_server_makes_the_table_of_mh_uncertain(addresses: Live) -> None:
    make_service(addresses, UDP4, "mh", ServiceFlags.NONE, (1, 1, 0))
    choice = foretell(
        addresses.read(), UDP4, Endpoint(ip_address("10.77.0.1"), 20000), Endpoint(UDP4.address, UDP4.port)
    )
    assert not choice.certain
    assert {endpoint.port for endpoint in choice.servers} == {5011, 5012}
