"""Settings of net.ipv4.vs: what they do, what they may be, and their values as the kernel writes them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias, assert_never

from lvstui.core.fields import FieldError, visible
from lvstui.core.model import INT_MAX
from lvstui.core.words import nearest

_Range: TypeAlias = tuple[int, int]

_INT: Final = (-INT_MAX - 1, INT_MAX)
_LONG: Final = (0, 2**64 - 1)
_TICKED: Final = (0, INT_MAX // 100)
"""Seconds that the kernel keeps in ticks, with the slowest clock (HZ=100).

Kernels take negative ones too, which mean nothing, and Linux 7.2 shows them as another number than was written.
"""

_SWITCH: Final = (0, 1)
_MODE: Final = (0, 3)
_COUNT: Final = (0, INT_MAX)
_SECONDS: Final = (0, INT_MAX // 1000)


class SettingKind(Enum):
    """What the value of a setting looks like."""

    NUMBER = "number"
    POWER = "power of two"
    PAIR = "pair of numbers"
    CPUS = "list of CPUs"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its default in Linux 6.1 or when it came (empty: worked out by the kernel), and what it is for.

    `limits` is what the kernel takes; `sensible` what has a meaning, which is often less. The kernel moves an
    `automatic` one between 1 and 2 itself. `since` is the Linux that has it, where there are older ones in use.
    """

    name: str
    meaning: str
    sensible: _Range = _SWITCH
    limits: _Range = _INT
    kind: SettingKind = SettingKind.NUMBER
    automatic: bool = False
    read_only: bool = False
    default: str = "0"
    since: str = ""

    @property
    def takes(self) -> str:
        """What it takes, in a few words: `0 or 1`, `0 to 3`."""
        least, most = self.sensible
        match self.kind:
            case SettingKind.NUMBER if most - least == 1:
                return f"{least} or {most}"
            case SettingKind.NUMBER if most >= INT_MAX:
                return f"{least} or more"
            case SettingKind.NUMBER:
                return f"{least} to {most}"
            case SettingKind.POWER:
                return f"a power of two from {least} to {most}"
            case SettingKind.PAIR:
                return "two numbers, the first below the second (or the second 0), such as 3 50"
            case SettingKind.CPUS:
                return "CPUs such as 0-3,8; empty for all"
            case _:
                assert_never(self.kind)


