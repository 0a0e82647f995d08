"""Mark groups as changes: created, bundled from services and taken apart; rules copied, lost ones put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Final

from lvstui.core import fields
from lvstui.core.change import Change, change_group, change_server, change_service, remove_pool
from lvstui.core.fields import FieldError
from lvstui.core.marks.script import is_ours
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Family,
    MarkGroup,
    MarkGroupKey,
    MarkKey,
    Network,
    Persistence,
    Pool,
    Ports,
    Protocol,
    RealServer,
    Selector,
    ServerKey,
    Service,
)
from lvstui.core.observed import ALL_BITS, Rule, Ruleset
from lvstui.core.selectors import merged_networks, merged_ports, selector_text

PERSISTENCE: Final = 300
"""Seconds of persistence that a group of several ports is proposed: ipvsadm's own default."""

_FIRST_MARK: Final = 80
_SERVICES_MAX: Final = 64
"""Into how many services a group is taken apart at most."""


@dataclass(frozen=True, slots=True)
class Template:
    """What a kind of group bundles; `note` says what else it needs to work."""

    name: str
    title: str
    parts: tuple[tuple[Protocol | None, tuple[Ports, ...]], ...]
    note: str = ""


TEMPLATES: Final = (
    Template("web", "HTTP and HTTPS", ((Protocol.TCP, (Ports(80, 80), Ports(443, 443))),)),
    Template(
        "ftp-active",
        "FTP, active",
        ((Protocol.TCP, (Ports(21, 21),)),),
        "behind masq, active FTP needs the module ip_vs_ftp, or a masquerade of source port 20",
    ),
    Template(
        "ftp-passive",
        "FTP, passive",
        ((Protocol.TCP, (Ports(21, 21), Ports(10000, 20000))),),
        "set the same passive port range in the FTP servers",
    ),
    Template("sip", "SIP", ((Protocol.UDP, (Ports(5060, 5060),)), (Protocol.TCP, (Ports(5060, 5060),)))),
    Template("any", "everything to an address", ((None, ()),)),
)
"""What a group can be made from; any list of ports can take its place."""


def template_selectors(template: Template, addresses: Iterable[Network]) -> tuple[Selector, ...]:
    """Return a template's selectors for these virtual addresses, IPv4 and IPv6 apart."""
    found = merged_networks(tuple(addresses))
    families = [[network for network in found if network.version == version] for version in (4, 6)]
    return tuple(
        Selector(protocol, tuple(networks), ports)
        for networks in families
        if networks
        for protocol, ports in template.parts
    )


def free_mark(director: Director, ruleset: Ruleset | None) -> int:
    """Propose the first mark from 80 up that no service, no group and no rule uses."""
    used = {key.mark for key in director.pools if isinstance(key, MarkKey)} | set(director.groups)
    used |= {rule.value for rule in (ruleset.rules if ruleset else ()) if rule.value is not None}
    mark = _FIRST_MARK
    while mark in used:
        mark += 1
    return mark


def families(selectors: Iterable[Selector]) -> tuple[Family, ...]:
    """Return for which families a group needs a service: those of its addresses, both where it names none."""
    found = {
        family
        for selector in selectors
        for family in (
            {Family.of(network.network_address) for network in selector.addresses} if selector.addresses else Family
        )
    }
    return tuple(family for family in Family if family in found)


def create_group(
    group: MarkGroup, service: Service, servers: Iterable[RealServer], director: Director
) -> tuple[Change, ...]:
    """Return the changes that make a whole group: services first, with the servers of their family, then the rules.

    `service` lends scheduler, flags, persistence and name; a service that is there already is left as it is.
    """
    pools = [_pool(service, MarkKey(group.mark, family), servers) for family in families(group.selectors)]
    held = director.groups.get(group.mark)
    rules = () if held == group else (change_group(held, group),)
    return (*(c for pool in pools if pool.service.key not in director.pools for c in _added(pool)), *rules)


def _pool(service: Service, key: MarkKey, servers: Iterable[RealServer]) -> Pool:
    persistence = service.persistence
    if persistence is not None and isinstance(persistence.mask, int) != (key.family is Family.IPV6):
        persistence = replace(persistence, mask=key.family.full_mask)
    fitting = {server.endpoint: server for server in servers if Family.of(server.endpoint.address) is key.family}
    name = service.name and service.name + ("-v6" if key.family is Family.IPV6 else "")
    return Pool(replace(service, key=key, persistence=persistence, name=name), fitting)


def _added(pool: Pool) -> Iterator[Change]:
    yield change_service(None, pool.service)
    for server in pool.servers.values():
        yield change_server(pool.service.key, None, server)


PAIRS: Final = ((80, 443), (8080, 8443), (20, 21), (5060, 5061), (143, 993), (110, 995), (25, 587))
"""Ports that one client uses together, so that they belong on one server."""


