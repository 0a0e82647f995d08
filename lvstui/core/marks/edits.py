"""Mark groups as changes: created, bundled from services and taken apart; rules copied, lost ones put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.change import Change, change_group, change_server, change_service
from lvstui.core.drift import remove_pool
from lvstui.core.fields import FieldError
from lvstui.core.marks.effect import mark_set
from lvstui.core.marks.mark import pools_on
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
    Probe,
    Protocol,
    RealServer,
    Selector,
    ServerKey,
    Service,
)
from lvstui.core.observed import ALL_BITS, Rule, Ruleset
from lvstui.core.selectors import merged_networks, merged_ports, selector_text

PERSISTENCE: Final = 300
"""Proposed persistence of a group of several ports in seconds: ipvsadm's own default."""

_FIRST_MARK: Final = 80
_SERVICES_MAX: Final = 64
"""Into how many services a group is split at most."""


class Template(NamedTuple):
    """What a kind of group bundles; `note` says what else it needs to work."""

    parts: tuple[tuple[Protocol | None, tuple[Ports, ...]], ...]
    note: str = ""


PASSIVE: Final = "ftp passive"

TEMPLATES: Final[Mapping[str, Template]] = {
    "http+https": Template(((Protocol.TCP, (Ports(80, 80), Ports(443, 443))),)),
    "ftp active": Template(
        ((Protocol.TCP, (Ports(21, 21),)),),
        "behind masq, active FTP needs the module ip_vs_ftp, or a masquerade of source port 20",
    ),
    PASSIVE: Template(
        ((Protocol.TCP, (Ports(21, 21), Ports(10000, 20000))),), "set the same passive port range in the FTP servers"
    ),
    "sip": Template(((Protocol.UDP, (Ports(5060, 5060),)), (Protocol.TCP, (Ports(5060, 5060),)))),
    "any port": Template(((None, ()),)),
}
"""What a group can be created from; any list of ports can take its place."""


