"""The rules of the packet filter as the programs that they are: what the kernel runs for each packet.

A rule of nf_tables is a list of instructions over registers; one of iptables is a list of tests and a target. Both
stand here as data, with every byte that counts, so that `walk` can run them as the kernel does. What is not known is
an instruction too (`Ask`, `Unread`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias

Range: TypeAlias = tuple[int, int]
"""Values, both ends included."""

ByteOrder: TypeAlias = Literal["little", "big"]

SLOT: Final = 4
"""Bytes of a slot: registers are 16 slots (enum nft_registers: NFT_REG32_00 is slot 0, NFT_REG_1 slots 0 to 3)."""


NAME_SIZE: Final = 16
"""Bytes of an interface's name (IFNAMSIZ)."""


def interface_number(name: str) -> int:
    """Return an interface's name as the number that its bytes are, from the left and filled up with zeros."""
    return interfaces_from(name)[0]


def interfaces_from(beginning: str) -> Range:
    """Return the first and the last of the numbers of names that begin like this."""
    data = beginning.encode("utf-8", "surrogateescape")[:NAME_SIZE]
    return int.from_bytes(data.ljust(NAME_SIZE, b"\0"), "big"), int.from_bytes(data.ljust(NAME_SIZE, b"\xff"), "big")


class Base(Enum):
    """The header that an offset counts from (enum nft_payload_bases)."""

    LINK = 0
    NETWORK = 1
    TRANSPORT = 2
    INNER = 3


class Header(NamedTuple):
    """Bytes of a header of the packet."""

    base: Base
    offset: int
    size: int


class Named(NamedTuple):
    """What the kernel knows of a packet, in nft's words: `meta mark`, `ct state`, `iifname`, `fib daddr type`.

    `size` is in bytes; `host` says that a register holds it in the machine's byte order.
    """

    name: str
    size: int
    host: bool = False


Source: TypeAlias = Header | Named


class Outcome(Enum):
    """What becomes of a packet at a rule, or at the end of a chain."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    RETURN = "return"
    CONTINUE = "continue"
    JUMP = "jump"
    GOTO = "goto"
    QUEUE = "queue"
    STOLEN = "stolen"


class Verdict(NamedTuple):
    """End the rule with this outcome; `chain` is where a jump or goto leads."""

    outcome: Outcome
    chain: str = ""


class Load(NamedTuple):
    """Put something of the packet into registers; where the packet has no such thing, the rule does not match."""

    slot: int
    source: Source


class Choose(NamedTuple):
    """Put a number that cannot be foretold into a slot (numgen, hashes): `first` to `last`, in the machine's order."""

    slot: int
    first: int
    last: int
    text: str


class Immediate(NamedTuple):
    """Put bytes into registers."""

    slot: int
    data: bytes


class Compare(NamedTuple):
    """Go on only where the registers compare to the bytes in this way: `==`, `!=`, `<`, `<=`, `>`, `>=` (memcmp)."""

    slot: int
    sign: str
    data: bytes


class Within(NamedTuple):
    """Go on only where the registers are from `first` to `last` (memcmp), or are not."""

    slot: int
    first: bytes
    last: bytes
    negated: bool = False


class Mask(NamedTuple):
    """Put `(source & mask) ^ flip` into registers."""

    source: int
    slot: int
    mask: bytes
    flip: bytes


class Combine(NamedTuple):
    """Put `source sign other` into registers, `size` bytes: `&`, `|` or `^` (since Linux 6.13)."""

    source: int
    other: int
    slot: int
    size: int
    sign: str


class Shift(NamedTuple):
    """Put shifted registers into others: `size` bytes, as 32-bit numbers of the machine (nft_bitwise_eval_lshift)."""

    source: int
    slot: int
    size: int
    bits: int
    left: bool


class Swap(NamedTuple):
    """Turn the bytes of each number of `unit` bytes (2, 4, 8) between network order and the machine's."""

    source: int
    slot: int
    size: int
    unit: int


class Element(NamedTuple):
    """One element of a set: the first and the last key, and what it maps to; `rest` stands for all other keys.

    Keys of several fields are joined as in registers, every field filled up to four bytes.
    """

    first: bytes
    last: bytes
    data: bytes = b""
    verdict: Verdict | None = None
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """A set or map: keys of `size` bytes, of `parts` (bytes of each field; empty for one) where they are joined.

    `known` is False where the elements are not all known, or change by themselves: then anything may be in it.
    """

    name: str
    size: int
    parts: tuple[int, ...] = ()
    elements: tuple[Element, ...] = ()
    known: bool = True


class Member(NamedTuple):
    """Go on only where the registers are in a set, or are not."""

    slot: int
    contents: Contents
    negated: bool = False


class Map(NamedTuple):
    """Put what a map holds for the registers into `target`; the rule does not match where it holds nothing."""

    slot: int
    contents: Contents
    target: int


class Branch(NamedTuple):
    """End the rule with the verdict that a map holds for the registers; it does not match where it holds none.

    With `continue` the rule goes on.
    """

    slot: int
    contents: Contents


class Write(NamedTuple):
    """Write registers to the packet, its connection, or a header: `meta mark`, `ct mark`, bytes of a header."""

    slot: int
    target: Source


