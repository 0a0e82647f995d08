"""What nf_tables searches packets for: options of TCP and IPv4, extension headers of IPv6, chunks of SCTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from lvstui.kernel.nft.reading.fields import PacketField

IPV6, TCP, IPV4, SCTP, DCCP = range(5)
"""What is searched (enum nft_exthdr_op)."""

_Fields: TypeAlias = Mapping[tuple[int, int], str]
"""Names of fields by their offset and size in bytes."""

_COMMON: Final[_Fields] = {(0, 1): "kind", (1, 1): "length"}
_TCP: Final[Mapping[int, tuple[str, _Fields]]] = {
    0: ("eol", {}),
    1: ("nop", {}),
    2: ("maxseg", {(2, 2): "size"}),
    3: ("window", {(2, 1): "count"}),
    4: ("sack-perm", {}),
    5: ("sack", {(2, 4): "left", (6, 4): "right"}),
    8: ("timestamp", {(2, 4): "tsval", (6, 4): "tsecr"}),
    19: ("md5sig", {}),
    30: ("mptcp", {}),
    34: ("fastopen", {}),
}
_SACKS: Final = {
    (10, 4): ("sack1", "left"),
    (14, 4): ("sack1", "right"),
    (18, 4): ("sack2", "left"),
    (22, 4): ("sack2", "right"),
    (26, 4): ("sack3", "left"),
    (30, 4): ("sack3", "right"),
}
_ROUTE: Final[_Fields] = {(0, 1): "type", (1, 1): "length", (2, 1): "ptr", (3, 4): "addr"}
_IPV4: Final[Mapping[int, tuple[str, _Fields]]] = {
    7: ("rr", _ROUTE),
    131: ("lsrr", _ROUTE),
    137: ("ssrr", _ROUTE),
    148: ("ra", {(0, 1): "type", (1, 1): "length", (2, 2): "value"}),
}
_CHUNK: Final[_Fields] = {(0, 1): "type", (1, 1): "flags", (2, 2): "length"}
_INIT: Final[_Fields] = {
    (4, 4): "init-tag",
    (8, 4): "a-rwnd",
    (12, 2): "num-outbound-streams",
    (14, 2): "num-inbound-streams",
    (16, 4): "initial-tsn",
}
_SACK: Final[_Fields] = {
    (4, 4): "cum-tsn-ack",
    (8, 4): "a-rwnd",
    (12, 2): "num-gap-ack-blocks",
    (14, 2): "num-dup-tsns",
}
_LOWEST: Final[_Fields] = {(4, 4): "lowest-tsn"}
_NUMBERED: Final[_Fields] = {(4, 4): "seqno"}
CHUNKS: Final[Mapping[int, tuple[str, _Fields]]] = {
    0: ("data", {(4, 4): "tsn", (8, 2): "stream", (10, 2): "ssn", (12, 4): "ppid"}),
    1: ("init", _INIT),
    2: ("init-ack", _INIT),
    3: ("sack", _SACK),
    4: ("heartbeat", {}),
    5: ("heartbeat-ack", {}),
    6: ("abort", {}),
    7: ("shutdown", {(4, 4): "cum-tsn-ack"}),
    8: ("shutdown-ack", {}),
    9: ("error", {}),
    10: ("cookie-echo", {}),
    11: ("cookie-ack", {}),
    12: ("ecne", _LOWEST),
    13: ("cwr", _LOWEST),
    14: ("shutdown-complete", {}),
    64: ("i-data", {}),
    128: ("asconf-ack", _NUMBERED),
    130: ("re-config", {}),
    132: ("pad", {}),
    192: ("forward-tsn", {(4, 4): "new-cum-tsn"}),
    193: ("asconf", _NUMBERED),
    194: ("i-forward-tsn", {}),
}
"""Types of chunks in nft's words, with the fields behind their type, flags and length."""

_IPV6: Final[Mapping[int, tuple[str, _Fields]]] = {
    0: ("hbh", {(0, 1): "nexthdr", (1, 1): "hdrlength"}),
    43: ("rt", {(0, 1): "nexthdr", (1, 1): "hdrlength", (2, 1): "type", (3, 1): "seg-left"}),
    44: ("frag", {(0, 1): "nexthdr", (1, 1): "reserved", (4, 4): "id"}),
    60: ("dst", {(0, 1): "nexthdr", (1, 1): "hdrlength"}),
    135: (
        "mh",
        {(0, 1): "nexthdr", (1, 1): "hdrlength", (2, 1): "type", (3, 1): "reserved", (4, 2): "checksum"},
    ),
}
_SEGMENTS: Final[_Fields] = {(4, 1): "last-entry", (5, 1): "flags", (6, 2): "tag"}
"""Fields of a segment routing header, which stand where other routing headers have reserved bytes."""

_PARTS: Final[Mapping[tuple[int, int, int, int], tuple[tuple[int, str], ...]]] = {
    (IPV6, 44, 2, 2): ((0xFFF8, "frag frag-off"),),
    (IPV6, 44, 3, 1): ((0x06, "frag reserved2"), (0x01, "frag more-fragments")),
    (TCP, 30, 2, 1): ((0xF0, "tcp option mptcp subtype"),),
}
"""Bytes that are several fields: by what is searched, type, offset and size the masks of their bits."""

_IN: Final = {TCP: ("tcp option ", _TCP), IPV4: ("ip option ", _IPV4), SCTP: ("sctp chunk ", CHUNKS)}


def read_option(searched: int, kind: int, offset: int, size: int, *, present: bool) -> PacketField:
    """Return a field of what is searched, or whether it is there at all; by its place where it has no name."""
    start, known = _IN.get(searched, ("", {}))
    if searched == IPV6:
        start, known = "exthdr " if present else "", _IPV6
    elif searched == DCCP:
        start = "dccp option "
    name, fields = known.get(kind, (str(kind), {}))
    if present:
        return PacketField(start + name, 1, "present", host=True)
    if parts := _PARTS.get((searched, kind, offset, size)):
        every = tuple((mask, PacketField(part, size)) for mask, part in parts)
        return PacketField(f"{start}{name} @{offset * 8},{size * 8}", size, "bits", parts=every)
    place = offset, size
    if searched == TCP:
        fields = {**_COMMON, **fields} if name != str(kind) else {}
        name, field = _SACKS.get(place, (name, fields.get(place))) if kind == 5 else (name, fields.get(place))
        if field is None:
            return PacketField(f"tcp option @{kind},{offset * 8},{size * 8}", size)
    else:
        field = (_CHUNK.get(place) if searched == SCTP else None) or fields.get(place)
    if field is None and (searched, kind) == (IPV6, 43) and place in _SEGMENTS:
        name, field = "srh", _SEGMENTS[place]
    kinds = {"addr": "ipv4", "nexthdr": "protocols"}
    if field is None:
        return PacketField(f"{start}{name} @{offset * 8},{size * 8}", size, "bits")
    return PacketField(f"{start}{name} {field}", size, kinds.get(field, "number"))
