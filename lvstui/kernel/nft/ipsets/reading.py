"""What an ipset holds, read over netlink (include/uapi/linux/netfilter/ipset/ip_set.h)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lvstui.core.packets.program import NAME_SIZE, Range, interface_number, interfaces_from
from lvstui.kernel.netlink.attributes import NATIVE, Attributes
from lvstui.kernel.nft.nfnetlink import Item, Netfilter, number, word
from lvstui.kernel.port import Garbled, KernelError

ELEMENTS_MAX: Final = 1 << 16
"""Elements up to which a set is read, which takes a second at most; what a larger one holds is not known."""

KINDS: Final = frozenset(("ip", "net", "port", "iface", "mac", "mark"))
"""What the dimensions of a set may be, as its type names them: `hash:ip,port`; `list:set` holds sets."""

_TYPE, _FAMILY, _DATA, _ELEMENTS = 3, 5, 7, 8
"""Attributes of a set: IPSET_ATTR_TYPENAME, _FAMILY, _DATA, _ADT."""

_NETMASK, _COUNT, _BITMASK, _MARKMASK = 20, 24, 12, 11
"""Attributes of a set's own data: IPSET_ATTR_NETMASK, _ELEMENTS, _BITMASK, _MARKMASK."""

_IP, _PREFIX, _PORT, _PROTOCOL, _FLAGS, _MARK = 1, 3, 4, 7, 8, 10
_ETHER, _NAME, _IP2, _PREFIX2, _INTERFACE = 17, 18, 20, 21, 23
"""Attributes of an element: IPSET_ATTR_IP, _CIDR, _PORT, _PROTO, _CADT_FLAGS, _MARK, _ETHER, _NAME, _IP2 ..."""

_BRIDGED, _NO_MATCH, _WILDCARD = 2, 4, 128
"""IPSET_FLAG_PHYSDEV, _NOMATCH and _IFACE_WILDCARD."""

_PROTOCOLS: Final = (6, 17)
"""What a port without a protocol is one of: bitmap:port knows those of TCP and UDP (ip_set_get_ip_port)."""


class IpsetElement(NamedTuple):
    """An element: the values that each of its dimensions covers, those of a port as protocol and port.

    Of the elements that a packet is in, the one with the longest prefixes decides; `excepts` says that the packet is
    not in the set then.
    """

    ranges: tuple[Range, ...]
    excepts: bool = False


class IpSet(NamedTuple):
    """A set as it stood when it was read; elements that have a timeout are in it as long as it runs.

    `kinds` are its dimensions; None where its type is not known, or it was not read: then anything may be in it.
    `version` is that of IP, 0 where any packet may be in it. `mark` are the bits of a mark that count. A set of sets
    has `sets` in place of elements.
    """

    name: str
    kinds: tuple[str, ...] | None = None
    version: int = 0
    elements: tuple[IpsetElement, ...] = ()
    mark: int = 0xFFFFFFFF
    sets: tuple[IpSet, ...] = ()

    @property
    def dimensions(self) -> int:
        """How many words a rule needs at least to ask about it."""
        return max((one.dimensions for one in self.sets), default=1) if self.sets else len(self.kinds or ())


def read(netfilter: Netfilter, name: str) -> IpSet:
    """Read a set by its name. Nothing is raised: of one that cannot be read, nothing is known.

    Sets change without a new generation of any ruleset: the result is what it held at this moment.
    """
    try:
        return _read(netfilter, name, deep=True)
    except (OSError, KernelError, ValueError, LookupError):
        return IpSet(name)


def _read(netfilter: Netfilter, name: str, *, deep: bool) -> IpSet:
    head = _attributes(netfilter.ipset_list(name, head=True))
    if number(NATIVE.attributes(head[_DATA]).get(_COUNT)) > ELEMENTS_MAX:
        return IpSet(name)
    found = decode(name, netfilter.ipset_list(name))
    if found.kinds == ("set",):
        names = [word(NATIVE.attributes(data)[_NAME]) for data in _data(netfilter.ipset_list(name))] if deep else []
        sets = tuple(_read(netfilter, each, deep=False) for each in names)
        return found._replace(kinds=(), sets=sets) if deep else IpSet(name)
    return found


