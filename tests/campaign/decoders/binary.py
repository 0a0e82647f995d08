"""What the kernel answers over netlink, read as the screens read it; and messages to its sync daemon."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Final, TypeAlias

from lvstui.core.change import DirectorField
from lvstui.core.entries.sync_message import Message
from lvstui.core.marks.script import groups
from lvstui.core.model import Endpoint, Protocol, SyncRole
from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Chain, Line, Program, Stop, Table
from lvstui.core.packets.walk import walk
from lvstui.kernel.ipvs.sync_door import Malformed as Unencodable
from lvstui.kernel.ipvs.sync_door import encode
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import Channel, look_up
from lvstui.kernel.nft.ipsets import membership
from lvstui.kernel.nft.ipsets import reading as ipsets
from lvstui.kernel.nft.ipsets.membership import Asked
from lvstui.kernel.nft.nfnetlink import GETRULE, GETSETELEM, TABLES
from lvstui.kernel.nft.reading import hooks, tables
from lvstui.kernel.nft.reading.explain import Explainer, comment
from lvstui.kernel.nft.reading.explained import ExplainedRule
from lvstui.kernel.nft.reading.expressions import Expressions
from lvstui.kernel.nft.reading.instructions import Instructions, Scope
from lvstui.kernel.nft.reading.lazy import Lazy
from lvstui.kernel.nft.reading.parts import Context
from lvstui.kernel.nft.reading.program import Programmer
from lvstui.kernel.nft.reading.sets import Set, read_elements, read_set
from lvstui.kernel.nft.reading.wording import rule_text
from lvstui.kernel.port import KernelError
from tests.campaign.decoders import mutate, tape

Attempt: TypeAlias = Callable[[Random], object]

_IPVS: Final = tape.load("ipvs")
_NFT: Final = tape.load("nft")
_IPSETS: Final = tape.load("ipsets")
_LINKS: Final = tape.load("links")
_FAMILIES: Final = tape.load("families")

_FIXED: Final = 20


def _played(random: Random, conversations: dict[str, tape.Conversation]) -> tuple[str, tape.Tape]:
    title = random.choice(sorted(conversations))
    conversation = conversations[title]
    place = random.randrange(len(conversation))
    return title, tape.Tape(conversation, place, partial(mutate.datagram, random))


def _read_ipvs(random: Random) -> None:
    """Read everything, twice, so that what was learned from a damaged answer is used."""
    title, played = _played(random, _IPVS)
    with played, suppress(KernelError):
        client = tape.ipvs(played, int(title.split()[0]))
        found = client.read().director
        for key, pool in found.pools.items():
            hash((key, pool.service, *pool.servers))
        client.read()


def _look_up_ipvs(random: Random) -> None:
    """Read single objects: they are asked for as the tape knows them."""
    title, played = _played(random, _IPVS)
    with played, suppress(KernelError):
        client = tape.ipvs(played, int(title.split()[0]))
        for target in (DirectorField.TIMEOUTS, SyncRole.MASTER, SyncRole.BACKUP):
            client.lookup(target)


def _read_filter(random: Random) -> None:
    """Read the whole ruleset as the screens do, down to the groups of our own table."""
    _, played = _played(random, _NFT)
    netfilter = tape.Filter(played)
    explainer = Explainer(netfilter.codec, lambda: {1: "lo", 2: "eth0"}, str)
    with played, suppress(KernelError, OSError):
        seen = tables.read(netfilter)
        groups(explainer.explain(seen))


_HOPS: Final = tuple(
    Packet(Protocol(protocol), source, target, 80, 1024, "eth0", established=protocol == Protocol.UDP)
    for protocol in (Protocol.TCP, Protocol.UDP)
    for source, target in (
        (IPv4Address("198.51.100.7"), IPv4Address("192.0.2.10")),
        (IPv6Address("2001:db8:f::7"), IPv6Address("2001:db8::10")),
    )
)


def _explore(program: Program) -> None:
    """ExplainedRule packets through a program, down to the words of its rules; nothing is raised."""
    for packet in _HOPS:
        walk(program, packet, steps=True)
    for stop in (stop for stops in program.hooks.values() for stop in stops):
        for chain in stop.table.chains.values():
            for line in chain.lines:
                hash(line.text)


def _read_program(random: Random) -> None:
    """Read the whole ruleset as a trace does, and walk through it."""
    _, played = _played(random, _NFT)
    netfilter = tape.Filter(played)
    programmer = Programmer(Instructions(netfilter.codec), lambda: {1: "lo", 2: "eth0"}, str)
    found: tuple[Table, ...] = ()
    with played, suppress(KernelError, OSError):
        found = programmer.tables(tables.read(netfilter, whole=random.random() < 0.5))
    _explore(hooks.arrange(found, netfilter.codec.order, lambda *_: ()))


def _read_ipset(random: Random) -> None:
    """Read a set of ipset and walk past a rule that asks about it; nothing is raised."""
    title, played = _played(random, _IPSETS)
    with played:
        held = ipsets.read(tape.Filter(played), title)
    version = random.choice((4, 6))
    asked = Asked(title, tuple(random.choices((True, False), k=random.randrange(1, 5))), random.random() < 0.5)
    chain = Chain("c", (Line(membership.instructions(asked, held, version, "x"), "x"),), "prerouting", -150)
    table = Table("iptables-legacy", {4: "ip", 6: "ip6"}[version], "t", {"c": chain})
    _explore(Program({"prerouting": (Stop(table, chain),)}, NATIVE.order))


def _run_rule(random: Random) -> None:
    """Read a damaged rule as instructions and run it; nothing is raised."""
    data = mutate.attributes(random, random.choice(_RULES))
    if random.random() < 0.3:
        data = mutate.damage(random, data)
    family = random.choice(("ip", "ip6", "inet"))
    bodies = [mutate.attributes(random, body) for body in random.choices(_ELEMENTS, k=2)]
    names = [f"{kind}{number}" for kind in ("__set", "__map") for number in range(3)]
    sets = {name: Set(name, 1 << random.randrange(6), random.choice((2, 4, 8)), (), ()) for name in names}
    sets = {
        name: kind._replace(elements=Lazy(partial(read_elements, NATIVE, kind, bodies))) for name, kind in sets.items()
    }
    scope = Scope(Context(family, sets))
    code = Instructions(NATIVE).read(data, scope)
    chain = Chain("c", (Line(code, partial(rule_text, scope.context, data, b"", code)),), "prerouting", -150)
    table = Table("nft", family, "t", {"c": chain})
    _explore(Program({"prerouting": (Stop(table, chain),)}, NATIVE.order))


def _bodies(kind: int) -> list[bytes]:
    """Return the recorded messages of a kind, without their frames."""
    found = []
    for conversation in _NFT.values():
        for exchange in conversation:
            if int.from_bytes(exchange.request[4:6], "little") == (TABLES << 8 | kind):
                for datagram in exchange.answer:
                    position = 0
                    while position + _FIXED <= len(datagram):
                        size = int.from_bytes(datagram[position : position + 4], "little")
                        if datagram[position + 5] == TABLES:
                            found.append(datagram[position + _FIXED : position + size])
                        position += max(size + 3 & ~3, _FIXED)
    return found


_RULES: Final = [found for body in _bodies(GETRULE) if (found := NATIVE.attributes(body).get(4))]
_ELEMENTS: Final = _bodies(GETSETELEM)


def _walk_rule(random: Random) -> None:
    """Go through a damaged rule twice, as steps remember what they saw; nothing is raised."""
    data = mutate.attributes(random, random.choice(_RULES))
    if random.random() < 0.3:
        data = mutate.damage(random, data)
    expressions = Expressions(NATIVE)
    elements = read_elements(NATIVE, Set("s", 0, 4, ()), random.choices(_ELEMENTS, k=2))
    sets = {f"__set{n}": Set(f"__set{n}", 1 << random.randrange(6), 4, (), elements) for n in range(3)}
    sets |= {f"__map{n}": Set(f"__map{n}", 8 | 1 << random.randrange(6), 4, (), elements) for n in range(3)}
    for family in ("ip", "inet"):
        walk = ExplainedRule(Context(family, sets), 2 if family == "ip" else None)
        expressions.explain(data, walk)
    expressions.read_counter(data)


def _read_elements(random: Random) -> None:
    """Read sets of every kind out of damaged messages."""
    bodies = [mutate.attributes(random, body) for body in random.choices(_ELEMENTS, k=random.randrange(1, 3))]
    parts = random.choice(((), (4, 2), (4, 0), (1 << 31, 2)))
    with suppress(KernelError):
        read_set(NATIVE, dict(NATIVE.attributes(mutate.damage(random, bodies[0]))))
    with suppress(KernelError):
        read_elements(NATIVE, Set("s", random.randrange(64), random.choice((0, 2, 4, 16, 64)), parts), bodies)


_USERDATA: Final = [found for body in _bodies(GETRULE) if (found := NATIVE.attributes(body).get(7))]


def _read_userdata(random: Random) -> None:
    comment(mutate.damage(random, random.choice(_USERDATA)))


def _read_links(random: Random) -> None:
    """Read the interfaces; nothing is raised."""
    _, played = _played(random, _LINKS)
    news, source = socket.socketpair()
    with played, news, source:
        interfaces = tape.interfaces(played, news)
        interfaces.read()
        interfaces.close()


def _read_family(random: Random) -> None:
    """Look a family up."""
    name, played = _played(random, _FAMILIES)
    with played, suppress(KernelError, OSError):
        look_up(Channel(played), name)


def _encode(random: Random) -> None:
    numbers = (0, 1, 6, 80, 300, 0xFFFF, 0x10000, 0x7FFFFFFF, ALL_BITS, 1 << 40, -1)

    def number() -> int:
        return random.choice(numbers)

    def end() -> Endpoint:
        address = IPv4Address(random.randrange(1 << 32)) if random.random() < 0.8 else IPv6Address(number() & ALL_BITS)
        return Endpoint(address, number())

    engine, identity = random.choice((("", b""), ("sip", b"x" * random.randrange(400)), ("\udcff", b"\0"), ("é", b"")))
    message = Message(number(), end(), end(), end(), number(), number(), number(), number(), engine, identity)
    with suppress(Unencodable):
        encode([message] * random.choice((1, 3, 300)), 7)


DECODERS: Sequence[tuple[str, Attempt]] = (
    ("ipvs replies", _read_ipvs),
    ("ipvs single objects", _look_up_ipvs),
    ("nft dump messages", _read_filter),
    ("nft expressions", _walk_rule),
    ("nft programs", _read_program),
    ("ipsets", _read_ipset),
    ("nft instructions", _run_rule),
    ("nft set elements", _read_elements),
    ("nft userdata", _read_userdata),
    ("links", _read_links),
    ("families", _read_family),
    ("sync wire", _encode),
)
