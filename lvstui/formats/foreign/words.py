"""How other programs call what a director has, for those who read their files and those who write them."""

from __future__ import annotations

from typing import Final

from lvstui.core import fields
from lvstui.core.model import AddressKey, Endpoint, Forwarding, MarkKey, ProbeType, ServiceKey

KEEPALIVED_METHODS: Final = {"NAT": Forwarding.MASQ, "DR": Forwarding.ROUTE, "TUN": Forwarding.TUNNEL}
LDIRECTORD_METHODS: Final = {"gate": Forwarding.ROUTE, "masq": Forwarding.MASQ, "ipip": Forwarding.TUNNEL}
PIRANHA_METHODS: Final = {"nat": Forwarding.MASQ, "direct": Forwarding.ROUTE, "tunnel": Forwarding.TUNNEL}

KEEPALIVED_SCHEDULERS: Final = frozenset(
    ("rr", "wrr", "lc", "wlc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq", "twos")
)
"""The schedulers that keepalived takes (lvs_schedulers in check_parser.c, the same from 2.0.7 on)."""

PIRANHA_SCHEDULERS: Final = frozenset(("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh"))
"""The schedulers that Piranha takes (parseVirtualServer in lvsconfig.c)."""

KEEPALIVED_CHECKS: Final = {
    "TCP_CHECK": ProbeType.TCP,
    "HTTP_GET": ProbeType.HTTP,
    "SSL_GET": ProbeType.HTTPS,
    "SMTP_CHECK": ProbeType.SMTP,
    "DNS_CHECK": ProbeType.DNS,
    "UDP_CHECK": ProbeType.UDP,
}


def service_name(key: ServiceKey) -> str:
    """Return the name of a service in lvs.cf where nobody gave it one: `tcp-192.0.2.10-443`, `mark-80`."""
    match key:
        case MarkKey(mark, _):
            return f"mark-{mark}"
        case AddressKey(protocol, address, port):
            return f"{fields.protocol_text(protocol)}-{address}-{port}"


def server_name(endpoint: Endpoint) -> str:
    """Return the name of a server in lvs.cf where nobody gave it one: `10.0.0.11-443`."""
    return f"{endpoint.address}-{endpoint.port}"
