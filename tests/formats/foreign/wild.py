"""Files as people write them for keepalived: in any order, with defaults left out, aliases, groups and ranges."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

_SCHEDULERS: Final = ("rr", "wrr", "lc", "wlc", "sh", "mh", "dh", "sed", "nq", "fo", "ovf", "lblc", "lblcr")
_MASKS: Final = ("255.255.255.0", "255.255.0.0", "255.255.255.255", "0.0.0.0", "255.0.255.0")


def keepalived(seed: int) -> str:
    """Write a keepalived.conf; the same seed writes the same one."""
    dice = Random(seed)
    lines = ["! written by hand", "global_defs {", "   router_id lab # here", "}", "$NET=10.7.0", "$PORT=8080"]
    if dice.random() < 0.5:
        lines += ["global_defs", "{", "  lvs_timeouts tcp 700 tcpfin 60 udp 200", "}"]
    for number in range(dice.randrange(1, 5)):
        lines += _virtual(dice, number)
    return "\n".join(lines) + "\n"


def _virtual(dice: Random, number: int) -> Iterator[str]:
    six = dice.random() < 0.25
    marked = False
    match dice.randrange(5):
        case 0:
            marked = True
            yield f"virtual_server fwmark {dice.choice((7, 80, 2**31 + 5)) + number}"
        case 1:
            yield f"virtual_server_group g{number} {{"
            yield from _entries(dice, number, six=six)
            yield "}"
            yield f"virtual_server group g{number}"
        case _:
            address = f"2001:db8::{number + 1}" if six else f"192.0.2.{number + 1}"
            yield f"virtual_server {address} {dice.choice(('80', '443', '$PORT', '', '0'))}"
    yield "{"
    lines = [*_statements(dice, six=six, marked=marked)]
    if dice.random() < 0.4:  # in the order of nobody, with some behind the servers
        dice.shuffle(lines)
    behind = dice.randrange(len(lines)) if dice.random() < 0.2 else len(lines)
    yield from lines[:behind]
    if dice.random() < 0.2:
        yield f"    sorry_server {'fd00::99' if six else '10.7.0.99'} 80"
        yield f"    real_server {'fd00::98' if six else '10.7.0.98'} {{ weight 1 }}"  # else the sorry server goes in
    for place in range(dice.choice((1, 2, 3))):
        yield from _real(dice, place, six=six)
    yield from lines[behind:]
    yield "}"


def _statements(dice: Random, *, six: bool, marked: bool) -> Iterator[str]:
    if marked and six and dice.random() < 0.5:
        yield "    ip_family inet6"
    protocol = dice.choice(("TCP", "TCP", "UDP", "SCTP", "tcp", ""))
    if protocol and not marked:
        yield f"    protocol {protocol}"
    yield f"    delay_loop {dice.choice((600, 900))}"
    scheduler = dice.choice((*_SCHEDULERS, "", "RR"))
    if scheduler:
        yield f"    {dice.choice(('lb_algo', 'lvs_sched'))} {scheduler}"
    yield from _flags(dice, scheduler)
    yield from _persistence(dice, six=six)
    if dice.random() < 0.8:
        yield f"    {_method(dice, word=dice.choice(('lb_kind', 'lvs_method')))}"
    for word in (
        "quorum 1",
        "hysteresis 0",
        "inhibit_on_failure",
        "weight 3",
        "weight 0",
        "connect_timeout 3",
        "retry 2",
    ):
        if dice.random() < 0.2:
            yield f"    {word}"


def _entries(dice: Random, number: int, *, six: bool) -> Iterator[str]:
    port = dice.choice(("80", "443"))
    if six:
        yield f"    2001:db8:{number}::1 {port}"
        yield f"    2001:db8:{number}::10-13 {port}"
        return
    yield f"    198.51.100.{number * 16 + 1} {port}"
    yield dice.choice(
        (f"    198.51.100.{number * 16 + 4}-{number * 16 + 6} {port}", f"    203.0.113.{number * 8}/30 53")
    )
    if dice.random() < 0.4:
        yield f"    203.0.{number}.1-203.0.{number}.3 {port}"
    if dice.random() < 0.4:
        yield f"    fwmark {90 + number}{dice.choice((' inet', ''))}"


def _flags(dice: Random, scheduler: str) -> Iterator[str]:
    for word in ("flag-1", "flag-3", "hashed", "ops"):
        if dice.random() < 0.15:
            yield f"    {word}"
    if scheduler in ("sh", "mh"):
        yield f"    {scheduler}-{dice.choice(('port', 'fallback'))}"


def _persistence(dice: Random, *, six: bool) -> Iterator[str]:
    kind = dice.randrange(6)
    if kind in (0, 1):
        yield f"    persistence_timeout {dice.choice(('50', '360', '2678400'))}"
    if kind == 2:
        yield "    persistence_timeout"
    if kind in (1, 3):
        yield f"    persistence_granularity {dice.choice(('64', '128')) if six else dice.choice(_MASKS)}"
    if kind == 4:
        yield "    persistence_timeout 50"
        yield "    persistence_engine sip"


def _method(dice: Random, word: str) -> str:
    return f"{word} " + dice.choice(("NAT", "DR", "TUN", "TUN type gue port 6080 csum", "TUN type gre nocsum"))


def _real(dice: Random, place: int, *, six: bool) -> Iterator[str]:
    address = f"fd00::{place + 1}" if six else dice.choice((f"$NET.{place + 1}", "10.7.0.1", f"10.7.1.{place + 1}"))
    if address.startswith("$"):
        address = f"${{NET}}.{place + 1}"
    yield f"    real_server {address} {dice.choice(('80', '8080', '', '443', '0'))} {{"
    for word in ("weight 0", "weight 5", "weight 70000", "inhibit_on_failure"):
        if dice.random() < 0.2:
            yield f"        {word}"
    thresholds = dice.choice(((), (), ("uthreshold 100",), ("lthreshold 20", "uthreshold 100")))
    yield from (f"        {word}" for word in thresholds)
    if dice.random() < 0.2:
        yield f"        {_method(dice, 'lvs_method')}"
    if dice.random() < 0.3:
        yield "        TCP_CHECK"
        yield "        {"
        yield "            connect_timeout 3"
        yield "            delay_loop 900"
        yield "            warmup 900"
        yield "        }"
    yield "    }"
