"""The names of ipsets, which xtables knows by number only."""

from __future__ import annotations

from typing import Final

from lvstui.kernel.netlink.channel import Answer
from lvstui.kernel.nft.dump import Channel
from lvstui.kernel.nft.wire import attribute, attributes, word

_IPSETS: Final = 6  # NFNL_SUBSYS_IPSET
_BY_INDEX: Final = 15  # IPSET_CMD_GET_BYINDEX, since Linux 4.20
_PROTOCOL: Final = 7
_INDEX: Final = 11 | 0x4000  # IPSET_ATTR_INDEX, in network order


def name_of(channel: Channel, index: int) -> str:
    """Give the name of the set with this number; the number itself where the kernel does not tell."""
    request = attribute(1, bytes([_PROTOCOL])) + attribute(_INDEX, index.to_bytes(2, "big"))
    try:
        answer = channel.ask(_IPSETS << 8 | _BY_INDEX, family=2, body=request)
        return word(attributes(answer[0].body).get(2)) or f"#{index}"
    except (Answer, IndexError):
        return f"#{index}"