def companions(director: Director, key: AddressKey) -> list[AddressKey]:
    """Find the services on the same address and protocol whose ports belong together with a service's."""
    ports = {port for pair in PAIRS if key.port in pair for port in pair} - {key.port}
    others = (key._replace(port=port) for port in sorted(ports))
    return [other for other in others if other in director.pools]


def bundled(director: Director, keys: Sequence[AddressKey], mark: int, name: str = "") -> tuple[Change, ...]:
    """Return the changes that make one marked group of existing services: added, marked, then the old ones removed.

    Scheduler and flags are those of the leading service, the persistence its, each server's weight that of the first
    service which has it. Raises `FieldError` for the field `service` where a mark cannot do what they do.
    """
    pools = leading(director.pools[key] for key in keys)
    if not pools:
        raise FieldError("service", "name the services that a mark is to bundle")
    for pool in pools:
        _refuse_unmarkable(pool)
    changes: list[Change] = []
    for family in Family:
        members = [pool for pool in pools if pool.service.key.family is family]
        if members:
            changes += _added(_bundle(members, MarkKey(mark, family), name))
    group = MarkGroup(mark, _selectors(keys), name)
    removals = [change for pool in pools for change in remove_pool(pool)]
    return (*changes, change_group(director.groups.get(mark), group), *removals)


def leading(pools: Iterable[Pool]) -> list[Pool]:
    """Put services in the order in which they have a say in a group: those first whose clients stick longest."""

    def sticks(pool: Pool) -> int:
        return pool.service.persistence.timeout if pool.service.persistence else 0

    return sorted(pools, key=sticks, reverse=True)


def _refuse_unmarkable(pool: Pool) -> None:
    key = pool.service.key
    if isinstance(key, MarkKey):
        raise FieldError("service", f"{fields.service_text(key)} is on a mark already")
    if key.protocol not in fields.PROTOCOL_WORDS:
        raise FieldError("service", f"{fields.service_text(key)}: only tcp, udp and sctp are bundled")
    moved = [endpoint for endpoint in pool.servers if endpoint.port not in (0, key.port)]
    if moved and key.port:
        raise FieldError(
            "service",
            f"{fields.service_text(key)} sends to another port ({fields.server_text(moved[0])}), and a mark keeps "
            "ports as they are: let the server listen there first",
        )


def _bundle(members: Sequence[Pool], key: MarkKey, name: str) -> Pool:
    first = members[0].service
    persistence = first.persistence or Persistence(PERSISTENCE, key.family.full_mask)
    servers: dict[Endpoint, RealServer] = {}
    for pool in members:
        for endpoint, server in pool.servers.items():
            plain = Endpoint(endpoint.address, 0)
            servers.setdefault(plain, replace(server, endpoint=plain))
    title = name and name + ("-v6" if key.family is Family.IPV6 else "")
    return Pool(Service(key, first.scheduler, first.flags, persistence, title, first.note), servers)


def _selectors(keys: Iterable[AddressKey]) -> tuple[Selector, ...]:
    """Put services into the fewest selectors: the ports of one address together."""
    ports: dict[tuple[Protocol, Network], list[int]] = {}
    for key in keys:
        ports.setdefault((key.protocol, ip_network(key.address)), []).append(key.port)
    return tuple(
        Selector(protocol, (network,), () if 0 in found else merged_ports(Ports(port, port) for port in found))
        for (protocol, network), found in ports.items()
    )


def unbundled(director: Director, mark: int) -> tuple[Change, ...]:
    """Return the changes that make a service for each address and port of a group, then remove its rules and services.

    Raises `FieldError` for the field `mark` where that would need a service for what no service can be on.
    """
    group = director.groups.get(mark)
    if group is None:
        raise FieldError("mark", f"there is no group with mark {mark} in our table")
    changes: list[Change] = []
    for key in _keys(group):
        pool = director.pools.get(MarkKey(mark, key.family))
        if key in director.pools:
            raise FieldError("mark", f"{fields.service_text(key)} exists already")
        if pool is not None:
            changes += _added(_apart(pool, key))
    removals = [c for family in Family if (p := director.pools.get(MarkKey(mark, family))) for c in remove_pool(p)]
    return (*changes, change_group(group, None), *removals)


def _keys(group: MarkGroup) -> tuple[AddressKey, ...]:
    keys: list[AddressKey] = []
    for selector in group.selectors:
        text = selector_text(selector)
        if selector.protocol not in fields.PROTOCOL_WORDS or not selector.addresses or selector.interface:
            raise FieldError("mark", f"no service can be on {text}: it needs a protocol and addresses, nothing else")
        size = sum(network.num_addresses for network in selector.addresses)
        ports = _each(selector.ports)
        if len(keys) + size * len(ports) > _SERVICES_MAX:
            raise FieldError("mark", f"{text} would be more than {_SERVICES_MAX} services")
        keys += [
            AddressKey(Protocol(selector.protocol), address, port)
            for network in selector.addresses
            for address in network
            for port in ports
        ]
    return tuple(dict.fromkeys(keys))