_ALL: Final = (
    Setting(
        "am_droprate",
        "While drop_packet is 3: one packet out of this many is dropped. Raise it to drop fewer.",
        (1, INT_MAX),
        default="10",
    ),
    Setting(
        "amemthresh",
        "Pages of free memory below which the automatic defences (1 in drop_entry, drop_packet, secure_tcp) start.",
        _COUNT,
        default="1024",
    ),
    Setting(
        "backup_only",
        "1: while a backup sync daemon runs, this director forwards nothing. Ends loops where directors are also "
        "real servers of each other.",
    ),
    Setting("cache_bypass", "1: when no server of a transparent cache is left, go to where the client wanted to go."),
    Setting(
        "conn_lfactor",
        "How full the connection table may get before it grows: higher saves memory, lower saves time.",
        (-8, 8),
        (-8, 8),
        default="-4",
        since="7.2",
    ),
    Setting(
        "conn_max",
        "The most rows that the connection table may have, connections and persistence entries together. Clients "
        "beyond that are not served.",
        (1, 2**30),
        (0, 2**30),
        default=str(2**30),
        since="7.2",
    ),
    Setting(
        "conn_reuse_mode",
        "When a client comes back from the same port: 0 keeps its old server, 1 chooses anew where that is safe, "
        "+2 also after a FIN with direct routing. New servers that get no load may need 1 or 3.",
        _MODE,
        default="1",
    ),
    Setting(
        "conntrack",
        "1: netfilter keeps track of balanced connections. Firewall rules on their state, and SNAT of masq, need it; "
        "it costs speed.",
    ),
    Setting("debug_level", "How much IPVS writes into the kernel's log; 0 is nothing, 12 is every packet.", (0, 12)),
    Setting(
        "drop_entry",
        "Defence when memory runs out: throws connections out of the table at random. 0 never, 1 when memory is low "
        "(2: it is now), 3 always.",
        _MODE,
        _MODE,
        automatic=True,
    ),
    Setting(
        "drop_packet",
        "Defence when memory runs out: drops packets on their way in. 0 never, 1 when memory is low (2: it is now), "
        "3 always, at am_droprate.",
        _MODE,
        _MODE,
        automatic=True,
    ),
    Setting(
        "est_cpulist",
        "The CPUs on which rates are worked out. Keep that work away from the CPUs that take the packets.",
        default="",
        kind=SettingKind.CPUS,
        since="6.2",
    ),
    Setting(
        "est_nice",
        "How nice the threads are that work out rates; higher leaves more of the CPU to others.",
        (-20, 19),
        (-20, 19),
        since="6.2",
    ),
    Setting(
        "expire_nodest_conn",
        "What becomes of connections of a removed server. 0: their packets are dropped in silence until they time out, "
        "or until the server is back; 1: they end at once, and so do its persistence entries.",
    ),
    Setting(
        "expire_quiescent_template",
        "1: a client whose server has weight 0 is sent to another one at its next connection. 0: persistence keeps "
        "sending it there, so a drain may never end.",
    ),
    Setting(
        "ignore_tunneled",
        "1: tunnelled packets (IPIP) that arrive here are not balanced again. For a director that is also a real "
        "server of another one.",
    ),
    Setting(
        "lblc_expiration",
        "Seconds after which the lblc scheduler forgets to which server an unused address went.",
        _SECONDS,
        _TICKED,
        default="86400",
    ),
    Setting(
        "lblcr_expiration",
        "Seconds after which the lblcr scheduler forgets to which servers an unused address went.",
        _SECONDS,
        _TICKED,
        default="86400",
    ),
    Setting(
        "nat_icmp_send",
        "1: a masq server whose packets belong to no known connection gets an answer (ICMP port unreachable).",
    ),
    Setting(
        "pmtu_disc",
        "1: packets too large for the way to the server are answered with the size that fits. 0 never says so: large "
        "transfers through tunnels may hang.",
        default="1",
    ),
    Setting(
        "run_estimation",
        "1: the kernel works out rates. 0 saves time with very many services, and all rates stand still.",
        default="1",
        since="5.15",
    ),
    Setting(
        "schedule_icmp",
        "1: ICMP about a connection that is not known here is balanced too, so that it finds the server where several "
        "directors stand side by side.",
    ),
    Setting(
        "secure_tcp",
        "Defence against floods of half-open connections: shorter TCP states. 0 never, 1 when memory is low (2: it is "
        "now), 3 always.",
        _MODE,
        _MODE,
        automatic=True,
    ),
    Setting(
        "sloppy_sctp",
        "1: an SCTP connection is taken up in its middle. For a backup that takes over with sync_persist_mode 1.",
    ),
    Setting(
        "sloppy_tcp",
        "1: a TCP connection is taken up in its middle, without its SYN. For a backup that takes over with "
        "sync_persist_mode 1, and for stateless directors side by side (mh).",
    ),
    Setting(
        "snat_reroute",
        "1: the route of a masq server's answers is looked up again with the virtual address as source. Needed with "
        "routing by source; 0 is a little faster.",
        default="1",
    ),
    Setting(
        "svc_lfactor",
        "How full the table of services may get before it grows: higher saves memory, lower saves time.",
        (-8, 8),
        (-8, 8),
        default="-3",
        since="7.2",
    ),
    Setting(
        "sync_persist_mode",
        "1: of services with persistence only the clients' entries are synchronised, not each connection. Less to "
        "send; the backup needs sloppy_tcp then.",
    ),
    Setting(
        "sync_ports",
        "Threads and UDP ports of a sync daemon, from its own port upwards; the same number on master and backup.",
        (1, 64),
        (1, 2**30),
        SettingKind.POWER,
        default="1",
    ),
    Setting(
        "sync_qlen_max",
        "Messages that may wait to be sent by the master; the rest is lost. Raise it when the backup misses "
        "connections in a storm.",
        (0, 2**63 - 1),
        _LONG,
        default="",
    ),
    Setting(
        "sync_refresh_period",
        "Seconds by which a connection's timer must have moved before it is synchronised again; 0: by sync_threshold "
        "alone.",
        _SECONDS,
        _TICKED,
    ),
    Setting(
        "sync_retries",
        "How often a message about a connection is sent again, an eighth of sync_refresh_period apart; against loss.",
        _MODE,
        _MODE,
    ),
    Setting(
        "sync_sock_size",
        "Bytes of the sync daemon's socket buffer; 0 is the system's default. Raise it when datagrams are lost.",
        _COUNT,
    ),
    Setting(
        "sync_threshold",
        "A B: a connection is synchronised at packet A, and again every B packets. Lower A hands over younger ones; "
        "lower B costs more messages.",
        _COUNT,
        _COUNT,
        SettingKind.PAIR,
        default="3 50",
    ),
    Setting(
        "sync_version",
        "The format of sync messages: 1 is right; 0 is for a partner with a kernel before 2.6.39, without IPv6.",
        _SWITCH,
        _SWITCH,
        default="1",
    ),
)

