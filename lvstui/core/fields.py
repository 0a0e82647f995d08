"""Text to value and back, one function a kind of value and direction; attributes.py says which attribute is which.

A value is refused here when it cannot be written at all; rules.py checks whether it makes sense on a director.
Every function that reads a text raises `FieldError` where it is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, TypeVar

from lvstui.core.model import (
    FULL_PREFIX_V6,
    PERSISTENCE_MAX,
    UNKNOWN_FAMILY,
    Address,
    AddressKey,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Protocol,
    ServiceFlags,
    ServiceKey,
    SyncRole,
    TunnelType,
)

_U32: Final = 2**32 - 1

LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "mark": (1, _U32),
    "service.port": (0, 65535),
    "prefix": (1, FULL_PREFIX_V6),
    "seconds": (1, PERSISTENCE_MAX),
}
"""Smallest and largest number of what is no attribute of an object; attributes.py has those."""

FORWARDING_WORDS: Final = {
    Forwarding.MASQ: "masq",
    Forwarding.ROUTE: "route",
    Forwarding.TUNNEL: "tunnel",
    Forwarding.LOCAL: "local",
    Forwarding.BYPASS: "bypass",
}
TUNNEL_WORDS: Final = {TunnelType.IPIP: "ipip", TunnelType.GUE: "gue", TunnelType.GRE: "gre"}
CHECKSUM_WORDS: Final = {0: "nocsum", 1: "csum", 2: "remcsum"}
ROLE_WORDS: Final = {SyncRole.MASTER: "master", SyncRole.BACKUP: "backup"}

PROTOCOL_WORDS: Final = {Protocol.TCP: "tcp", Protocol.UDP: "udp", Protocol.SCTP: "sctp"}
_PROTOCOLS: Final = {word: protocol for protocol, word in PROTOCOL_WORDS.items()}
_FORWARDINGS: Final = {word: forwarding for forwarding, word in FORWARDING_WORDS.items()}

_OCTETS: Final = {str(octet): octet for octet in range(256)}

_OWN_FLAGS: Final = ("sh", "mh")
"""Schedulers that have names of their own for the flags SCHED_1 (fallback) and SCHED_2 (port)."""

_NAME_MAX: Final = 15
"""Bytes in the name of a scheduler or an interface (IP_VS_SCHEDNAME_MAXLEN, IP_VS_IFNAME_MAXLEN, less the NUL)."""

_ENGINE_MAX: Final = 16
"""Bytes in the name of a persistence engine (IP_VS_PENAME_MAXLEN)."""

_HOST_MAX: Final = 64
"""Characters in the name of a machine (__NEW_UTS_LEN)."""

LABEL_MAX: Final = 256
_NOTE_MAX: Final = 4096
"""Characters of a name and of a note: what is shown in a row, and what is read at a stretch."""

_BLANKS: Final = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols without ink: fillers of Hangul, and the empty Braille cell."""

_MARKS_MAX: Final = 4
"""Marks on one letter, as Burmese and Hebrew need them."""

_HEX: Final = re.compile(r"0[xX][0-9a-fA-F]{1,16}")

_T = TypeVar("_T", bound=int)


class FieldError(ValueError):
    """A value that a field cannot have; the sentence goes on from the field's name."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.sentence = sentence


def misread(read: Callable[[str], object], text: str) -> FieldError | None:
    """Return what is wrong with a text that cannot be read, None where it can."""
    try:
        read(text)
    except FieldError as error:
        return error
    return None


def visible(text: str) -> str:
    """Escape every character of a text that a reader would not see as what it is, as Python would.

    A letter and its marks are composed where Unicode has one character for them (NFC).
    """
    if text.isprintable() and _is_western(text):
        return text
    return escape_hidden(unicodedata.normalize("NFC", text), lambda c: c.encode("unicode_escape").decode("ascii"))


def escape_hidden(text: str, escape: Callable[[str], str]) -> str:
    """Escape what steers a terminal, reorders a line, has no ink, or piles up on what stands before it.

    A mark stays on a letter of its own script, such as the vowels of Hindi, Thai and Hebrew: these are how names are
    spelled there. Marks that go on anything (U+0301 and its like) are taken for a disguise where nothing composed them.
    """
    if text.isprintable() and _is_western(text):
        return text
    shown: list[str] = []
    script, marks = "", 0
    for character in text:
        kind = unicodedata.category(character)
        if kind[0] == "M":
            marks += 1
            hidden = not script or script != _first_word(character) or marks > _MARKS_MAX
        else:
            hidden = not character.isprintable() or character in _BLANKS
            script, marks = (_first_word(character) if kind[0] == "L" and not hidden else ""), 0
        shown.append(escape(character) if hidden else character)
    return "".join(shown)


def _is_western(text: str) -> bool:
    """Return whether a text has no character beyond Latin, below which Unicode has no marks."""
    return text.isascii() or max(text) < "\u0300"


def _first_word(character: str) -> str:
    """Return the first word of a character's name, which of a letter and a mark is the script: THAI, DEVANAGARI."""
    return unicodedata.name(character, "").partition(" ")[0]