def _each(ports: Sequence[Ports]) -> Sequence[int]:
    """List single ports; none stand for port 0, a service on every port."""
    if sum(last - first + 1 for first, last in ports) > _SERVICES_MAX:
        return range(_SERVICES_MAX + 1)
    return [port for first, last in ports for port in range(first, last + 1)] or [0]


def _apart(pool: Pool, key: AddressKey) -> Pool:
    servers = {
        Endpoint(server.endpoint.address, server.endpoint.port or key.port): server for server in pool.servers.values()
    }
    named: Mapping[Endpoint, RealServer] = {end: replace(server, endpoint=end) for end, server in servers.items()}
    name = pool.service.name and f"{pool.service.name}-{key.port}"
    return Pool(replace(pool.service, key=key, name=name), named)


def unadoptable(rule: Rule) -> str:
    """Say why a rule cannot be copied into our table; empty where it can."""
    if is_ours(rule):
        return "it stands in our own table"
    if not rule.decoded:
        return "it could not be decoded for certain, and a copy might mean other packets"
    if rule.verb != "set" or not rule.value:
        return "it sets no mark of its own"
    if rule.selector is None:
        conditions = ", ".join(rule.match) or f"the way to {rule.chain}"
        return f"its conditions are more than protocol, addresses, ports and interface ({fields.visible(conditions)})"
    return ""


def adopted(director: Director, rules: Iterable[Rule]) -> tuple[Change, ...]:
    """Return the changes that put copies of others' rules into our groups, each for the whole mark.

    Raises `FieldError` for the field `rule` with the reason where no rule can be copied.
    """
    groups = dict(director.groups)
    reasons = []
    for rule in rules:
        reason = unadoptable(rule)
        if reason or rule.value is None or rule.selector is None:
            reasons.append(reason)
            continue
        group = groups.get(rule.value) or MarkGroup(rule.value)
        if rule.selector not in group.selectors:
            groups[rule.value] = replace(group, selectors=(*group.selectors, rule.selector))
        else:
            reasons.append(f"our group {rule.value} has these packets already")
    held = director.groups
    changes = tuple(change_group(held.get(mark), group) for mark, group in groups.items() if held.get(mark) != group)
    if not changes:
        raise FieldError("rule", f"cannot be copied: {reasons[0] if reasons else 'there is none of others here'}")
    return changes


def cleared_bits(rules: Iterable[Rule]) -> str:
    """Warn of rules that set some bits only, where a copy sets all of them; empty where there are none."""
    masked = any(rule.mask != ALL_BITS and not unadoptable(rule) for rule in rules)
    return "the copy sets the whole mark, where the rule leaves other bits as they are" if masked else ""


def lost_changes(drift: Iterable[Change], marks: Sequence[int] | None = None) -> tuple[Change, ...]:
    """Choose of the way to the profile what puts lost groups back (None: all of them), their services with them."""
    return tuple(change for change in drift if _returns(change, marks))


def _returns(change: Change, marks: Sequence[int] | None) -> bool:
    match change:
        case Change(MarkGroupKey(mark) | MarkKey(mark) | ServerKey(MarkKey(mark)), None, _):
            return marks is None or mark in marks
        case _:
            return False


def without(group: MarkGroup, selector: Selector) -> Change:
    """Take some packets out of a group; the last ones end its rules."""
    kept = tuple(known for known in group.selectors if known != selector)
    return change_group(group, replace(group, selectors=kept) if kept else None)


def removed(director: Director, mark: int, *, services: bool) -> tuple[Change, ...]:
    """Return the changes that end a group: its rules first, then, if they are to go too, its services."""
    group = director.groups.get(mark)
    rules = (change_group(group, None),) if group else ()
    pools = [pool for family in Family if (pool := director.pools.get(MarkKey(mark, family)))] if services else []
    return (*rules, *(change for pool in pools for change in remove_pool(pool)))


def with_timeout(director: Director, mark: int, seconds: int) -> tuple[Change, ...]:
    """Return the changes that give all services of a mark the same persistence in seconds, 0 for none."""
    changes = []
    for family in Family:
        pool = director.pools.get(MarkKey(mark, family))
        if pool is None:
            continue
        persistence = (
            replace(pool.service.persistence or Persistence(mask=family.full_mask), timeout=seconds)
            if seconds
            else None
        )
        if persistence != pool.service.persistence:
            changes.append(change_service(pool.service, replace(pool.service, persistence=persistence)))
    return tuple(changes)