class Check(NamedTuple):
    """Go on only where `(field & mask)` is in one of the ranges, or is not (`negated`).

    The field is a number in the words of `Named` and of headers: `ip daddr`, `ip6 saddr`, `meta l4proto`, `tcp dport`,
    `th sport`, `iifname` (16 bytes from the left), `ct state`. A field that the packet lacks never matches, negated or
    not. Of several `fields` it is enough that one is in the ranges (`sport or dport`).
    """

    fields: tuple[str, ...]
    ranges: tuple[Range, ...]
    negated: bool = False
    mask: int | None = None


class Mark(NamedTuple):
    """Write a mark: `(old & ~mask) ^ value`, of the packet, or of its connection.

    All of the new one is shifted in the end by `shift` bits, to the left where positive (CONNMARK: xt_connmark.c).
    """

    value: int
    mask: int
    connection: bool = False
    shift: int = 0


class CopyMark(NamedTuple):
    """Copy a mark: to the connection's (`save`), or from it (CONNMARK: xt_connmark.c).

    The new one is `(old & ~mask) ^ shifted(other & bits)`: the other mark is first cut to `bits`, then shifted by
    `shift` bits, to the left where positive. For `save`, `mask` is the target's ctmask and `bits` its nfmask; to
    restore it is the other way round.
    """

    save: bool
    mask: int
    bits: int
    shift: int = 0


class Nat(NamedTuple):
    """Send the connection to another destination; None for a part that stays.

    Each is a range of addresses (numbers) or ports, of which the kernel takes one; `registers` says that the ends are
    slots of registers instead. `redirect` goes to the first address of the interface that the packet came in
    by, or to the loopback address where this machine sends it.
    A rule that has this target ends its chain with `accept`; but packets of the other `version` of IP (4 or 6, 0 for
    both) pass by (nft_nat_inet_eval).
    """

    addresses: Range | None = None
    ports: Range | None = None
    registers: bool = False
    redirect: bool = False
    version: int = 0


class Untrack(NamedTuple):
    """Keep the packet out of connection tracking."""


class Prepare(NamedTuple):
    """Attach to a packet a template for its connection (a zone, a helper), which a later `Untrack` leaves alone."""


class Ask(NamedTuple):
    """Go on only where something holds that cannot be known: a limit, a time, a hash, a set that cannot be read."""

    text: str


class Unread(NamedTuple):
    """An instruction that is not understood: it may match or not; with `marks` it may also write any mark."""

    text: str
    marks: bool = False


Instruction: TypeAlias = (
    Load
    | Choose
    | Immediate
    | Compare
    | Within
    | Mask
    | Combine
    | Shift
    | Swap
    | Member
    | Map
    | Branch
    | Write
    | Check
    | Mark
    | CopyMark
    | Nat
    | Untrack
    | Prepare
    | Ask
    | Unread
    | Verdict
)


Code: TypeAlias = tuple[Instruction, ...]
"""What a rule runs, until one of them does not match."""


@dataclass(frozen=True, slots=True)
class Line:
    """A rule: its instructions, run until one does not match; `handle` is the kernel's, 0 where it has none.

    `words` are the rule's in nft or iptables, or what finds them when somebody wants to see them.
    """

    code: Code
    words: str | Callable[[], str] = ""
    handle: int = 0

    @property
    def text(self) -> str:
        """The rule in words, from outside."""
        return self.words if isinstance(self.words, str) else self.words()


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A chain of rules; one with a `hook` is a base chain, and its `policy` is what ends it.

    `lines` may be a sequence that decodes its rules when they are first asked for. `kind` is `filter`, `nat` or
    `route`: the kernel runs chains of `nat` for the first packet of a connection only. `devices` are those of a chain
    at ingress; empty for all others.
    """

    name: str
    lines: Sequence[Line] = ()
    hook: str = ""
    priority: int = 0
    policy: Outcome = Outcome.ACCEPT
    kind: str = "filter"
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Table:
    """A table and its chains by name; `tool` is `nft` or `iptables-legacy`, `family` ip, ip6, inet, netdev ..."""

    tool: str
    family: str
    name: str
    chains: Mapping[str, Chain] = field(default_factory=dict)
    dormant: bool = False


class Stop(NamedTuple):
    """A base chain and the table it stands in.

    `early` says whether it comes before the kernel's own hook of the same priority (connection tracking at -200, NAT at
    -100, IPVS at 99 of input and -98 of output); None where that is not known. It counts for no other priority.
    Neighbours with the same `tie` other than 0 may come in another order, save that those of one table keep theirs.
    """

    table: Table
    chain: Chain
    early: bool | None = None
    tie: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """All rules of a network namespace: for each hook its base chains.

    The hooks are those of inet and `ingress`; the chains stand in the order in which
    packets of any family come to them. `order` is the machine's byte order. `trouble` says what is not known of the
    rules; then nothing is certain.
    """

    hooks: Mapping[str, tuple[Stop, ...]] = field(default_factory=dict)
    order: ByteOrder = "little"
    trouble: str = ""


NO_RULES: Final = Program()
"""The program of a network namespace without any rules."""
