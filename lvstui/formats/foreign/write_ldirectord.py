"""A director as ldirectord.cf, with its checks in place of probes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Final

from lvstui.core import fields, probe_fields
from lvstui.core.describe import probe_text
from lvstui.core.model import (
    AddressKey,
    Director,
    DnsRecord,
    Endpoint,
    Family,
    MarkKey,
    Pool,
    Probe,
    ProbeType,
    Protocol,
    RealServer,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
    Statuses,
)
from lvstui.formats.foreign.room import (
    BOTH_FAMILIES,
    TCP_AND_UDP,
    Asking,
    Leftovers,
    Room,
    is_plain,
    lacks_port,
    name_lines,
    never,
)
from lvstui.formats.foreign.words import LDIRECTORD_METHODS

_METHODS: Final = {method: word for word, method in LDIRECTORD_METHODS.items()}
_SCHEDULER: Final = re.compile(r"[a-z]+")
_GOOD: Final = (Statuses(200, 299),)
"""The statuses of a page that ldirectord takes for good (HTTP::Response::is_success), after all redirections."""

_MARK_SEEN: Final = 2**31 - 1
_BLIND: Final = (
    "written, but ldirectord takes no server out here: ipvsadm lists so high a mark as a negative number, "
    "which it does not read"
)
_TRUSTED: Final = "written as a check that newer libraries of Perl pass with a trusted certificate only"
"""LWP::UserAgent no longer takes `verify_hostname => 0` for no look at the certificate at all (check_http)."""


def _is_line(text: str) -> bool:
    """Return whether a text can stand behind `=`: a `#` would end it, and blanks around it would go."""
    return is_plain(text) and "#" not in text and text == text.strip()


def _one_packet(key: ServiceKey) -> bool:
    return isinstance(key, AddressKey) and key.protocol is Protocol.UDP


def _check(left: Leftovers, asking: Asking) -> Probe | None:
    """Return the probe that a check of ldirectord asks."""
    probe, key = asking.service.probe, asking.service.key
    if probe is None:
        return None
    text = f"probe {probe_text(probe)}"
    found: Probe | None = None
    if lacks_port(left, asking, probe):
        return None
    match probe.type:
        case ProbeType.HTTP | ProbeType.HTTPS:
            found = _page(left, asking, probe)
        case ProbeType.SMTP:
            found = probe
        case ProbeType.DNS:
            if probe.record is DnsRecord.A and probe.name != ".":
                found = probe
        case ProbeType.TCP | ProbeType.TLS:
            if isinstance(key, MarkKey) or key.protocol is not Protocol.UDP:
                found = Probe(ProbeType.TCP, probe.port, timeout=probe.timeout)
                if probe.type is ProbeType.TLS:
                    left.lose(asking.where, text, "written as connect: ldirectord has no check of a certificate alone")
        case ProbeType.UDP:
            pass
    if found is None:
        left.lose(asking.where, text, "left out: ldirectord cannot ask that, and checks nothing here")
        return None
    if isinstance(key, MarkKey) and key.mark > _MARK_SEEN:
        left.lose(asking.where, text, _BLIND)
    seconds = float(ceil(found.timeout))
    if seconds != found.timeout:
        left.lose(asking.where, f"probe timeout {found.timeout:g}s", f"written as {seconds:g}: it takes whole seconds")
    return replace(found, timeout=seconds)


def _page(left: Leftovers, asking: Asking, probe: Probe) -> Probe:
    """Return the probe of a page, which is good with the statuses 200 to 299 only."""
    path = probe.path.replace("#", "%23").replace("://", "%3A//")
    if path != probe.path:
        left.lose(asking.where, f"probe path {probe.path}", f"written as {path}, which servers take for the same")
    if probe.status != _GOOD:
        became = "written as 200-299: ldirectord takes no other for good, and follows redirections"
        left.lose(asking.where, f"probe status {probe_fields.statuses_text(probe.status)}", became)
    if probe.days:
        left.lose(asking.where, f"probe days {probe.days}", "left out: ldirectord does not ask how long it lasts")
    if probe.type is ProbeType.HTTPS:
        left.lose(asking.where, f"probe {probe_text(probe)}", _TRUSTED)
    return replace(probe, path=path, status=_GOOD, days=0)


def _same(service: Service, server: RealServer) -> tuple[object, ...]:
    """Return by what ldirectord tells servers apart, in whichever service they are (get_real_id_str)."""
    checks = tuple(line for line in _checks(service) if "timeout=" not in line)
    protocol = service.key.protocol if isinstance(service.key, AddressKey) else None
    return (checks, protocol, server.endpoint, server.weight, server.forwarding)


ROOM: Final = Room(
    program="ldirectord",
    protocols=TCP_AND_UDP,
    families=BOTH_FAMILIES,
    schedulers=lambda name: _SCHEDULER.fullmatch(name) is not None,
    flags=ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2 | ServiceFlags.SCHED_3,
    one_packet=_one_packet,
    engines=False,
    thresholds=True,
    tunnels=False,
    mixed=False,
    mark_ports=True,
    masq_port_0=True,
    empty=True,
    every_port=True,
    sync=never,
    timeout_max=0,
    check=_check,
    service_name=_is_line,
    server_name=never,
    note=_is_line,
    same=_same,
)


def write_ldirectord(director: Director, fitted: Director, left: Leftovers) -> list[str]:
    """Write what there is room for of a director."""
    lines = name_lines(director)
    for pool in fitted.pools.values():
        lines += [*([""] if lines else []), *left.comments(pool.service.key), *_virtual(pool, left)]
    return lines


def _virtual(pool: Pool, left: Leftovers) -> Iterator[str]:
    service = pool.service
    six = "6" if service.key.family is Family.IPV6 else ""
    match service.key:
        case MarkKey(mark, _):
            yield f"virtual{six}={mark}"
            yield "\tprotocol=fwm"
        case AddressKey(protocol, address, port):
            yield f"virtual{six}={fields.server_text(Endpoint(address, port))}"
            yield f"\tprotocol={fields.PROTOCOL_WORDS[protocol]}"
    yield f"\tscheduler={service.scheduler}"
    if words := fields.flag_words(service.flags & ~ServiceFlags.ONE_PACKET, service.scheduler):
        yield f"\tschedflags={','.join(words)}"
    if ServiceFlags.ONE_PACKET in service.flags:
        yield "\tops=yes"
    if persistence := service.persistence:
        yield f"\tpersistent={persistence.timeout}"
        if persistence.wide:
            yield f"\tnetmask={persistence.mask}"
    if service.name:
        yield f"\tservicename={service.name}"
    if service.note:
        yield f"\tcomment={service.note}"
    yield from (f"\t{line}" for line in _checks(service))
    for server in pool.servers.values():
        yield from left.comments(ServerKey(service.key, server.endpoint), "\t")
        yield f"\treal{six}={real_text(server)}"


def real_text(server: RealServer) -> str:
    """Write a server as it stands behind `real=`."""
    words = [fields.server_text(server.endpoint), _METHODS[server.forwarding], str(server.weight)]
    words += [f"l:{server.lower}"] if server.lower else []
    words += [f"u:{server.upper}"] if server.upper else []
    return " ".join(words)


def _checks(service: Service) -> Iterator[str]:
    """Write what is asked; without a probe the servers are there whatever they answer."""
    probe = service.probe
    if probe is None:
        yield "checktype=on"
        return
    if probe.type is ProbeType.TCP:
        yield "checktype=connect"
        yield f"checktimeout={probe.timeout:g}"
    else:
        yield "checktype=negotiate"
        yield f"service={probe.type.value}"
        yield f"negotiatetimeout={probe.timeout:g}"
    if probe.port:
        yield f"checkport={probe.port}"
    if probe.type in (ProbeType.HTTP, ProbeType.HTTPS):
        yield f'request="{probe.path}"'
        if probe.name:
            yield f"virtualhost={probe.name}"
    elif probe.type is ProbeType.DNS:
        yield f'request="{probe.name}"'
        yield 'receive="."'  # without it no answer is good
