"""What becomes of the packets that rules mark, seen on some of them that are walked through the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import islice, product
from typing import Final, NamedTuple

from lvstui.core import fields, selectors
from lvstui.core.marks.effect import mark_saved, mark_set
from lvstui.core.model import Address, Family, Network, Ports, Protocol, Selector
from lvstui.core.observed import ALL_BITS, Rule
from lvstui.core.packets.mentions import Field, mentions
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import NAME_SIZE, Outcome, Program, interface_number
from lvstui.core.packets.route import IPVS
from lvstui.core.packets.scene import Surroundings
from lvstui.core.packets.walk import UNKNOWN, Fate, Step, walk

_BEFORE: Final = ("prerouting", "ingress")

_CLIENTS: Final[Mapping[Family, Address]] = {
    Family.IPV4: IPv4Address("198.51.100.1"),
    Family.IPV6: IPv6Address("2001:db8:51::1"),
}
_EVERYWHERE: Final = {
    Family.IPV4: (int(IPv4Address("1.0.0.1")), int(IPv4Address("223.255.255.254"))),
    Family.IPV6: (0x2000 << 112, (0x4000 << 112) - 1),
}
"""The addresses that stand for any."""

_PROTOCOLS: Final = {word: protocol for protocol, word in fields.PROTOCOL_WORDS.items()}
_CLIENT_PORT: Final = 40000

_THINGS: Final = 16
"""So many of the addresses and ports that a rule names are tried, each of them once."""

_PACKETS: Final = 32
"""So many packets are tried for one of them before it is said that none arrives."""

_OTHERS: Final = 3
"""So many clients and interfaces that rules mention are tried besides one that none does."""


class Arrival(NamedTuple):
    """What walked packets show of a rule that marks them.

    `state` is `ok` where one arrives at IPVS with the rule's mark, `maybe` where that is not certain; where none does
    it says why, in a word of `STATES`. Then `packet` is one of them, `step` the rule that decides, if there is one,
    and `mark` what IPVS gets.
    """

    state: str
    packet: Packet | None = None
    step: Step | None = None
    mark: int = 0


OK: Final = "ok"
MAYBE: Final = "maybe"


def is_reached(rule: Rule) -> bool:
    """Return whether packets come to a rule at all: its chain is on a hook, or reached from one that is."""
    return bool(rule.hook)


def is_late(rule: Rule) -> bool:
    """Return whether IPVS has taken the packets by the time that a rule marks them."""
    taken = IPVS.get(rule.hook)
    return rule.hook not in _BEFORE if taken is None else rule.priority >= taken


def is_idle(rule: Rule) -> bool:
    """Return whether a rule marks nothing that IPVS takes, whatever it asks and whatever other rules do."""
    return not is_reached(rule) or rule.dormant or (is_late(rule) and mark_set(rule) is not None)


def arrivals(
    rules: Sequence[Rule],
    program: Program,
    interfaces: Sequence[str] = (),
    around: Surroundings = UNKNOWN,
    rest: Callable[[], None] = lambda: None,
) -> Mapping[int, Arrival]:
    """Return by its place what becomes of each rule's packets: as far as they are known where it asks for more.

    `interfaces` are those that packets may come in by. `rest` is called before each rule, as thousands take a while.
    """
    marking = [
        (place, rule, mark)
        for place, rule in enumerate(rules)
        if rule.decoded and (mark := mark_set(rule) or mark_saved(rule)) is not None
    ]
    if not marking:
        return {}  # what rules mention is not looked for in vain
    walker = _Walker(program, interfaces, around)
    found = {}
    for place, rule, mark in marking:
        rest()
        if is_idle(rule):
            found[place] = walker.arrival(rule, mark, rule.selector or _hint(rule))
        elif mark_set(rule) is not None and rule.selector is not None:
            found[place] = walker.arrival(rule, mark, rule.selector)
        elif not is_late(rule):
            found[place] = walker.sighting(rule, mark, _hint(rule))
    return found


def arrives(program: Program, packet: Packet, mark: int, around: Surroundings = UNKNOWN) -> bool:
    """Return whether a packet certainly comes to IPVS with a mark."""
    way = walk(program, packet, around)
    return way.certain and (way.fates[0].outcome, way.fates[0].mark) == (Outcome.ACCEPT, mark)


def other_port(packet: Packet, selector: Selector) -> Packet | None:
    """Return a packet of the same client that a selector means, to another port; None where there is none."""
    protocol = packet.protocol if selector.protocol is None else selector.protocol
    ranges = selector.ports or (Ports(1, 65535),)
    ports = (port for first, last in ranges for port in (first, last) if port)
    port = next((port for port in ports if (protocol, port) != (packet.protocol, packet.destination_port)), None)
    if port is None:
        return None
    to = packet.destination
    if selector.addresses and not any(to in network for network in selector.addresses):
        to = selector.addresses[0][0]
    if to.version != packet.destination.version:
        return None
    return replace(packet, protocol=protocol, destination=to, destination_port=port)


class _Walker:
    """Walks packets through a program; what its conditions mention says which."""

    def __init__(self, program: Program, interfaces: Sequence[str], around: Surroundings) -> None:
        self._program = program
        self._around = around
        self._mentions = mentions(program)
        named = self._mentions[Field.INTERFACE]
        known = [name for name in interfaces if name != "lo" and not named.kind(interface_number(name))]
        mentioned = [name for value in named.values[:_OTHERS] if (name := _name(value))]
        self._interfaces = tuple(dict.fromkeys((*(known[:1] or ("eth0",)), *mentioned)))

    def sighting(self, rule: Rule, mark: int, hint: Selector) -> Arrival:
        """Return whether a packet of a rule is seen to arrive, of which not all is known that it asks.

        Only packets that the rule has marked show that none does.
        """
        lost: Arrival | None = None
        thing = next(self._things(hint))
        for packet in islice(self._packets(rule, thing), _PACKETS):
            for seen, fate in self._walked(packet):
                if fate is None:
                    return Arrival(MAYBE)
                if fate.outcome is not Outcome.ACCEPT:
                    continue
                if fate.mark == mark:
                    return Arrival(OK, seen, mark=mark)
                if lost is None and rule.verb == "set":
                    explained = self._explained(rule, seen)
                    lost = explained if explained.state in ("overwritten", "masked") else None
        return lost or Arrival(MAYBE)

    def arrival(self, rule: Rule, mark: int, selector: Selector) -> Arrival:
        """Return what becomes of a rule's packets: of the first thing that does not arrive, or else of any."""
        found: Arrival | None = None
        for thing in self._things(selector):
            arrived = self._of_thing(rule, mark, thing)
            if arrived.state not in (OK, MAYBE):
                return arrived
            if found is None or arrived.state == MAYBE:
                found = arrived
        return found or Arrival(MAYBE)

    def _things(self, selector: Selector) -> Iterator[Selector]:
        """Yield what a selector names, each address and each port once, of those that no rule tells apart one."""
        addresses: list[tuple[Network, ...]] = [(one,) for one in selector.addresses] or [()]
        ports: dict[object, tuple[Ports, ...]] = {}
        for number, one in enumerate(selector.ports):
            kind = self._mentions[Field.PORT].kind(one.first) if one.first == one.last else number
            ports.setdefault(kind, (one,))
        chosen = list(ports.values()) or [()]
        for number in range(min(max(len(addresses), len(chosen)), _THINGS)):
            pair = addresses[number % len(addresses)], chosen[number % len(chosen)]
            yield replace(selector, addresses=pair[0], ports=pair[1])

    def _of_thing(self, rule: Rule, mark: int, thing: Selector) -> Arrival:
        """Return what becomes of packets of one thing: one that arrives is enough.

        That an idle rule does not mark them is known, also where their mark is not.
        """
        failed: Packet | None = None
        unsure, idle = False, is_idle(rule)
        for packet in islice(self._packets(rule, thing), _PACKETS):
            for seen, fate in self._walked(packet):
                if fate is not None and fate.outcome is Outcome.ACCEPT and fate.mark == mark:
                    return Arrival(OK, seen, mark=mark)
                if idle or (fate is not None and fate.outcome is Outcome.ACCEPT):
                    failed = failed or seen
                elif fate is None:
                    unsure = True
        return Arrival(MAYBE) if unsure or failed is None else self._explained(rule, failed)

    def _walked(self, packet: Packet) -> Iterator[tuple[Packet, Fate | None]]:
        """Yield the only fate of a packet, of one by each interface if that decides; None where none is certain."""
        way = walk(self._program, packet, self._around)
        if way.certain or packet.interface or packet.local:
            yield packet, way.fates[0] if way.certain else None
            return
        for name in self._interfaces:
            through = replace(packet, interface=name)
            way = walk(self._program, through, self._around)
            yield through, way.fates[0] if way.certain else None

    def _packets(self, rule: Rule, thing: Selector) -> Iterator[Packet]:
        """Yield packets that stand for all of a thing, first those that the fewest other rules are about."""
        local = rule.hook == "output"
        protocols = (thing.protocol,) if thing.protocol is not None else (Protocol.TCP, Protocol.UDP)
        for family in _families(rule, thing):
            four = family is Family.IPV4
            to = self._mentions[Field.DESTINATION4 if four else Field.DESTINATION6]
            network = thing.addresses[0] if thing.addresses else None
            ends = _EVERYWHERE[family] if network is None else (int(network[0]), int(network[-1]))
            addresses = to.samples(ends)
            ports = self._mentions[Field.PORT].samples(thing.ports[0] if thing.ports else (1, 65535))
            clients = self._clients(family)
            pairs = sorted(product(range(len(addresses)), range(len(ports)), range(len(clients))), key=sum)
            for at, number, client in pairs:
                for protocol in protocols:
                    yield Packet(
                        protocol,
                        clients[client],
                        _address(family, addresses[at]),
                        ports[number],
                        _CLIENT_PORT,
                        thing.interface,
                        local,
                    )

    def _clients(self, family: Family) -> Sequence[Address]:
        """Return a client that no rule mentions, as far as that can be, and some that rules do."""
        named = self._mentions[Field.SOURCE4 if family is Family.IPV4 else Field.SOURCE6]
        first = _CLIENTS[family]
        others = [_address(family, value) for value in named.values[:_OTHERS] if value]
        if named.kind(int(first)):
            others += [_address(family, value) for value in named.samples(_EVERYWHERE[family])[:1]]
        return tuple(dict.fromkeys((first, *others)))

    def _explained(self, rule: Rule, packet: Packet) -> Arrival:
        """Return why a packet of a rule comes without its mark: which of the rules on its way decides that."""
        fate = walk(self._program, packet, self._around, steps=True).fates[0]
        steps, value, mask = fate.steps, rule.value or 0, rule.mask
        own = next((at for at, step in enumerate(steps) if _is(step, rule, value)), None)
        if rule.dormant or not is_reached(rule):
            return Arrival("dormant" if rule.dormant else "unreached", packet, None, fate.mark)
        if own is None:
            if is_late(rule):
                return Arrival("late", packet, None, fate.mark)
            ends = [step for step in steps if _ends(step, rule)]
            return Arrival("passed", packet, ends[-1], fate.mark) if ends else Arrival(MAYBE)
        changes = [step for step, before in zip(steps[1:], steps, strict=False) if step.mark != before.mark]
        decides = changes[-1] if changes else steps[own]
        if mask != ALL_BITS and fate.mark & mask == value:
            others = [step for step in steps if step.mark not in (None, value, 0) and not _is(step, rule, value)]
            return Arrival("masked", packet, next(iter(others), None), fate.mark)
        return Arrival("overwritten", packet, decides, fate.mark)


