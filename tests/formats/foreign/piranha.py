"""lvs.cf as Piranha's own parser takes it (lvsconfig.c): words between blanks, one statement a line, and no mercy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_NUMBERS: Final = frozenset(
    ("serial_no", "backup_active", "keepalive", "deadtime", "heartbeat", "heartbeat_port", "syncdaemon", "syncd_id")
) | {"tcp_timeout", "tcpfin_timeout", "udp_timeout", "active", "fwmark", "port", "persistent", "timeout", "reentry"}
_MORE_NUMBERS: Final = frozenset(("weight", "use_regex", "quiesce_server", "hard_shutdown", "monitor_links"))
_CHOICES: Final = {
    "service": ("lvs", "fos"),
    "network": ("direct", "nat", "tunnel"),
    "protocol": ("tcp", "udp"),
    "scheduler": ("lc", "rr", "wlc", "wrr", "lblc", "lblcr", "dh", "sh"),
    "active": ("0", "1"),
}
_TOP: Final = frozenset(
    ("serial_no", "primary", "backup", "backup_active", "service", "network", "keepalive", "deadtime", "heartbeat")
) | {"heartbeat_port", "syncdaemon", "syncd_iface", "syncd_id", "tcp_timeout", "tcpfin_timeout", "udp_timeout"}
_TOP_MORE: Final = frozenset(("rsh_command", "reservation_conflict_action", "debug_level", "nat_router", "nat_nmask"))
_VIRTUAL: Final = frozenset(
    ("active", "address", "vip_nmask", "fwmark", "port", "protocol", "scheduler", "persistent", "pmask", "send")
) | {"expect", "use_regex", "timeout", "reentry", "load_monitor", "quiesce_server", "sorry_server", "send_program"}
_SERVER: Final = frozenset(("address", "active", "weight", "port"))


class Refused(Exception):
    """A line that Piranha does not take."""


@dataclass(slots=True)
class Part:
    """The whole file, a `virtual` or a `server`: its values, each the words behind `=`, and what stands within."""

    name: str = ""
    values: dict[str, list[str]] = field(default_factory=dict)
    inner: list[Part] = field(default_factory=list)


def parse(text: str) -> Part:
    """Read a file; raises `Refused`."""
    parts = [Part()]
    for line in text.split("\n"):
        bare = line.lstrip(" \t")
        if not bare or bare.startswith("#"):
            continue
        words = _words(bare)
        if words == ["}"]:
            parts.pop()
        elif words[0] == ("virtual", "server", "")[len(parts) - 1]:
            if len(words) != 3 or words[2] != "{":
                raise Refused(line)
            parts[-1].inner.append(Part(words[1]))
            parts.append(parts[-1].inner[-1])
        else:
            _take(parts[-1], (_TOP | _TOP_MORE, _VIRTUAL, _SERVER)[len(parts) - 1], words)
    if len(parts) != 1:
        raise Refused("no end")
    return parts[0]


def _take(part: Part, known: frozenset[str], words: list[str]) -> None:
    key, count = words[0], 2 if words[0] in ("address", "nat_router") and known is not _SERVER else 1
    if key not in known or words[1:2] != ["="] or len(words) != 2 + count:
        raise Refused(" ".join(words))
    if key in _CHOICES and words[2] not in _CHOICES[key]:
        raise Refused(" ".join(words))
    if key in _NUMBERS | _MORE_NUMBERS and not words[2].isdigit():
        raise Refused(" ".join(words))
    part.values[key] = words[2:]


def _words(line: str) -> list[str]:
    """Cut a line into words as tokenizeString does, quotes at the beginning of a word only."""
    words: list[str] = []
    place = 0
    while place < len(line):
        end = place
        while end < len(line) and line[end] not in " \t":
            end += 1
        quote = line[place] if line[place] in "\"'" else ""
        if quote:
            place += 1
            while end < len(line) and line[end] != quote:
                end += 1
            end += end < len(line)
            if line[end - 1] != quote:
                raise Refused(line)
        words.append(line[place : end - len(quote)])
        place = end
        while place < len(line) and line[place] in " \t":
            place += 1
    return words