SETTINGS: Final[Mapping[str, Setting]] = {setting.name: setting for setting in _ALL}
"""What is known of the settings, by name. A kernel may lack some of them and have others."""


_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}")
_CPUS: Final = re.compile(r"([0-9]+(-[0-9]+(:[0-9]+/[0-9]+)?)?(,(?!$)|$))*")
_TEXT_MAX: Final = 1000

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_INTEGER_MAX: Final = 2**63 - 1
"""The largest whole number that every reader of TOML takes."""


def name(text: str) -> str:
    """Check the last name of a setting, which becomes the name of a file of the kernel. Raises `FieldError`."""
    if not _NAME.fullmatch(text):
        shown = visible(text[:60])
        raise FieldError(shown, "is no name of a setting of net.ipv4.vs; write one such as expire_nodest_conn")
    return text


def read(setting: str, text: str) -> str:
    """Check the value of a setting and write it as the kernel does; of an unknown setting any line is right.

    Raises `FieldError` for what the kernel refuses, or takes as something else: `1 2` for one number.
    """
    plain = " ".join(text.split())
    known = SETTINGS.get(setting)
    if known is None:
        if len(plain) > _TEXT_MAX or not plain.isprintable():
            raise FieldError(setting, f"must be one line of at most {_TEXT_MAX} plain characters")
        return plain
    if known.read_only:
        raise FieldError(setting, "can be read only")
    words, (least, most) = plain.split(), known.limits
    numbers = [int(word) for word in words if _NUMBER.fullmatch(word)]
    inside = len(numbers) == len(words) and all(least <= number <= most for number in numbers)
    match known.kind, numbers:
        case SettingKind.NUMBER, [number] if inside:
            return str(number)
        case SettingKind.POWER, [number] if inside and number.bit_count() == 1:
            return str(number)
        case SettingKind.PAIR, [first, second] if inside and not 0 < second <= first:
            return f"{first} {second}"
        case SettingKind.CPUS, _ if len(plain) <= _TEXT_MAX and _CPUS.fullmatch(plain):
            return plain
        case _:
            shown = visible(plain)
            raise FieldError(known.name, f'must be {known.takes}, not "{shown[:60]}"')


def number_or_text(text: str) -> str | int:
    """Return a value as a number where it is one, for files in which numbers and texts differ."""
    number = int(text) if _INTEGER.fullmatch(text) else None
    return text if number is None or abs(number) > _INTEGER_MAX else number


def writable(setting: str) -> bool:
    """Return whether a setting can be written; one that is not known can be tried."""
    known = SETTINGS.get(setting)
    return known is None or not known.read_only


def doubt(setting: str, text: str) -> str:
    """Return a sentence about a value that the kernel takes though it means nothing there, empty for any other."""
    known = SETTINGS.get(setting)
    if known is None or known.kind is SettingKind.CPUS:
        return ""
    least, most = known.sensible
    if all(least <= int(number) <= most for number in text.split()):
        return ""
    return f"{visible(text)} means nothing to the kernel, though it takes it; give {known.takes}"


def slip(setting: str) -> str:
    """Return a question about an unknown name that is close to a known one, empty for any other."""
    if setting in SETTINGS:
        return ""
    near = nearest(setting, SETTINGS, cutoff=0.85)
    return f"lvstui knows no such setting; did you mean {near}?" if near else ""


def absence(setting: str, held: Collection[str], kernel: str) -> str:
    """Return a sentence about a setting that a kernel lacks, which has those `held`; empty where nothing is wrong.

    Without any held there is no kernel to compare with: only a name that no kernel is known to have is one then.
    """
    if setting in held:
        return ""
    known = SETTINGS.get(setting)
    if known is None:
        nobody = f"neither {kernel} nor lvstui knows" if held else "lvstui knows no kernel with"
        return f"{nobody} such a setting; correct the name, or take it out"
    if not held:
        return ""
    if known.since:
        return f"{kernel} has no such setting, Linux {known.since} has it; take it out for this kernel"
    return f"{kernel} has no such setting at this moment; load the module that brings it, or take it out"


def same(setting: str, one: str | None, other: str | None) -> bool:
    """Return whether two values are the same setting: the kernel itself moves automatic defences between 1 and 2."""
    known = SETTINGS.get(setting)
    moves = known is not None and known.automatic and one in ("1", "2") and other in ("1", "2")
    return moves or one == other