def quote(text: str) -> str:
    """Quote a text for a sentence, escaped and cut to what one can read."""
    shown = visible(text)
    return f'"{shown[:60]}..."' if len(shown) > 60 else f'"{shown}"'


def number(field: str, value: str | int, limits: tuple[int, int] | None = None) -> int:
    """Read a whole number within limits, those of its field in `LIMITS` if none are given. Raises `FieldError`."""
    lowest, highest = limits or LIMITS[field]
    given = value
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and text.isdigit()):
            raise FieldError(field, f"must be a whole number from {lowest} to {highest}, not {quote(value)}")
        value = int(text) if len(text) <= 20 else highest + 1
    if not lowest <= value <= highest:
        raise FieldError(field, f"must be from {lowest} to {highest}, not {quote(str(given))}")
    return value


def mark(text: str, field: str = "mark", lowest: int = 1) -> int:
    """Read a firewall mark, in hexadecimal too (`0x50`), as nft and iptables write it. Raises `FieldError`."""
    found = text.strip()
    if _HEX.fullmatch(found):
        return number(field, int(found, 16), (lowest, _U32))
    return number(field, text, (lowest, _U32))


def address(field: str, text: str) -> Address:
    """Read an IPv4 or IPv6 address; names are not looked up, zones (`%eth0`) not taken. Raises `FieldError`."""
    try:
        if ":" not in text:
            # ipaddress takes three times as long to read four numbers, which a profile of 20,000 servers feels.
            a, b, c, d = map(_OCTETS.__getitem__, text.split("."))
            return IPv4Address(a << 24 | b << 16 | c << 8 | d)
        if "%" not in text:
            return IPv6Address(text)
    except (ValueError, KeyError):
        pass
    raise FieldError(field, f"{quote(text)} is not an IPv4 or IPv6 address")


def one_port(field: str, text: str, example: str) -> tuple[Address, int]:
    """Read an address and one port, 1 to 65535, as `server` does; errors are about `field`. Raises `FieldError`."""
    return _address_and_port(field, text, example, 1)


def _address_and_port(field: str, text: str, example: str, lowest: int = 0) -> tuple[Address, int]:
    host, colon, port = text.rpartition(":")
    bracketed = host[:1] == "[" and host[-1:] == "]"
    if not colon or not port.isascii() or not port.isdigit() or len(port) > 5 or not lowest <= int(port) <= 65535:
        raise FieldError(field, f"{quote(text)} needs a port from {lowest} to 65535 at its end, such as {example}")
    if bracketed:
        host = host[1:-1]
    if bracketed != (":" in host):
        raise FieldError(field, f"{quote(text)} needs [ ] around an IPv6 address, and only there")
    return address(field, host), int(port)


def _join(host: Address, port: int) -> str:
    # !s because the __format__ of ipaddress takes twice as long, which documents of 20,000 servers feel.
    return f"{host!s}:{port}" if host.version == 4 else f"[{host!s}]:{port}"


def service(text: str) -> ServiceKey:
    """Read a service: `tcp:192.0.2.10:443`, `udp:`, `sctp:`, `ip47:` …, `[IPv6]:port`, `mark:80`, `mark6:80`.

    Ports are 0 to 65535, marks 1 to 2^32-1 (`mark:0x50` too). Raises `FieldError`.
    """
    kind, _, rest = text.strip().partition(":")
    kind = kind.lower()
    if kind in ("mark", "mark6"):
        if misread(mark, rest):
            raise FieldError("service", f"{quote(text)} needs a mark from 1 to {_U32}, such as mark:80 or mark:0x50")
        return MarkKey(mark(rest), Family.IPV4 if kind == "mark" else Family.IPV6)
    protocol = _PROTOCOLS.get(kind) or _numbered_protocol(kind)
    if protocol is None:
        raise FieldError(
            "service", f"{quote(text)} is not a service such as tcp:192.0.2.10:443, udp:[2001:db8::1]:53 or mark:80"
        )
    host, port = _address_and_port("service", rest, "tcp:192.0.2.10:443")
    return AddressKey(protocol, host, port)


