"""A configuration of another program as a director, whichever program it is for."""

from __future__ import annotations

from typing import assert_never

from lvstui.formats.foreign.draft import Draft, Imported, Names, TooMuch
from lvstui.formats.foreign.ipvsadm import read_ipvsadm
from lvstui.formats.foreign.keepalived import read_keepalived
from lvstui.formats.foreign.keepalived_text import Includer
from lvstui.formats.foreign.ldirectord import read_ldirectord
from lvstui.formats.foreign.lvs_cf import read_lvs_cf
from lvstui.formats.foreign.recognise import Form


def read(form: Form, text: str, file: str, names: Names, include: Includer, identity: str | None = None) -> Imported:
    """Read a file of a form; `include` and `identity` are for keepalived's includes and conditions."""
    text = text.replace("\r\n", "\n")
    draft = Draft(names)
    try:
        match form:
            case Form.IPVSADM:
                read_ipvsadm(draft, text, file)
            case Form.KEEPALIVED:
                read_keepalived(draft, text, file, include, identity)
            case Form.LDIRECTORD:
                read_ldirectord(draft, text, file)
            case Form.LVS_CF:
                read_lvs_cf(draft, text, file)
            case _:
                assert_never(form)
        return draft.imported()
    except TooMuch as much:
        return draft.stopped(much)
