"""keepalived.conf: its virtual servers as services, with keepalived's own defaults and what a service inherits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import (
    INT_MAX,
    AddressKey,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Probe,
    ProbeType,
    Protocol,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
    Tunnel,
)
from lvstui.core.words import count
from lvstui.formats.foreign.draft import OBJECTS_MAX, Draft
from lvstui.formats.foreign.keepalived_checks import CHECKERS, Inherited, check_of
from lvstui.formats.foreign.keepalived_globals import lose_daemon, read_globals
from lvstui.formats.foreign.keepalived_groups import Virtual, family_word, method_of, port_of, targets
from lvstui.formats.foreign.keepalived_text import Includer, Preprocessor
from lvstui.formats.foreign.keepalived_tree import (
    ALIASES,
    Block,
    line_of,
    lose_surplus,
    refuse_block,
    require_block,
    tree,
    value_of,
)
from lvstui.formats.foreign.words import KEEPALIVED_SCHEDULERS

_SECOND: Final = "left out: keepalived takes only the first of two equal servers"

_USUAL_PERSISTENCE: Final = 360
"""Seconds where persistence is switched on without saying for how long (IPVS_SVC_PERSISTENT_TIMEOUT)."""

_USUAL_SCHEDULER: Final = "wlc"
"""The scheduler where none is named that keepalived has (IPVS_DEF_SCHED)."""

_BY_ITSELF: Final = "left out: lvstui takes no server out, and puts none in, by itself"
_SCRIPTS: Final = "left out: lvstui runs no scripts and sends no mail"
_ELSEWHERE: Final = "left out: it is no part of IPVS"

_VIRTUAL_LOST: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("delay_loop", "warmup", "retry", "delay_before_retry", "quorum", "hysteresis", "alpha"), _BY_ITSELF
    ),
    **dict.fromkeys(("omega", "ha_suspend", "inhibit_on_failure", "sorry_server", "sorry_server_inhibit"), _BY_ITSELF),
    **dict.fromkeys(("sorry_server_lvs_method",), _BY_ITSELF),
    **dict.fromkeys(("quorum_up", "quorum_down", "smtp_alert", "notify_up", "notify_down"), _SCRIPTS),
}
_SERVER_LOST: Final[Mapping[str, str]] = {
    **dict.fromkeys(("delay_loop", "warmup", "retry", "delay_before_retry", "alpha", "inhibit_on_failure"), _BY_ITSELF),
    **dict.fromkeys(("notify_up", "notify_down", "smtp_alert"), _SCRIPTS),
}
_FLAGS: Final = ("flag-1", "flag-2", "flag-3", "sh-port", "sh-fallback", "mh-port", "mh-fallback")
_BARE: Final = frozenset((*_FLAGS, "ops", "hashed"))
"""Statements that are one word."""

_VIRTUAL_KEPT: Final = frozenset(
    (
        *("lvs_sched", "lb_algo", "lvs_method", "lb_kind", "persistence_timeout", "persistence_granularity", "weight"),
        *("persistence_engine", "protocol", "ip_family", "snmp_name", "real_server"),
        *("virtualhost", "connect_timeout", *_BARE),
    )
)
_SERVER_KEPT: Final = frozenset(
    ("weight", "lvs_method", "uthreshold", "lthreshold", "snmp_name", "virtualhost", "connect_timeout", *CHECKERS)
)


class _Check(NamedTuple):
    """What a server's checkers ask, and on which port where that is the server's own and packets keep another one."""

    probe: Probe | None
    port: int = 0


def read_keepalived(draft: Draft, text: str, file: str, include: Includer, identity: str | None) -> None:
    """Read a keepalived.conf; `include` finds the files that it includes, `identity` is what `@` conditions ask for.

    Raises `TooMuch`.
    """
    blocks = tree(draft, Preprocessor(draft, include, identity).lines(text, file))
    groups = _groups(draft, [block for block in blocks if block.words[0] == "virtual_server_group"])
    used: set[str] = set()
    for block in blocks:
        try:
            match block.words:
                case ("virtual_server", *target):
                    used.update(target[1:2] if target[:1] == ["group"] else ())
                    _add(draft, block, groups)
                case ("virtual_server_group", *_):
                    pass
                case ("global_defs", *_):
                    read_globals(draft, block)
                case _:
                    lose_daemon(draft, block)
                    more = f" with {count(block.last - block.spot.line + 1, 'line')}" if block.inner else ""
                    draft.lose(block.spot, f"{block.head}{more}", _ELSEWHERE)
        except FieldError as error:
            draft.wrong(line_of(block, error.field), error)
    for name in groups.keys() - used:
        draft.lose(groups[name].spot, groups[name].head, "left out: no virtual_server uses it")


def _groups(draft: Draft, blocks: Sequence[Block]) -> dict[str, Block]:
    """Return groups by their names; note those without one, and all but one of a name."""
    found: dict[str, Block] = {}
    for block in blocks:
        name = block.words[1] if block.words[1:] else ""
        if not name:
            draft.mistake(block.spot, block.words[0], "needs a name behind it")
        elif name in found:
            there = found[name].spot.line
            draft.mistake(block.spot, block.words[0], f"{quote(name)} stands in line {there} already; make one of them")
        else:
            found[name] = block
            lose_surplus(draft, block, 1)
    return found


def _values(draft: Draft, block: Block, kept: frozenset[str], lost: Mapping[str, str]) -> dict[str, Block]:
    """Return the statements of a block that a service or server can have, the last of each; note all others."""
    found: dict[str, Block] = {}
    aliases = ALIASES if block.words[0] == "virtual_server" else {}
    for one in block.inner:
        key = aliases.get(one.words[0], one.words[0])
        if one.words[0] in ("real_server", *CHECKERS) and one.words[0] in kept:
            continue
        if key in lost:
            draft.lose(one.spot, one.text, lost[key])
        elif block.words[0] == "virtual_server" and one.words == ("weight", "0"):
            draft.lose(one.spot, one.text, "left out: keepalived takes 0 at a real_server only")
        elif key not in kept:
            _unknown(draft, one, {*kept, *lost}, block.words[0])
        else:
            if key in found:
                draft.lose(found[key].spot, found[key].text, f"left out: line {one.spot.line} says it again")
            found[key] = one
            refuse_block(draft, one)
            if key != "lvs_method":  # which says itself what it does not know
                lose_surplus(draft, one, 0 if key in _BARE else 1)
    return found


def _unknown(draft: Draft, one: Block, known: Iterable[str], where: str) -> None:
    hint = draft.hint(one.words[0], known)
    if one.last:
        sentence = f"is not known in {where}, and keepalived reads the block behind it as if it stood outside"
        draft.mistake(one.spot, one.words[0], f"{sentence}; take both out{'; ' + hint if hint else ''}")
    elif one.words[0] in ALIASES:
        draft.lose(one.spot, one.text, f"left out: in a {where} keepalived knows {ALIASES[one.words[0]]} only")
    elif hint:
        draft.mistake(one.spot, one.words[0], f"is not known in {where}; {hint}")
    else:
        draft.lose(one.spot, one.text, "left out: it is not known what it does")


def _add(draft: Draft, block: Block, groups: Mapping[str, Block]) -> None:
    """Add the services of a virtual_server; raises `FieldError`."""
    virtual = _virtual(draft, block)
    if not virtual.servers:
        draft.lose(block.spot, block.head, "left out: keepalived ignores a virtual_server without real_server")
        return
    checks = [_server_check(draft, virtual, one) for one in virtual.servers]
    probes, ports = {check.probe for check in checks}, {check.port for check in checks}
    check = _Check(checks[0].probe if len(probes) == 1 else None, checks[0].port if len(ports) == 1 else 0)
    if len(probes) > 1:
        draft.lose(block.spot, "checks", "left out: its servers have different ones, and a service has one probe")
    elif check.probe and len(ports) > 1:
        draft.lose(block.spot, "ports of checks", "left out: the probe asks each server on the port that it has here")
    _lose_unasked(draft, virtual, check.probe)
    keys = list(islice(targets(draft, virtual, groups), OBJECTS_MAX + 1))
    addresses = [key for _, key in keys if isinstance(key, AddressKey)]
    for number, (spot, key) in enumerate(keys):
        service = replace(_service(draft, virtual, key, addresses), probe=_probe_of(check, key))
        if number and service.name:
            draft.lose(
                virtual.values["snmp_name"].spot, f"name {service.name}", "left out but for the first of the group"
            )
            service = replace(service, name="")
        if not draft.add_service(spot, service, block.place):
            continue
        for one in virtual.servers:
            try:
                _add_server(draft, virtual, one, key)
            except FieldError as error:
                draft.wrong(line_of(one, error.field), error)
    if virtual.is_group:
        draft.lose(block.spot, block.head, f"written as {count(len(keys), 'service')}, each with all servers")


def _lose_unasked(draft: Draft, virtual: Virtual, probe: Probe | None) -> None:
    """Note what a virtual_server and its servers say for checks that the probe does not ask."""
    has_page = probe is not None and probe.type in (ProbeType.HTTP, ProbeType.HTTPS)
    for block in (virtual.block, *virtual.servers):
        for one in block.inner:
            if (one.words[0] == "virtualhost" and not has_page) or (one.words[0] == "connect_timeout" and not probe):
                draft.lose(one.spot, one.text, "left out: there is no probe for it")


def _probe_of(check: _Check, key: ServiceKey) -> Probe | None:
    """Return the probe of a service: on the port that keepalived asks, where servers get another one."""
    if check.probe is None:
        return None
    port = key.port if isinstance(key, AddressKey) else 0
    return replace(check.probe, port=check.port) if check.port and check.port != port else check.probe


def _virtual(draft: Draft, block: Block) -> Virtual:
    values = _values(draft, block, _VIRTUAL_KEPT, _VIRTUAL_LOST)
    method, tunnel = method_of(draft, values["lvs_method"]) if "lvs_method" in values else (Forwarding.MASQ, Tunnel())
    if "lvs_method" not in values:
        draft.lose(block.spot, "lvs_method", "written as masq: keepalived takes NAT where nothing is said")
    if "hashed" in values:
        draft.lose(values["hashed"].spot, "hashed", "left out: the kernel sets it by itself")
    lose_surplus(draft, block, 2)
    require_block(draft, block)
    servers = list(_distinct(draft, [one for one in block.inner if one.words[0] == "real_server"]))
    return Virtual(block, values, servers, method, tunnel)


def _distinct(draft: Draft, servers: Sequence[Block]) -> Iterator[Block]:
    """Yield servers, the first of those with the same address and port: keepalived looks before it changes ports."""
    seen: set[Endpoint] = set()
    for one in servers:
        lose_surplus(draft, one, 2)
        require_block(draft, one)
        try:
            endpoint = Endpoint(fields.address("real_server", value_of(one)), port_of("real_server", _port_text(one)))
        except FieldError:  # what is wrong in it is said where it is added
            yield one
            continue
        if endpoint in seen:
            draft.lose(one.spot, one.head, _SECOND)
        else:
            seen.add(endpoint)
            yield one


def _port_text(server: Block) -> str:
    return server.words[2] if server.words[2:] else "0"


def _service(draft: Draft, virtual: Virtual, key: ServiceKey, addresses: Sequence[AddressKey]) -> Service:
    """Return a service without its probe, of a virtual_server for these addresses; raises `FieldError`."""
    values = virtual.values
    scheduler, flags = _scheduling(draft, virtual)
    if "ops" in values:
        if any(one.protocol is not Protocol.UDP for one in addresses):
            draft.lose(values["ops"].spot, "ops", "left out: keepalived takes it for UDP only")
        else:
            flags |= ServiceFlags.ONE_PACKET
    name = value_of(values["snmp_name"]) if "snmp_name" in values else ""
    if isinstance(key, MarkKey) and "protocol" in values:
        draft.lose(values["protocol"].spot, values["protocol"].text, "left out: a firewall mark has no protocol")
    if (
        "ip_family" in values
        and isinstance(key, AddressKey)
        and family_word(value_of(values["ip_family"])) is not key.family
    ):
        raise FieldError("ip_family", "is not the family of the address")
    return Service(key, scheduler, flags, _persistence(draft, virtual, key, addresses), name)


def _scheduling(draft: Draft, virtual: Virtual) -> tuple[str, ServiceFlags]:
    """Return scheduler and flags, which keepalived takes in the order of their lines; raises `FieldError`."""
    scheduler, flags = "", ServiceFlags.NONE
    for one in virtual.block.inner:
        word = one.words[0]
        if ALIASES.get(word, word) == "lvs_sched":
            if value_of(one) in KEEPALIVED_SCHEDULERS:
                scheduler = value_of(one)
            else:
                draft.lose(one.spot, one.text, "left out: keepalived has no such scheduler")
        elif word in _FLAGS:
            own = word.partition("-")[0]
            if own in ("sh", "mh") and own != scheduler:
                said = f"scheduler {scheduler} has no such flag" if scheduler else "the scheduler has to stand above it"
                draft.lose(one.spot, word, f"left out: {said}")
            else:
                flags |= fields.flags([word], scheduler or _USUAL_SCHEDULER)
    return scheduler or _USUAL_SCHEDULER, flags


def _persistence(
    draft: Draft, virtual: Virtual, key: ServiceKey, addresses: Sequence[AddressKey]
) -> Persistence | None:
    values = virtual.values
    wanted = "persistence_timeout" in values or "persistence_granularity" in values
    if not wanted and any(one.port == 0 for one in addresses):
        became = f"written as {_USUAL_PERSISTENCE} s: keepalived makes a service without a port persistent"
        draft.lose(virtual.block.spot, "persistence_timeout", became)
        wanted = True
    if not wanted:
        if "persistence_engine" in values:
            draft.lose(
                values["persistence_engine"].spot, values["persistence_engine"].text, "left out: it is not persistent"
            )
        return None
    seconds = _USUAL_PERSISTENCE
    if len(values["persistence_timeout"].words if "persistence_timeout" in values else ()) > 1:
        seconds = virtual.number("persistence_timeout", seconds, fields.LIMITS["seconds"])
    mask = key.family.full_mask
    if "persistence_granularity" in values:
        text = value_of(values["persistence_granularity"])
        try:
            mask = fields.number("prefix", text) if key.family is Family.IPV6 else fields.netmask(text)
        except FieldError as error:
            raise FieldError("persistence_granularity", error.sentence) from None
        if virtual.is_group and mask != key.family.full_mask:
            became = "left out: in a group keepalived takes each client for itself"
            draft.lose(values["persistence_granularity"].spot, f"persistence_granularity {text}", became)
            mask = key.family.full_mask
    engine = fields.engine(value_of(values["persistence_engine"])) if "persistence_engine" in values else ""
    return Persistence(seconds, mask, engine)


def _server_check(draft: Draft, virtual: Virtual, block: Block) -> _Check:
    """Return what a server's checkers ask; mistakes in it are noted."""
    around = [one for one in (*block.inner, *virtual.block.inner) if one.words[1:]]
    inherited = Inherited(
        *(
            next((one.words[1] for one in around if one.words[0] == key), "")
            for key in ("virtualhost", "connect_timeout")
        )
    )
    checks = [one for one in block.inner if one.words[0] in CHECKERS]
    probe = check_of(draft, checks, inherited, value_of(block) if block.words[1:] else "")
    if probe is None or probe.port or not block.words[2:]:
        return _Check(probe)
    try:  # what is wrong here is said where the server is added
        forwarding = _method_of_server(draft, virtual, block)[0]
        return _Check(probe, 0 if forwarding is Forwarding.MASQ else port_of("real_server", block.words[2]))
    except FieldError:
        return _Check(probe)