def _numbered_protocol(kind: str) -> Protocol | None:
    digits = kind.removeprefix("ip")
    if digits == kind or not (digits.isascii() and digits.isdigit()) or len(digits) > 5 or int(digits) > 0xFFFF:
        return None
    return Protocol(int(digits))


_MARK_WORDS: Final = {Family.IPV4: "mark", Family.IPV6: "mark6", UNKNOWN_FAMILY: "mark?"}


def service_text(key: ServiceKey) -> str:
    """Write a service as `service` reads it; one whose family is not known as `mark?:80`."""
    match key:
        case MarkKey(mark, family):
            return f"{_MARK_WORDS[family]}:{mark}"
        case AddressKey(protocol, host, port):
            return f"{protocol_text(protocol)}:{_join(host, port)}"


def protocol_text(protocol: Protocol) -> str:
    """Write a protocol: `tcp`, `udp`, `sctp`, or `ip47` for one by number."""
    return PROTOCOL_WORDS.get(protocol) or f"ip{int(protocol)}"


def server(text: str) -> Endpoint:
    """Read a real server: `10.0.0.11:443`, `[fd00::12]:443`; ports are 0 to 65535. Raises `FieldError`."""
    return Endpoint(*_address_and_port("server", text.strip(), "10.0.0.11:443"))


def server_text(endpoint: Endpoint) -> str:
    """Write a real server as `server` reads it."""
    return _join(endpoint.address, endpoint.port)


def forwarding(text: str) -> Forwarding:
    """Read a forwarding method: masq, route, tunnel (local, bypass and forwarding-5 to -7 as the kernel shows them).

    Raises `FieldError`.
    """
    known = _FORWARDINGS.get(text.strip().lower())
    if known is not None:
        return known
    other = _read_numbered("forwarding", text, 5, 7)
    if other is None:
        raise FieldError("forwarding", f"must be masq, route or tunnel, not {quote(text)}")
    return Forwarding(other)


def forwarding_text(value: Forwarding) -> str:
    """Write a forwarding method in a word."""
    return FORWARDING_WORDS.get(value) or f"forwarding-{int(value)}"


def _read_numbered(word: str, text: str, lowest: int, highest: int) -> int | None:
    """Read `word-N`, the spelling of a value that has no name."""
    prefix, _, digits = text.strip().lower().rpartition("-")
    if prefix != word or not (digits.isascii() and digits.isdigit()) or len(digits) > 5:
        return None
    return int(digits) if lowest <= int(digits) <= highest else None


def _kernel_name(field: str, text: str, longest: int = _NAME_MAX) -> str:
    name = text.strip()
    if not name or not name.isprintable() or any(c.isspace() for c in name):
        raise FieldError(field, f"must be a name without spaces, not {quote(text)}")
    if len(name.encode()) > longest:
        raise FieldError(field, f"must be at most {longest} bytes long, not {quote(text)}")
    return name


def scheduler(text: str) -> str:
    """Read a scheduler's name, of at most 15 bytes; the kernel decides which exist. Raises `FieldError`."""
    return _kernel_name("scheduler", text)


def engine(text: str) -> str:
    """Read the name of a persistence engine (`sip`), of at most 16 bytes; empty means none. Raises `FieldError`."""
    return _kernel_name("engine", text, _ENGINE_MAX) if text.strip() else ""


def interface(text: str) -> str:
    """Read the name of a network interface, of at most 15 bytes. Raises `FieldError`."""
    return _kernel_name("interface", text)


def flag_names(scheduler_name: str) -> Mapping[str, ServiceFlags]:
    """Return the flags that a service with this scheduler can have, by name."""
    own = scheduler_name if scheduler_name in _OWN_FLAGS else ""
    return {
        "one-packet": ServiceFlags.ONE_PACKET,
        f"{own}-fallback" if own else "flag-1": ServiceFlags.SCHED_1,
        f"{own}-port" if own else "flag-2": ServiceFlags.SCHED_2,
        "flag-3": ServiceFlags.SCHED_3,
    }


_GENERIC_FLAGS: Final = flag_names("")