def _hint(rule: Rule) -> Selector:
    """Return packets of which some may be those of a rule that asks for more than a selector can say."""
    found = Selector()
    for condition in rule.match:
        words = condition.replace(",", "").split()
        value = words[2] if len(words) > 2 else ""
        try:
            match words[:2]:
                case ["ip" | "ip6", "daddr"]:
                    found = replace(found, addresses=(ip_network(value),))
                case [("tcp" | "udp" | "sctp") as word, "dport"]:
                    ports = selectors.ports(value)
                    found = replace(found, protocol=_PROTOCOLS[word], ports=ports[:1])
                case ["meta", "l4proto"] if value in _PROTOCOLS and found.protocol is None:
                    found = replace(found, protocol=_PROTOCOLS[value])
                case _:
                    pass
        except ValueError:
            continue
    return found


def _families(rule: Rule, thing: Selector) -> Sequence[Family]:
    if thing.addresses:
        return (Family.of(thing.addresses[0].network_address),)
    match rule.family:
        case "ip":
            return (Family.IPV4,)
        case "ip6":
            return (Family.IPV6,)
        case _:
            return tuple(Family)


def _address(family: Family, value: int) -> Address:
    return IPv4Address(value) if family is Family.IPV4 else IPv6Address(value)


def _name(value: int) -> str:
    data = value.to_bytes(NAME_SIZE, "big").rstrip(b"\0")
    return data.decode("utf-8", "surrogateescape") if data and b"\0" not in data else ""


def _in_chain(step: Step, rule: Rule) -> bool:
    return (step.tool, step.family, step.table) == (rule.tool, rule.family, rule.table)


def _is(step: Step, rule: Rule, value: int) -> bool:
    """Return whether a step may be a rule: it stands in the same place, and the mark is the rule's afterwards."""
    same = _in_chain(step, rule) and step.chain == rule.chain and (not rule.handle or step.handle == rule.handle)
    return same and step.matched and step.mark is not None and step.mark & rule.mask == value


def _ends(step: Step, rule: Rule) -> bool:
    """Return whether a rule keeps a packet from what comes behind it in the same base chain."""
    if step.is_policy:
        return False
    same = _in_chain(step, rule) and step.hook == rule.hook and step.priority == rule.priority
    return same and step.matched and step.outcome in (Outcome.ACCEPT, Outcome.RETURN, Outcome.GOTO)
