"""A director as a file of another program, whichever it is for, with the rules for its firewall marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from lvstui.core.fields import quote
from lvstui.core.marks.script import iptables_lines, script
from lvstui.core.model import Director, MarkGroup
from lvstui.formats.foreign import write_ipvsadm, write_keepalived, write_ldirectord, write_lvs_cf
from lvstui.formats.foreign.fit import fit
from lvstui.formats.foreign.recognise import Form
from lvstui.formats.foreign.room import Leftover, Leftovers, Room, comment_lines

_Write = Callable[[Director, Director, Leftovers], list[str]]

_WRITERS: Final[Mapping[Form, tuple[Room, _Write]]] = {
    Form.IPVSADM: (write_ipvsadm.ROOM, write_ipvsadm.write_ipvsadm),
    Form.KEEPALIVED: (write_keepalived.ROOM, write_keepalived.write_keepalived),
    Form.LDIRECTORD: (write_ldirectord.ROOM, write_ldirectord.write_ldirectord),
    Form.LVS_CF: (write_lvs_cf.ROOM, write_lvs_cf.write_lvs_cf),
}


class Rules(NamedTuple):
    """The rules that set the firewall marks: for which tool, and its lines."""

    tool: str
    text: str


class Written(NamedTuple):
    """A director in the words of another program.

    `fitted` is what the text says of it, `rules` stand beside the text where packets are marked, `losses` are all else.
    """

    text: str
    fitted: Director
    rules: Rules | None
    losses: tuple[Leftover, ...]


def write(form: Form, director: Director) -> Written:
    """Write a director for a program."""
    room, writer = _WRITERS[form]
    left = Leftovers()
    fitted = fit(director, room, left)
    lines = writer(director, fitted, left)
    rules = _rules(form, director, left)
    return Written(_joined(lines), fitted, rules, left.found)


def _rules(form: Form, director: Director, left: Leftovers) -> Rules | None:
    """Return the rules of the mark groups: a script for nft beside keepalived, lines of iptables beside the others."""
    if director.marks is None:
        left.lose("marks", "rules", "left out: the packet filter could not be read")
    groups = director.groups
    if form is Form.IPVSADM:
        for group in groups.values():
            left.lose(f"mark {group.mark}", "rules", "left out: `lvstui export --format nft` prints them")
        return None
    if not groups:
        return None
    lines = [line for group in groups.values() if group.name for line in _name_lines(group, left)]
    if form is Form.KEEPALIVED:
        return Rules("nft", _joined(["#!/usr/sbin/nft -f", *lines, *script(groups)]))
    lines += [line for group in groups.values() for line in iptables_lines(group)]
    return Rules("iptables", _joined(["#!/bin/sh", *lines]))


def _name_lines(group: MarkGroup, left: Leftovers) -> list[str]:
    left.lose(f"mark {group.mark}", f"name {quote(group.name)}", "written as a comment beside the rules")
    return comment_lines(f"mark {group.mark}: {group.name}")


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