def flags(words: Iterable[str], scheduler_name: str) -> ServiceFlags:
    """Read the flags of a service; `flag-1` and `flag-2` go with every scheduler, sh-port with sh only.

    Raises `FieldError`.
    """
    known = {**_GENERIC_FLAGS, **flag_names(scheduler_name)}
    value = ServiceFlags.NONE
    for word in words:
        flag = known.get(word.strip().lower())
        if flag is None:
            names = ", ".join(flag_names(scheduler_name))
            raise FieldError("flags", f"{quote(word)} is none of {names}, the flags with scheduler {scheduler_name}")
        value |= flag
    return value


def flag_words(value: ServiceFlags, scheduler_name: str) -> tuple[str, ...]:
    """Write the flags of a service, in the order of the kernel's bits."""
    return tuple(word for word, flag in flag_names(scheduler_name).items() if value & flag) if value else ()


def netmask(text: str) -> IPv4Address:
    """Read the dotted netmask of an IPv4 service's persistence; rules.py warns of holes. Raises `FieldError`."""
    try:
        return IPv4Address(text.strip())
    except AddressValueError:
        raise FieldError("netmask", f"must be a netmask such as 255.255.255.0, not {quote(text)}") from None


def mask(text: str, family: Family) -> IPv4Address | int:
    """Read the width of a persistence entry as `255.255.255.0`, `/24` or `24` for IPv4, `/64` or `64` for IPv6.

    Raises `FieldError`.
    """
    width = text.strip().removeprefix("/")
    if family is Family.IPV6:
        return number("prefix", width)
    if not (width.isascii() and width.isdigit()):
        return netmask(text)
    if len(width) > 4 or int(width) > 32:
        raise FieldError("netmask", "must be 0 to 32 as a prefix, or a netmask such as 255.255.255.0")
    return IPv4Address((_U32 << (32 - int(width))) & _U32)


def tunnel_type(text: str) -> TunnelType:
    """Read an encapsulation: ipip, gue, gre (type-3 to type-255 for one without a name). Raises `FieldError`."""
    return _word("tunnel.type", text, TUNNEL_WORDS, TunnelType, "type", 255)


def tunnel_type_text(value: TunnelType) -> str:
    """Write an encapsulation in a word."""
    return TUNNEL_WORDS.get(value) or f"type-{int(value)}"


def checksum(text: str) -> int:
    """Read the checksum option of a tunnel: nocsum, csum, remcsum (bits-3 and up for others). Raises `FieldError`."""
    return _word("tunnel.checksum", text, CHECKSUM_WORDS, int, "bits", 0xFFFF)


def checksum_text(value: int) -> str:
    """Write the checksum option of a tunnel in a word."""
    return CHECKSUM_WORDS.get(value) or f"bits-{value}"


def _word(field: str, text: str, words: Mapping[_T, str], make: type[_T], prefix: str, highest: int) -> _T:
    for value, word in words.items():
        if text.strip().lower() == word:
            return value
    other = _read_numbered(prefix, text, len(words), highest)
    if other is None:
        raise FieldError(field, f"must be {', '.join(words.values())}, not {quote(text)}")
    return make(other)


def role(text: str) -> SyncRole:
    """Read the role of a sync daemon: master or backup. Raises `FieldError`."""
    for value, word in ROLE_WORDS.items():
        if text.strip().lower() == word:
            return value
    raise FieldError("role", f"must be master or backup, not {quote(text)}")


def label(field: str, text: str) -> str:
    """Read a name (at most 256 characters) or a note (4096): any text that a file in UTF-8 can hold.

    Raises `FieldError`.
    """
    longest = _NOTE_MAX if field == "note" else LABEL_MAX
    if len(text) > longest:
        raise FieldError(field, f"must be at most {longest} characters long, not {len(text)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FieldError(field, f"{quote(text)} has characters that UTF-8 cannot write") from None
    return text


def host(text: str) -> str:
    """Read the name of a machine, as `hostname` prints it. Raises `FieldError`."""
    if not text or len(text) > _HOST_MAX or not text.isprintable() or " " in text:
        raise FieldError("host", f"must be the name of a machine as `hostname` prints it, not {quote(text)}")
    return text


def netns(text: str) -> str:
    """Read the name of a network namespace, which is the name of a file too. Raises `FieldError`."""
    if text in ("", ".", "..") or "/" in text or "\0" in text:
        raise FieldError("netns", f"must be a name that `ip netns` lists, not {quote(text)}")
    return text
