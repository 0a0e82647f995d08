"""Build programs of the packet filter from short words: `program(base(rule(daddr("192.0.2.10"), set_mark(80))))`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import TypeAlias

from lvstui.core.model import Protocol
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import (
    Base,
    ByteOrder,
    Chain,
    Compare,
    Contents,
    Element,
    Header,
    Immediate,
    Instruction,
    Line,
    Load,
    Mask,
    Named,
    Outcome,
    Program,
    Source,
    Stop,
    Table,
    Verdict,
    Write,
)

Part: TypeAlias = Instruction | Sequence[Instruction]

MARK = Named("meta mark", 4, host=True)
CONNECTION_MARK = Named("ct mark", 4, host=True)
STATE = Named("ct state", 4, host=True)
L4PROTO = Named("meta l4proto", 1)
IIFNAME = Named("iifname", 16)
OIFNAME = Named("oifname", 16)
DADDR = Header(Base.NETWORK, 16, 4)
SADDR = Header(Base.NETWORK, 12, 4)
DADDR6 = Header(Base.NETWORK, 24, 16)
SPORT = Header(Base.TRANSPORT, 0, 2)
DPORT = Header(Base.TRANSPORT, 2, 2)

ACCEPT = Verdict(Outcome.ACCEPT)
DROP = Verdict(Outcome.DROP)
RETURN = Verdict(Outcome.RETURN)


def jump(chain: str) -> Verdict:
    """Return a jump to a chain."""
    return Verdict(Outcome.JUMP, chain)


def goto(chain: str) -> Verdict:
    """Return a goto to a chain."""
    return Verdict(Outcome.GOTO, chain)


def packet(
    source: str = "198.51.100.1:40000",
    service: str = "192.0.2.10:80",
    protocol: int = 6,
    *,
    interface: str = "eth0",
    local: bool = False,
    established: bool = False,
    connection_mark: int | None = None,
    leaves_by: str = "",
) -> Packet:
    """Return a packet from an address and port to another; without its port (`198.51.100.1`), a source's is unknown."""
    client, port = _split(source)
    vip, wanted = _split(service)
    return Packet(
        Protocol(protocol),
        ip_address(client),
        ip_address(vip),
        int(wanted or 0),
        None if port is None else int(port),
        interface,
        local,
        established,
        connection_mark,
        leaves_by,
    )