def _method_of_server(draft: Draft, virtual: Virtual, block: Block) -> tuple[Forwarding, Tunnel]:
    """Return how packets reach a server; raises `FieldError`."""
    own = [one for one in block.inner if one.words[0] == "lvs_method"]
    return method_of(draft, own[-1], virtual.tunnel) if own else (virtual.method, virtual.tunnel)


def _add_server(draft: Draft, virtual: Virtual, block: Block, key: ServiceKey) -> None:
    """Add a server to a service; raises `FieldError`."""
    values = _values(draft, block, _SERVER_KEPT, _SERVER_LOST)
    address = fields.address("real_server", value_of(block))
    forwarding, tunnel = _method_of_server(draft, virtual, block)
    port = port_of("real_server", _port_text(block))
    if isinstance(key, AddressKey):  # servers by masq of a group get no port that nobody wrote
        port = port or (0 if virtual.is_group and forwarding is Forwarding.MASQ else key.port)
    elif port and forwarding is not Forwarding.MASQ:
        draft.lose(block.spot, f"port {port}", "written as 0: the service is that of a firewall mark")
        port = 0
    limits = (0, INT_MAX)

    def number(name: str, usual: int) -> int:
        return fields.number(name, value_of(values[name]), limits) if name in values else usual

    weight = number("weight", virtual.number("weight", 1, limits))
    name = value_of(values["snmp_name"]) if "snmp_name" in values else ""
    there = draft.servers_of(key)
    server = RealServer(
        Endpoint(address, port), forwarding, weight, number("uthreshold", 0), number("lthreshold", 0), tunnel, name
    )
    if there is not None and draft.with_port(block.spot, key, server).endpoint in there:
        draft.lose(block.spot, block.head, _SECOND)
        return
    draft.add_server(block.spot, key, server, block.place)
