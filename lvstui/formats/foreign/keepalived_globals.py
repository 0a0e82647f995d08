"""What keepalived.conf says for all services: timeouts, sync daemons, and what is about keepalived itself."""

from __future__ import annotations

from typing import Final

from lvstui.core import fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import PERSISTENCE_MAX, SYNC_GROUP, SYNC_PORT, SyncDaemon, SyncRole, Timeouts
from lvstui.formats.foreign.draft import Draft
from lvstui.formats.foreign.keepalived_tree import Block, value_of

_TIMEOUTS: Final = ("tcp", "tcpfin", "udp")

_DAEMON: Final = "lvs_sync_daemon"
_DAEMON_LIMITS: Final = {"id": (0, 255), "maxlen": (1, 65507), "port": (1, 65535), "ttl": (1, 255)}


def read_globals(draft: Draft, block: Block) -> None:
    """Read global_defs; raises `FieldError`."""
    earlier: Block | None = None
    for one in block.inner:
        if one.words[0] == "lvs_timeouts":
            if earlier:
                draft.lose(earlier.spot, earlier.text, f"left out: line {one.spot.line} says it again")
            earlier = one
            _set_timeouts(draft, one)
        elif one.words[0] == _DAEMON:
            _add_daemons(draft, one)
        elif one.words[0] == "nftables_ipvs":
            became = "left out: keepalived would put groups on marks of its own; here they stand by their addresses"
            draft.lose(one.spot, one.text, became)
        else:
            draft.lose(one.spot, one.text, "left out: it is about keepalived itself")


def _set_timeouts(draft: Draft, block: Block) -> None:
    words = block.words[1:]
    given = dict(zip(words[::2], words[1::2], strict=False))
    if len(words) % 2 or not set(given) <= set(_TIMEOUTS):
        raise FieldError("lvs_timeouts", f"must be tcp N tcpfin N udp N, not {quote(' '.join(words))}")
    seconds = [fields.number("lvs_timeouts", given[key], (0, PERSISTENCE_MAX)) for key in _TIMEOUTS if key in given]
    if len(seconds) == len(_TIMEOUTS) and all(seconds):
        draft.timeouts = Timeouts(*seconds)
    else:
        draft.lose(block.spot, block.text, "left out: a profile holds all three of tcp, tcpfin and udp, none of them 0")


def _add_daemons(draft: Draft, block: Block) -> None:
    """Add both sync daemons, which keepalived starts where it names no VRRP instance; raises `FieldError`."""
    if draft.daemons:
        draft.lose(block.spot, block.text, "left out: keepalived takes only the first of them")
        return
    instance, values = "", dict.fromkeys((*_DAEMON_LIMITS, "group"), "")
    words = list(block.words[2:])
    while words:
        word = words.pop(0)
        if word in (*values, "inst"):
            if not words:
                raise FieldError(_DAEMON, f"{word} needs a value behind it")
            if word == "inst":
                instance = words.pop(0)
            else:
                values[word] = words.pop(0)
        elif not instance:  # IF INSTANCE ID, as it was written before
            instance = word
        else:
            values["id"] = word

    def number(key: str, usual: int) -> int:
        return fields.number(_DAEMON, values[key], _DAEMON_LIMITS[key]) if values[key] else usual

    interface = fields.interface(value_of(block))
    group = fields.address(_DAEMON, values["group"]) if values["group"] else SYNC_GROUP
    numbers = number("id", 0), number("maxlen", 0), group, number("port", SYNC_PORT), number("ttl", 1)
    if instance:
        became = f"left out: it is master or backup as vrrp_instance {instance} is; write [[sync]] for this director"
        draft.lose(block.spot, block.text, became)
        return
    for role in (SyncRole.MASTER, SyncRole.BACKUP):
        draft.add_daemon(block.spot, SyncDaemon(role, interface, *numbers))


def lose_daemon(draft: Draft, block: Block) -> None:
    """Note the sync daemon that a vrrp_instance starts by a word of its own."""
    for one in block.inner:
        if one.words[0] == "lvs_sync_daemon_interface":
            became = "left out: it is master or backup as this instance is; write [[sync]] for this director"
            draft.lose(one.spot, one.text, became)
