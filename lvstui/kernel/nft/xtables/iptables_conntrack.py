"""What iptables' match conntrack asks of a packet's connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Check
from lvstui.kernel.nft.reading.conditions import Condition, in_words, match_flags, match_states, match_values
from lvstui.kernel.nft.reading.fields import CONNECTION_STATUS, EXPIRATION_SECONDS, PROTOCOLS, STATUS, PacketField
from lvstui.kernel.nft.xtables.iptables_options import Match, Option, match_address, protocol_number, ranges

_STATES: Final = ("invalid", "established", "related", "new", "snat", "dnat", "untracked")
_ADDRESSES: Final = {
    f"--ct{short}{side}": f"ct {long} {{}} {side[0]}addr"
    for short, long in (("orig", "original"), ("repl", "reply"))
    for side in ("src", "dst")
}
_PORTS: Final = {
    f"--ct{short}{side}port": PacketField(f"ct {long} proto-{side}", 2, "port")
    for short, long in (("orig", "original"), ("repl", "reply"))
    for side in ("src", "dst")
}


def states(_: Match, option: Option) -> Condition:
    """Return what is asked of the state of a connection."""
    return match_states(sorted(option.value.lower().split(","), key=_STATES.index), option.negated)


def _status(_: Match, option: Option) -> Condition:
    names = option.value.lower().replace("_", "-").split(",")
    numbers = {name: bit for bit, name in STATUS.items()} | {"none": 0}
    return match_flags("ct status", CONNECTION_STATUS, sum(numbers[name] for name in names), option.negated)


def _protocol(_: Match, option: Option) -> Condition:
    number = protocol_number(option.value)
    test = Check(("ct protocol",), ((number, number),))
    return in_words("ct protocol", PROTOCOLS.get(number, str(number)), option.negated, test)


def _address(match: Match, option: Option) -> Condition:
    size, kind = (4, "ipv4") if match.version == 4 else (16, "ipv6")
    field = PacketField(_ADDRESSES[option.name].format(match.ip), size, kind)
    return match_address(option.value, field, option.negated)


def _port(_: Match, option: Option) -> Condition:
    return match_values(_PORTS[option.name], ranges(option.value), option.negated)


def _expiration(_: Match, option: Option) -> Condition:
    return match_values(EXPIRATION_SECONDS, ranges(option.value, most=ALL_BITS), option.negated)


def _direction(_: Match, option: Option) -> Condition:
    way = ("ORIGINAL", "REPLY").index(option.value)
    return match_values(PacketField("ct direction", 1, "direction", host=True), ((way, way),), option.negated)


READERS: Final[Mapping[str, Callable[[Match, Option], Condition]]] = {
    "--ctstate": states,
    "--ctproto": _protocol,
    "--ctstatus": _status,
    "--ctexpire": _expiration,
    "--ctdir": _direction,
    **dict.fromkeys(_ADDRESSES, _address),
    **dict.fromkeys(_PORTS, _port),
}
"""What reads the options of the match conntrack."""