def decode(name: str, answer: Iterable[Item]) -> IpSet:
    """Read the messages that list a set. Raises `Garbled`, ValueError or LookupError where they do not make sense."""
    messages = list(answer)
    head = _attributes(messages)
    kinds = tuple(word(head[_TYPE]).partition(":")[2].split(","))
    if kinds == ("set",):
        return IpSet(name, kinds)
    own = NATIVE.attributes(head[_DATA])
    if not set(kinds) <= KINDS or _BITMASK in own:
        return IpSet(name)
    version = {2: 4, 10: 6}.get(number(head.get(_FAMILY)), 0)
    size = 128 if version == 6 else 32
    netmask = number(own[_NETMASK]) if _NETMASK in own else size
    elements = []
    for data in _data(messages):
        found = NATIVE.attributes(data)
        flags = number(found.get(_FLAGS))
        if flags & _BRIDGED:
            return IpSet(name)
        for protocol in (_sized(found[_PROTOCOL], 1),) if _PROTOCOL in found else _PROTOCOLS:
            ranges = tuple(_ranges(kinds, found, size, netmask, protocol))
            elements.append(IpsetElement(ranges, bool(flags & _NO_MATCH)))
            if "port" not in kinds:
                break
    mark = _sized(own[_MARKMASK], 4) if _MARKMASK in own else 0xFFFFFFFF
    return IpSet(name, kinds, version, tuple(elements), mark)


def _attributes(messages: Iterable[Item]) -> Attributes:
    """Return what the first message says of the set itself."""
    first, *_ = (*messages, Item(0, b""))
    return NATIVE.attributes(first.body)


def _data(messages: Iterable[Item]) -> Iterator[bytes]:
    for message in messages:
        if listed := NATIVE.attributes(message.body).get(_ELEMENTS):
            yield from NATIVE.payloads(listed)


def _ranges(kinds: tuple[str, ...], found: Attributes, size: int, netmask: int, protocol: int) -> Iterator[Range]:
    """Return the values of an element; raises `Garbled` where one is missing, ValueError where it makes no sense."""
    addresses = iter(((_IP, _PREFIX), (_IP2, _PREFIX2)))
    for kind in kinds:
        match kind:
            case "ip" | "net":
                address, prefix = next(addresses)
                length = number(found[prefix]) if prefix in found else netmask if kind == "ip" else size
                yield _network(found[address], size, length)
            case "port":
                yield protocol, protocol
                yield (_sized(found[_PORT], 2),) * 2
            case "iface":
                size_of_name = len(found[_INTERFACE].split(b"\0", 1)[0])
                if size_of_name >= NAME_SIZE:
                    raise Garbled(f"an interface's name of {size_of_name} bytes")
                name = word(found[_INTERFACE])
                several = number(found.get(_FLAGS)) & _WILDCARD
                yield interfaces_from(name) if several else (interface_number(name),) * 2
            case "mac":
                yield (_sized(found[_ETHER], 6),) * 2 if _ETHER in found else (0, (1 << 48) - 1)
            case _:
                yield (_sized(found[_MARK], 4),) * 2


def _sized(data: bytes, size: int) -> int:
    """Read a number of some bytes in network order; raises `Garbled` where they are others."""
    if len(data) != size:
        raise Garbled(f"a number of {len(data)} bytes in place of {size}")
    return number(data)


def _network(data: bytes, size: int, length: int) -> Range:
    address = NATIVE.first(data)
    if 8 * len(address) != size or not 0 <= length <= size:
        raise Garbled(f"an address of {len(address)} bytes with a prefix of {length}")
    rest = (1 << (size - length)) - 1
    first = int.from_bytes(address, "big") & ~rest
    return first, first | rest
