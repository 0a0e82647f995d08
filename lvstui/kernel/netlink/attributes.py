"""Netlink attributes: the one codec for IPVS, nf_tables and ipsets.

The header of an attribute (struct nlattr: length, then number) is in the byte order of the machine. What its payload
is in depends on the family: nf_tables keeps its own numbers in network order, IPVS most of them in the machine's.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from lvstui.kernel.port import Garbled

Order: TypeAlias = Literal["little", "big"]

_NESTED: Final = 0x8000
_NUMBER: Final = 0x3FFF
"""Flags in the number (NLA_F_NESTED, NLA_TYPE_MASK)."""


class Attributes(dict[int, bytes]):
    """Payloads by number; to ask for one that is not there raises `Garbled`."""

    __slots__ = ()

    def __missing__(self, number: int) -> bytes:
        raise Garbled(f"attribute {number} is missing")


class Codec:
    """Attributes as a machine of one byte order writes them; `NATIVE` is for the messages of this one."""

    def __init__(self, order: Order) -> None:
        self.order: Final = order
        self._sign: Final = "<" if order == "little" else ">"
        self._head: Final = struct.Struct(f"{self._sign}HH")

    def attribute(self, number: int, payload: bytes) -> bytes:
        """Encode one attribute, padded to four bytes."""
        return self._head.pack(4 + len(payload), number) + payload + b"\0" * (-len(payload) % 4)

    def nest(self, number: int, *attributes: bytes) -> bytes:
        """Encode an attribute that holds attributes."""
        return self.attribute(number | _NESTED, b"".join(attributes))

    def walk(self, data: bytes) -> Iterator[tuple[int, int, int]]:
        """Yield number, start and end of the payload of every attribute in turn; stop at what is none."""
        position = 0
        while position + 4 <= len(data):
            size, number = self._head.unpack_from(data, position)
            if size < 4 or position + size > len(data):
                return
            yield number & _NUMBER, position + 4, position + size
            position += (size + 3) & ~3

    def attributes(self, data: bytes) -> Attributes:
        """Return the payloads by number, the last one of several of a number; written for speed."""
        found = Attributes()
        position, last = 0, len(data)
        unpack = self._head.unpack_from
        while position + 4 <= last:
            size, number = unpack(data, position)
            end = position + size
            if size < 4 or end > last:
                break
            found[number & _NUMBER] = data[position + 4 : end]
            position = (end + 3) & ~3
        return found

    def payloads(self, data: bytes) -> list[bytes]:
        """Return the payloads of a list, whatever their numbers; written for speed."""
        found = []
        position, end = 0, len(data) - 3
        unpack = self._head.unpack_from
        while position < end:
            size, _ = unpack(data, position)
            if size < 4:
                break
            found.append(data[position + 4 : position + size])
            position += (size + 3) & ~3
        return found

    def first(self, data: bytes | None) -> bytes:
        """Return the payload of the first attribute, such as the only one of a nest; empty where there is none."""
        return data[4 : self._head.unpack_from(data)[0]] if data and len(data) >= 4 else b""

    def number(self, data: bytes) -> int:
        """Read a number of any size in the machine's byte order."""
        return int.from_bytes(data, self.order)

    def unpack(self, form: str, data: bytes, start: int = 0) -> tuple[int, ...]:
        """Unpack the numbers of a structure, without alignment. Raises `Garbled` where it is cut off."""
        try:
            return struct.unpack_from(self._sign + form, data, start)
        except struct.error:
            raise Garbled(f"a structure of {len(data)} bytes is cut off") from None


NATIVE: Final = Codec(sys.byteorder)
