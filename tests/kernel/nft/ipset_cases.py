"""Sets of ipset, what they hold, and the packets that a rule finds in them."""

from __future__ import annotations

from typing import Final

CLIENT, SERVICE = "198.51.100.7", "192.0.2.10"
IN, OUT = True, False


CASES: Final[dict[str, tuple[str, tuple[str, ...], str, dict[str, bool]]]] = {
    "hash:ip": (
        "hash:ip",
        (CLIENT, "198.51.100.16/30"),
        "src",
        {
            f"{CLIENT} tcp {SERVICE} 80": IN,
            f"198.51.100.8 tcp {SERVICE} 80": OUT,
            f"198.51.100.19 udp {SERVICE} 80": IN,
        },
    ),
    "hash:ip with a netmask": (
        "hash:ip netmask 24",
        ("198.51.100.9",),
        "src",
        {f"{CLIENT} tcp {SERVICE} 80": IN, f"198.51.101.7 tcp {SERVICE} 80": OUT},
    ),
    "hash:ip of the destination": (
        "hash:ip",
        (SERVICE,),
        "dst",
        {f"{CLIENT} tcp {SERVICE} 80": IN, f"{SERVICE} tcp {CLIENT} 80": OUT},
    ),
    "hash:net with exceptions": (
        "hash:net",
        ("198.51.0.0/16", "198.51.100.0/24 nomatch", f"{CLIENT}/32"),
        "src",
        {
            f"{CLIENT} tcp {SERVICE} 80": IN,
            f"198.51.100.8 tcp {SERVICE} 80": OUT,
            f"198.51.99.255 tcp {SERVICE} 80": IN,
            f"198.51.101.0 tcp {SERVICE} 80": IN,
            f"198.52.0.0 tcp {SERVICE} 80": OUT,
        },
    ),
    "hash:ip,port": (
        "hash:ip,port",
        (f"{SERVICE},tcp:80", f"{SERVICE},udp:53", f"{SERVICE},sctp:9"),
        "dst,dst",
        {
            f"{CLIENT} tcp {SERVICE} 80": IN,
            f"{CLIENT} udp {SERVICE} 80": OUT,
            f"{CLIENT} udp {SERVICE} 53": IN,
            f"{CLIENT} sctp {SERVICE} 9": IN,
            f"{CLIENT} tcp {CLIENT} 80": OUT,
        },
    ),
    "hash:ip,port of the source's": (
        "hash:ip,port",
        (f"{SERVICE},tcp:40000",),
        "dst,src",
        {f"{CLIENT} tcp {SERVICE} 80": IN, f"{CLIENT} tcp {SERVICE} 40000": IN},
    ),
    "hash:net,port": (
        "hash:net,port",
        ("192.0.2.0/24,tcp:80", "192.0.2.0/28,tcp:80 nomatch", "192.0.2.0/24,tcp:443"),
        "dst,dst",
        {
            f"{CLIENT} tcp {SERVICE} 80": OUT,
            f"{CLIENT} tcp {SERVICE} 443": IN,
            f"{CLIENT} tcp 192.0.2.16 80": IN,
            f"{CLIENT} tcp 192.0.2.16 81": OUT,
        },
    ),
    "hash:ip,port,ip": (
        "hash:ip,port,ip",
        (f"{SERVICE},tcp:80,{CLIENT}",),
        "dst,dst,src",
        {f"{CLIENT} tcp {SERVICE} 80": IN, f"198.51.100.8 tcp {SERVICE} 80": OUT},
    ),
    "hash:ip,port,net": (
        "hash:ip,port,net",
        (f"{SERVICE},tcp:80,198.51.100.0/24", f"{SERVICE},tcp:80,198.51.100.128/25 nomatch"),
        "dst,dst,src",
        {
            f"{CLIENT} tcp {SERVICE} 80": IN,
            f"198.51.100.200 tcp {SERVICE} 80": OUT,
            f"{CLIENT} tcp {SERVICE} 81": OUT,
        },
    ),
    "hash:net,iface": (
        "hash:net,iface",
        ("198.51.100.0/24,eth0", "0.0.0.0/0,eth1"),
        "src,src",
        {f"{CLIENT} tcp {SERVICE} 80": IN, f"198.51.101.7 tcp {SERVICE} 80": OUT},
    ),
    "hash:net,iface, where the smallest network decides, whatever its interface": (
        "hash:net,iface",
        ("198.51.100.0/24,eth0", "198.51.100.8/32,wan1", "198.51.100.16/28,eth0", "198.51.100.16/30,wan1"),
        "src,src",
        {
            f"{CLIENT} tcp {SERVICE} 80": IN,
            f"198.51.100.8 tcp {SERVICE} 80": OUT,
            f"198.51.100.18 tcp {SERVICE} 80": OUT,
            f"198.51.100.20 tcp {SERVICE} 80": IN,
        },
    ),
    "bitmap:ip": (
        "bitmap:ip range 192.0.2.0/24",
        (SERVICE, "192.0.2.20-192.0.2.22"),
        "dst",
        {f"{CLIENT} tcp {SERVICE} 80": IN, f"{CLIENT} tcp 192.0.2.21 80": IN, f"{CLIENT} tcp 192.0.2.23 80": OUT},
    ),
    "bitmap:port": (
        "bitmap:port range 0-1024",
        ("80", "440-443"),
        "dst",
        {
            f"{CLIENT} tcp {SERVICE} 80": IN,
            f"{CLIENT} udp {SERVICE} 441": IN,
            f"{CLIENT} tcp {SERVICE} 81": OUT,
            f"{CLIENT} sctp {SERVICE} 80": OUT,
        },
    ),
    "elements that run out": (
        "hash:ip timeout 600",
        (f"{CLIENT} timeout 300",),
        "src",
        {f"{CLIENT} tcp {SERVICE} 80": IN, f"198.51.100.8 tcp {SERVICE} 80": OUT},
    ),
    "counters, comments and marks": (
        "hash:ip counters comment skbinfo",
        (f'{CLIENT} comment "a client" packets 5 bytes 9 skbmark 0x1111/0xff00',),
        "src",
        {f"{CLIENT} tcp {SERVICE} 80": IN, f"198.51.100.8 tcp {SERVICE} 80": OUT},
    ),
    "an empty set": ("hash:ip,port", (), "src,src", {f"{CLIENT} tcp {SERVICE} 80": OUT}),
    "too few dimensions": ("hash:ip,port", (f"{SERVICE},tcp:80",), "dst", {f"{CLIENT} tcp {SERVICE} 80": OUT}),
    "more dimensions than the set has": ("hash:ip", (SERVICE,), "dst,dst", {f"{CLIENT} tcp {SERVICE} 80": IN}),
}
"""By what they are about: how a set is created, its elements, the words of a rule, packets and whether they are in."""