def _split(text: str) -> tuple[str, str | None]:
    """Split an address and its port; IPv6 addresses stand in brackets where a port follows."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, port.removeprefix(":") or None
    address, _, port = text.partition(":") if text.count(":") == 1 else (text, "", "")
    return address, port or None


def number(value: int, order: ByteOrder = "little") -> bytes:
    """Return a number of 32 bits of the machine as it lies in a register."""
    return value.to_bytes(4, order)


def compare(source: Source, data: bytes, sign: str = "==", slot: int = 4) -> tuple[Instruction, ...]:
    """Return a test of something of the packet."""
    return (Load(slot, source), Compare(slot, sign, data))


def protocol(number: int = 6) -> tuple[Instruction, ...]:
    """Return the test `meta l4proto tcp`."""
    return compare(L4PROTO, bytes((number,)))


def daddr(address: str, sign: str = "==") -> tuple[Instruction, ...]:
    """Return the test `ip daddr ADDRESS`, or `ip6 daddr ADDRESS`."""
    data = ip_address(address).packed
    return compare(DADDR if len(data) == 4 else DADDR6, data, sign)


def dport(port: int, sign: str = "==") -> tuple[Instruction, ...]:
    """Return the test `th dport PORT`."""
    return compare(DPORT, port.to_bytes(2, "big"), sign)


def sport(port: int, sign: str = "==") -> tuple[Instruction, ...]:
    """Return the test `th sport PORT`."""
    return compare(SPORT, port.to_bytes(2, "big"), sign)


def iifname(name: str, sign: str = "==") -> tuple[Instruction, ...]:
    """Return the test `iifname NAME`."""
    return compare(IIFNAME, name.encode().ljust(16, b"\0"), sign)


def oifname(name: str, sign: str = "==") -> tuple[Instruction, ...]:
    """Return the test `oifname NAME`."""
    return compare(OIFNAME, name.encode().ljust(16, b"\0"), sign)


def state(bits: int) -> tuple[Instruction, ...]:
    """Return the test that the state of the connection has one of these bits."""
    return (Load(4, STATE), Mask(4, 4, number(bits), bytes(4)), Compare(4, "!=", bytes(4)))


def tcp_flags(flags: int) -> tuple[Instruction, ...]:
    """Return the test `tcp flags FLAGS`."""
    return compare(Header(Base.TRANSPORT, 13, 1), bytes((flags,)))


def marked(mark: int, sign: str = "==", source: Named = MARK) -> tuple[Instruction, ...]:
    """Return the test `meta mark MARK`, or `ct mark MARK`."""
    return compare(source, number(mark), sign)


def set_mark(mark: int, target: Named = MARK) -> tuple[Instruction, ...]:
    """Return what `meta mark set MARK` is, or `ct mark set MARK`."""
    return (Immediate(4, number(mark)), Write(4, target))


def or_mark(mark: int) -> tuple[Instruction, ...]:
    """Return what `meta mark set meta mark or MARK` is."""
    return (Load(4, MARK), Mask(4, 4, number(~mark & 0xFFFFFFFF), number(mark)), Write(4, MARK))


def copy(source: Source, target: Source) -> tuple[Instruction, ...]:
    """Return what `meta mark set ct mark` is, or the other way round."""
    return (Load(4, source), Write(4, target))


def rule(*parts: Part, text: str = "", handle: int = 0) -> Line:
    """Return a rule of instructions, or of parts that have several."""
    code: list[Instruction] = []
    for part in parts:
        if isinstance(part, tuple) and not hasattr(part, "_fields"):
            code.extend(part)
        else:
            code.append(part)  # type: ignore[arg-type]
    return Line(tuple(code), text, handle)


def chain(name: str, *lines: Line) -> Chain:
    """Return a chain that others jump to."""
    return Chain(name, lines)


def base(
    *lines: Line,
    hook: str = "prerouting",
    priority: int = -150,
    policy: Outcome = Outcome.ACCEPT,
    kind: str = "filter",
    devices: Sequence[str] = (),
    name: str = "",
) -> Chain:
    """Return a base chain."""
    return Chain(name or f"{hook}{priority}", lines, hook, priority, policy, kind, tuple(devices))


def table(*chains: Chain, family: str = "inet", name: str = "t", tool: str = "nft", dormant: bool = False) -> Table:
    """Return a table of chains."""
    return Table(tool, family, name, {chain.name: chain for chain in chains}, dormant)


def program(
    *parts: Chain | Table, order: ByteOrder = "little", early: bool | None = None, trouble: str = ""
) -> Program:
    """Return a program of tables, or of one table of chains; base chains of a priority stand as they are given."""
    chains = [part for part in parts if isinstance(part, Chain)]
    tables = [part for part in parts if isinstance(part, Table)] + ([table(*chains)] if chains else [])
    stops = [Stop(one, chain, early) for one in tables for chain in one.chains.values() if chain.hook]
    stops.sort(key=lambda stop: stop.chain.priority)
    hooks = {hook: tuple(stop for stop in stops if stop.chain.hook == hook) for hook in _hooks(stops)}
    return Program(hooks, order, trouble)


def _hooks(stops: Iterable[Stop]) -> list[str]:
    return list(dict.fromkeys(stop.chain.hook for stop in stops))


def contents(*keys: bytes | tuple[bytes, bytes] | Element, parts: Sequence[int] = (), known: bool = True) -> Contents:
    """Return a set of keys, of ranges of keys, or of elements."""
    elements = tuple(
        key if isinstance(key, Element) else Element(key, key) if isinstance(key, bytes) else Element(*key)
        for key in keys
    )
    size = max((len(element.first) for element in elements), default=4)
    return Contents("s", size, tuple(parts), elements, known)
