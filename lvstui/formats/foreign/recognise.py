"""Which program a configuration is for, by what stands in it."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

_LONGEST: Final = 2000
"""Characters of a line that are looked at."""


class Form(Enum):
    """A kind of file that can be imported; the value is its word on the command line."""

    IPVSADM = "ipvsadm"
    KEEPALIVED = "keepalived"
    LDIRECTORD = "ldirectord"
    LVS_CF = "lvs.cf"

    @property
    def words(self) -> str:
        """What such a file is, in a sentence."""
        return _WORDS[self]


_WORDS: Final = {
    Form.IPVSADM: "the lines of ipvsadm-save",
    Form.KEEPALIVED: "a configuration of keepalived",
    Form.LDIRECTORD: "a configuration of ldirectord",
    Form.LVS_CF: "a configuration of Piranha (lvs.cf)",
}

_SIGNS: Final = (
    (Form.LDIRECTORD, re.compile(r"virtual6?\s*=")),
    (Form.LVS_CF, re.compile(r"\s*(?:virtual|failover)\s+\S+\s*\{|\s*(?:serial_no|primary_private|backup_active)\s*=")),
    (Form.LVS_CF, re.compile(r'\s*service\s*=\s*"?(?:lvs|fos)"?\s*$')),
    (
        Form.KEEPALIVED,
        re.compile(
            r"\s*(?:@\S+\s+)?(?:virtual_server|global_defs|vrrp_\w+|static_(?:ipaddress|routes|rules)|include[rmwba]?\s)"
        ),
    ),
    (
        Form.IPVSADM,
        re.compile(
            r"\s*(?:\S*ipvsadm\s+)?(?:-[AaEeDd]\s+(?:-[tuf]|--\w)|-C\s*$|--(?:add|edit|delete)-(?:service|server)\b"
            r"|--set\s+\d|--start-daemon\b|--clear\b)"
        ),
    ),
)


def recognise(text: str) -> Form | None:
    """Return which program a text is for, by the first line that shows it; None where none does."""
    for line in text.split("\n"):
        for form, sign in _SIGNS:
            if sign.match(line[:_LONGEST]):
                return form
    return None
