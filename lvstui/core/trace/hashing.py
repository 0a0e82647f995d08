"""Where sh, dh and mh look for a server: the same tables as the kernel's, and the order in which it tries them.

As net/netfilter/ipvs/ip_vs_sh.c, ip_vs_dh.c and ip_vs_mh.c do since Linux 4.18, with the table sizes that the kernel is
configured with by default, on machines of 64 bits. The tables follow from the real servers in the kernel's own order,
which is the order of a reading, and from their weights: the kernel fills them anew whenever one changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import gcd
from typing import Final

from lvstui.core.model import Address, Endpoint, Family, RealServer

_BUCKETS: Final = 256
"""Buckets of the tables of sh and dh (CONFIG_IP_VS_SH_TAB_BITS, CONFIG_IP_VS_DH_TAB_BITS: 8)."""

_PLACES: Final = 4093
"""Places in the table of mh (CONFIG_IP_VS_MH_TAB_INDEX: 12)."""

_SHARE_BITS: Final = 6
"""Bits that the largest share of a server in that table has (IP_VS_MH_TAB_BITS)."""

_GOLDEN_RATIO: Final = 0x61C88647
_FIRST, _SECOND = 2654435761, 2654446892
"""The two keys of mh (generate_hash_secret), which are the same on every machine."""

_U32, _U64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF

Weights = tuple[tuple[Endpoint, int], ...]
"""Real servers in the kernel's order, with the weights that count for a table."""


def source_probes(
    servers: Sequence[RealServer], family: Family, client: Address, port: int, *, fallback: bool
) -> Iterator[Endpoint]:
    """Yield the servers that sh tries for a client, in order; `port` is 0 without the flag sh-port."""
    table = source_table(tuple((server.endpoint, server.weight) for server in servers))
    if not table:
        return
    key = _hash_32((_fold(family, client) + port) & _U32)
    yield table[key]
    if fallback:
        for offset in range(_BUCKETS):
            yield table[((offset + key) % _BUCKETS + key) % _BUCKETS]


def destination_probes(servers: Sequence[RealServer], family: Family, virtual: Address) -> Iterator[Endpoint]:
    """Yield the one server that dh tries for a destination; it gives every server the same share."""
    if servers:
        yield servers[_hash_32(_fold(family, virtual)) % len(servers)].endpoint


def maglev_probes(
    servers: Sequence[RealServer], family: Family, client: Address, port: int, *, fallback: bool
) -> Iterator[Endpoint]:
    """Yield the servers that mh tries for a client, in order; `port` is 0 without the flag mh-port.

    A server that was drained keeps its share: where one has weight 0, the shares of all are not known.
    """
    table = _lookup(tuple((server.endpoint, server.weight) for server in servers), family)
    if not table:
        return
    folded = _fold(family, client)
    place = _maglev_hash(folded, port, 0, _FIRST) % _PLACES
    yield table[place]
    if fallback:
        for offset in range(_PLACES):
            yield table[_maglev_hash(folded, port, (offset + place) % _PLACES, _FIRST) % _PLACES]


@lru_cache(maxsize=8)
def source_table(weights: Weights) -> tuple[Endpoint, ...]:
    """Fill the table of sh: each server in turn gets as many buckets as its weight says, at least one."""
    if not weights:
        return ()
    table: list[Endpoint] = []
    while len(table) < _BUCKETS:
        for endpoint, weight in weights:
            table += [endpoint] * min(max(1, weight), _BUCKETS)
    return tuple(table[:_BUCKETS])


@lru_cache(maxsize=8)
def _lookup(weights: Weights, family: Family) -> tuple[Endpoint, ...]:
    """Fill the table of mh: each server in turn takes as many of the places that it likes best as its weight says."""
    turns = maglev_turns(weights)
    if not turns:
        return ()
    likings = [(endpoint, _preferences(family, endpoint), number) for endpoint, number in turns.items()]
    table: dict[int, Endpoint] = {}
    while True:
        for endpoint, places, number in likings:
            for _ in range(number):
                table[next(place for place in places if place not in table)] = endpoint
                if len(table) == _PLACES:
                    return tuple(table[place] for place in range(_PLACES))


def maglev_turns(weights: Weights) -> Mapping[Endpoint, int]:
    """Return how many places of mh's table each server takes in turn, in which it shares them to within one turn.

    It has none for servers without a weight, and none at all where no server has one.
    """
    divisor = gcd(*(weight for _, weight in weights))
    if divisor < 1:
        return {}
    shift = max(0, (max(weight for _, weight in weights) // divisor).bit_length() - _SHARE_BITS)
    return {endpoint: (weight // divisor) >> shift or 1 for endpoint, weight in weights if weight}


def _preferences(family: Family, endpoint: Endpoint) -> Iterator[int]:
    """Yield all places in the order in which a server likes them."""
    folded = _fold(family, endpoint.address)
    place = _maglev_hash(folded, endpoint.port, 0, _FIRST) % _PLACES
    skip = _maglev_hash(folded, endpoint.port, 0, _SECOND) % (_PLACES - 1) + 1
    for _ in range(_PLACES):
        yield place
        place = (place + skip) % _PLACES


def _fold(family: Family, address: Address) -> int:
    """Fold an address into a number of 32 bits, as for a service of this family (the address may be of the other)."""
    packed = address.packed.ljust(16, b"\0")
    words = [int.from_bytes(packed[start : start + 4], "big") for start in range(0, 16, 4)]
    return words[0] if family is Family.IPV4 else words[0] ^ words[1] ^ words[2] ^ words[3]


def _hash_32(number: int) -> int:
    """Hash a number of 32 bits to 8 (hash_32 in include/linux/hash.h)."""
    return (number * _GOLDEN_RATIO & _U32) >> 24


def _maglev_hash(folded: int, port: int, offset: int, key: int) -> int:
    """Hash as ip_vs_mh_hashkey does: hsiphash_1u32 (lib/siphash.c), which is SipHash-1-3 on machines of 64 bits."""
    number = (offset + port + folded) & _U32
    a = 0x736F6D6570736575 ^ key
    b = 0x646F72616E646F6D ^ key
    c = 0x6C7967656E657261 ^ key
    d = 0x7465646279746573 ^ key
    word = 4 << 56 | number
    a, b, c, d = _round(a, b, c, d ^ word)
    a, c = a ^ word, c ^ 0xFF
    for _ in range(3):
        a, b, c, d = _round(a, b, c, d)
    return (a ^ b ^ c ^ d) & _U32


def _round(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    """Do one round of SipHash (SIPHASH_PERMUTATION)."""
    a = (a + b) & _U64
    b = _rotate(b, 13) ^ a
    a = _rotate(a, 32)
    c = (c + d) & _U64
    d = _rotate(d, 16) ^ c
    a = (a + d) & _U64
    d = _rotate(d, 21) ^ a
    c = (c + b) & _U64
    b = _rotate(b, 17) ^ c
    c = _rotate(c, 32)
    return a, b, c, d


def _rotate(number: int, bits: int) -> int:
    return (number << bits | number >> (64 - bits)) & _U64