def template_selectors(template: Template, addresses: Iterable[Network]) -> tuple[Selector, ...]:
    """Return a template's selectors for these virtual addresses, IPv4 and IPv6 apart."""
    found = merged_networks(tuple(addresses))
    families = [tuple(network for network in found if network.version == version) for version in (4, 6)]
    return tuple(
        Selector(protocol, networks, ports) for networks in families if networks for protocol, ports in template.parts
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
    found: set[Family] = set()
    for selector in selectors:
        found |= {Family.of(network.network_address) for network in selector.addresses} or set(Family)
    return tuple(family for family in Family if family in found)


def create_group(
    group: MarkGroup, service: Service, servers: Iterable[RealServer], director: Director
) -> tuple[Change, ...]:
    """Return the changes that create a whole group: services first, with the servers of their family, then the rules.

    `service` provides scheduler, flags, persistence and name; a service that is there already is left as it is.
    """
    changes: list[Change] = []
    for family in families(group.selectors):
        key, persistence = MarkKey(group.mark, family), service.persistence
        if key in director.pools:
            continue
        if persistence is not None and isinstance(persistence.mask, int) != (family is Family.IPV6):
            persistence = replace(persistence, mask=family.full_mask)
        fitting = {server.endpoint: server for server in servers if Family.of(server.endpoint.address) is family}
        named = replace(service, key=key, persistence=persistence, name=_name(service.name, family))
        changes += _add_pool(Pool(named, fitting))
    held = director.groups.get(group.mark)
    return (*changes, *(() if held == group else (change_group(held, group),)))


def _name(name: str, family: Family) -> str:
    return f"{name}-v6" if name and family is Family.IPV6 else name


def _probe(pool: Pool) -> Probe | None:
    """Return how a service's servers are asked, at the port that they have had: on a mark they take every port."""
    probe = pool.service.probe
    if probe is None or probe.port:
        return probe
    return replace(probe, port=next((end.port for end in pool.servers), 0))


def _add_pool(pool: Pool) -> Iterator[Change]:
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


def bundle_services(
    director: Director, keys: Sequence[AddressKey], mark: int, name: str = "", seconds: int | None = None
) -> tuple[Change, ...]:
    """Return the changes that turn services into one marked group: it is added, marked, then the services removed.

    Scheduler and flags are those of the leading service, and its persistence unless `seconds` says another; each
    server's weight is that of the first service which has it. Raises `FieldError` for the field `service` where a mark
    cannot do what they do.
    """
    pools = order_by_persistence(director.pools[key] for key in keys)
    if not pools:
        raise FieldError("service", "name the services that a mark is to bundle")
    for pool in pools:
        _refuse_unmarkable(pool)
    changes: list[Change] = []
    for family in Family:
        members = [pool for pool in pools if pool.service.key.family is family]
        if members:
            first = members[0].service
            persistence = first.persistence or Persistence(PERSISTENCE, family.full_mask)
            if seconds is not None:
                persistence = replace(persistence, timeout=seconds)
            key, title = MarkKey(mark, family), _name(name, family)
            service = replace(first, key=key, persistence=persistence, name=title, probe=_probe(members[0]))
            servers: dict[Endpoint, RealServer] = {}
            for server in (server for pool in members for server in pool.servers.values()):
                endpoint = Endpoint(server.endpoint.address, 0)
                servers.setdefault(endpoint, replace(server, endpoint=endpoint))
            changes += _add_pool(Pool(service, servers))
    group = MarkGroup(mark, _selectors(keys), name)
    removals = [change for pool in pools for change in remove_pool(pool)]
    return (*changes, change_group(director.groups.get(mark), group), *removals)


def order_by_persistence(pools: Iterable[Pool]) -> list[Pool]:
    """Put services in the order in which they decide about a group: those first whose clients stick longest."""
    times = [(pool.service.persistence.timeout if pool.service.persistence else 0, pool) for pool in pools]
    return [pool for _, pool in sorted(times, key=lambda item: -item[0])]


def _refuse_unmarkable(pool: Pool) -> None:
    key = pool.service.key
    text = fields.service_text(key)
    if isinstance(key, MarkKey):
        raise FieldError("service", f"{text} is on a mark already")
    if key.protocol not in fields.PROTOCOL_WORDS:
        raise FieldError("service", f"{text}: only tcp, udp and sctp are bundled")
    moved = [endpoint for endpoint in pool.servers if endpoint.port not in (0, key.port)]
    if moved and key.port:
        raise FieldError(
            "service",
            f"{text} sends to another port ({fields.server_text(moved[0])}), and a mark keeps ports as they are: "
            "let the server listen there first",
        )


def _selectors(keys: Iterable[AddressKey]) -> tuple[Selector, ...]:
    """Put services into the fewest selectors: the ports of one address together."""
    ports: dict[tuple[Protocol, Network], list[int]] = {}
    for key in keys:
        ports.setdefault((key.protocol, ip_network(key.address)), []).append(key.port)
    return tuple(
        Selector(protocol, (network,), () if 0 in found else merged_ports(Ports(port, port) for port in found))
        for (protocol, network), found in ports.items()
    )


def split_group(director: Director, mark: int) -> tuple[Change, ...]:
    """Return the changes that add a service for each address and port of a group, then remove its rules and services.

    Raises `FieldError` for the field `mark` where that would need a service for what no service can be on.
    """
    group = director.groups.get(mark)
    if group is None:
        raise FieldError("mark", f"there is no group with mark {mark} in our table")
    changes: list[Change] = []
    for key in _service_keys(group):
        pool = director.pools.get(MarkKey(mark, key.family))
        if key in director.pools:
            raise FieldError("mark", f"{fields.service_text(key)} exists already")
        if pool is not None:
            name = pool.service.name and f"{pool.service.name}-{key.port}"
            ends = {Endpoint(end.address, end.port or key.port): server for end, server in pool.servers.items()}
            servers = {end: replace(server, endpoint=end) for end, server in ends.items()}
            changes += _add_pool(Pool(replace(pool.service, key=key, name=name), servers))
    return (*changes, *remove_group(director, mark, services=True))


def _service_keys(group: MarkGroup) -> tuple[AddressKey, ...]:
    """Return a service key for each address and port; without ports, on port 0."""
    keys: list[AddressKey] = []
    for selector in group.selectors:
        text = selector_text(selector)
        if selector.protocol not in fields.PROTOCOL_WORDS or not selector.addresses or selector.interface:
            raise FieldError("mark", f"no service can be on {text}: it needs a protocol and addresses, nothing else")
        addresses = sum(network.num_addresses for network in selector.addresses)
        ports = sum(last - first + 1 for first, last in selector.ports) or 1
        if len(keys) + addresses * ports > _SERVICES_MAX:
            raise FieldError("mark", f"{text} would be more than {_SERVICES_MAX} services")
        keys += [
            AddressKey(Protocol(selector.protocol), address, port)
            for network in selector.addresses
            for address in network
            for first, last in selector.ports or (Ports(0, 0),)
            for port in range(first, last + 1)
        ]
    return tuple(dict.fromkeys(keys))


def why_not_copied(rule: Rule) -> str:
    """Return why a rule cannot be copied into our table; empty where it can."""
    if is_ours(rule):
        return "it stands in our own table"
    if not rule.decoded:
        return "it could not be decoded for certain, and a copy might mean other packets"
    if mark_set(rule) is None:
        return "it sets no mark of its own"
    if rule.selector is None:
        conditions = ", ".join(rule.match) or f"the way to {rule.chain}"
        return f"its conditions are more than protocol, addresses, ports and interface ({fields.visible(conditions)})"
    return ""


def copy_rules(director: Director, rules: Iterable[Rule]) -> tuple[Change, ...]:
    """Return the changes that put copies of others' rules into our groups, each for the whole mark.

    Raises `FieldError` for the field `rule` with the reason where no rule can be copied.
    """
    groups = dict(director.groups)
    reasons = []
    for rule in rules:
        reason = why_not_copied(rule)
        if reason or rule.value is None or rule.selector is None:
            reasons.append(reason)
            continue
        group = groups.get(rule.value) or MarkGroup(rule.value)
        if rule.selector in group.selectors:
            reasons.append(f"our group {rule.value} has these packets already")
        else:
            groups[rule.value] = replace(group, selectors=(*group.selectors, rule.selector))
    held = director.groups
    changes = tuple(change_group(held.get(mark), group) for mark, group in groups.items() if held.get(mark) != group)
    if not changes:
        raise FieldError("rule", f"cannot be copied: {reasons[0] if reasons else 'there are no rules of others here'}")
    return changes


def cleared_bits(rules: Iterable[Rule]) -> str:
    """Return a warning of rules that set some bits only, where a copy sets all of them; empty where there are none."""
    masked = any(rule.mask != ALL_BITS and not why_not_copied(rule) for rule in rules)
    return "the copy sets the whole mark, where the rule leaves other bits as they are" if masked else ""


def lost_changes(drift: Iterable[Change], marks: Sequence[int] | None = None) -> tuple[Change, ...]:
    """Return of the changes to the profile those that put lost groups (None: all) back, with their services."""
    found = []
    for change in drift:
        match change:
            case Change(MarkGroupKey(mark) | MarkKey(mark) | ServerKey(MarkKey(mark)), None, _):
                if marks is None or mark in marks:
                    found.append(change)
    return tuple(found)


def remove_selector(group: MarkGroup, selector: Selector) -> Change:
    """Return the change that takes some packets out of a group; the last ones end its rules."""
    kept = tuple(known for known in group.selectors if known != selector)
    return change_group(group, replace(group, selectors=kept) if kept else None)


def remove_group(director: Director, mark: int, *, services: bool) -> tuple[Change, ...]:
    """Return the changes that end a group: its rules first, then, if they are to go too, its services."""
    group = director.groups.get(mark)
    rules = (change_group(group, None),) if group else ()
    pools = pools_on(director, mark) if services else ()
    return (*rules, *(change for pool in pools for change in remove_pool(pool)))


def set_timeout(director: Director, mark: int, seconds: int) -> tuple[Change, ...]:
    """Return the changes that set the persistence of all services of a mark in seconds, 0 for none."""
    changes = []
    for pool in pools_on(director, mark):
        service = pool.service
        persistence = service.persistence or Persistence(mask=service.key.family.full_mask)
        after = replace(service, persistence=replace(persistence, timeout=seconds) if seconds else None)
        if after != service:
            changes.append(change_service(service, after))
    return tuple(changes)
