"""Random rulesets of iptables and ip6tables, and ipsets that they look into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from tests.packets.traffic import PORTS, SERVICES, SOURCES, any_mark

_UNSURE: Final = 0.002
"""The share of conditions that nobody can foretell."""

_CHAINS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "in": {"raw": ("PREROUTING",), "mangle": ("PREROUTING", "INPUT"), "nat": ("PREROUTING",), "filter": ("INPUT",)},
    "out": {"raw": ("OUTPUT",), "mangle": ("OUTPUT",), "nat": ("OUTPUT",)},
}
"""The chains before IPVS, by table."""

_SHARES: Final = {"raw": 0.5, "mangle": 0.95, "nat": 0.35, "filter": 0.3}
_SETS: Final = {
    "hash:ip": ("dst", "src"),
    "hash:net": ("dst", "src"),
    "hash:ip,port": ("dst,dst", "src,dst"),
    "bitmap:port": ("dst",),
    "hash:ip,port,ip": ("dst,dst,src",),
    "hash:net,port": ("dst,dst",),
    "hash:net,iface": ("dst,src",),
    "list:set": ("dst", "src"),
}


class Xtables:
    """A generator of the text of `iptables-restore` (4) or `ip6tables-restore` (6) for one way, `in` or `out`."""

    def __init__(self, random: Random, way: str, version: int, *, sets: bool, prefix: str = "s") -> None:
        self._random = random
        self._way = way
        self._version = version
        self._with_sets = sets
        self._prefix = prefix
        self._sets: list[str] = []
        self._names = 0
        self._table = ""
        self._chain = ""

    def script(self) -> tuple[str, str]:
        """Write the text of `ipset restore`, and of iptables; each call makes others."""
        self._sets = []
        tables = [self._one(name) for name in _CHAINS[self._way] if self._random.random() < _SHARES[name]]
        return "".join(f"{line}\n" for line in self._sets), "".join(tables)

    def _one(self, table: str) -> str:
        random = self._random
        self._table = table
        lines, rules = [], []
        users: list[str] = []
        for number in range(random.choice((0, 0, 1, 2, 3))):
            name = f"u{number}"
            lines.append(f":{name} - [0:0]")
            self._chain = ""
            rules += self._rules(name, users)
            users.append(name)
        for chain in _CHAINS[self._way][table]:
            policy = "DROP" if table != "nat" and random.random() < 0.05 else "ACCEPT"
            lines.append(f":{chain} {policy} [0:0]")
            self._chain = chain
            rules += self._rules(chain, users)
        return "".join(f"{line}\n" for line in (f"*{table}", *lines, *rules, "COMMIT"))

    def _rules(self, chain: str, users: Sequence[str]) -> list[str]:
        return [f"-A {chain} {self._rule(users)}".rstrip() for _ in range(self._random.choice((0, 1, 2, 3, 5, 8)))]

    def _rule(self, users: Sequence[str]) -> str:
        random = self._random
        protocol = random.choice(("", "", "tcp", "tcp", "udp", "sctp"))
        words = []
        if protocol:
            words.append(f"-p {protocol}")
            words += self._ports(protocol)
        words += [make() for make in random.sample(self._conditions(), random.choice((0, 0, 1, 1, 2)))]
        return " ".join(filter(None, (*words, self._target(users, protocol))))

    def _not(self) -> str:
        return self._random.choice(("", "", "", "! "))

    def _ports(self, protocol: str) -> list[str]:
        random = self._random
        first, last = sorted(random.sample(PORTS, 2))
        match random.randrange(8):
            case 0 | 1:
                return [f"{self._not()}--dport {first}"]
            case 2:
                return [f"{self._not()}--dport {first}:{last}"]
            case 3:
                return [f"{self._not()}--sport {random.choice((':30000', '30000:', '1024:2000'))}"]
            case 4:
                return [f"-m multiport {self._not()}--dports {first},{last},30000:40000"]
            case 5:
                return [f"-m multiport {self._not()}--{random.choice(('ports', 'sports'))} {first},1024:30000"]
            case 6 if protocol == "tcp":
                return [random.choice(("--syn", "! --syn", "--tcp-flags RST,ACK,SYN SYN", "! --tcp-flags FIN FIN"))]
        return []

    def _conditions(self) -> Sequence[Callable[[], str]]:
        if self._random.random() < _UNSURE:
            return (self._unsure,) * 2
        return (
            self._address,
            self._interface,
            self._mark,
            self._connection_mark,
            self._state,
            self._original,
            self._range,
            self._set,
            self._kind,
        )

    def _unsure(self) -> str:
        return self._random.choice(
            (
                "-m statistic --mode random --probability 0.5",
                "-m limit --limit 1/hour --limit-burst 3",
                "-m length --length 0:60",
                f'-m u32 --u32 "{6 if self._version == 4 else 3}&0xff=6"',
            )
        )

    def _address(self) -> str:
        random = self._random
        pool = random.choice((SERVICES, SERVICES, SOURCES))
        bits = random.choice((32, 32, 31, 30, 24)) if self._version == 4 else random.choice((128, 128, 127, 126, 64))
        sign = "-s" if pool is SOURCES else "-d"
        return f"{self._not()}{sign} {random.choice(pool[self._version])}/{bits}"

    def _interface(self) -> str:
        if self._way == "out" and self._random.random() < 0.1:  # by which interface a packet leaves is not known
            return f"{self._not()}-o {self._random.choice(('front', 'lo', 'fr+'))}"
        if not self._chain or self._way == "out":
            return ""
        return f"{self._not()}-i {self._random.choice(('front', 'wan1', 'wan+', 'f+', 'lo'))}"

    def _masked(self) -> str:
        random = self._random
        return f"0x{any_mark(random):x}" + (f"/0x{any_mark(random):x}" if random.random() < 0.5 else "")

    def _mark(self) -> str:
        return f"-m mark {self._not()}--mark {self._random.choice((self._masked(), '0', '0x0/0xff'))}"

    def _connection_mark(self) -> str:
        return f"-m connmark {self._not()}--mark {self._random.choice((self._masked(), '0', '0x0/0xff'))}"

    def _state(self) -> str:
        states = self._random.choice(
            ("NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "NEW,INVALID", "INVALID", "UNTRACKED")
        )
        if self._random.random() < 0.3:
            return f"-m state {self._not()}--state {states}"
        return f"-m conntrack {self._not()}--ctstate {states}"

    def _original(self) -> str:
        random = self._random
        where = random.choice(SERVICES[self._version])
        return random.choice(
            (
                f"-m conntrack {self._not()}--ctorigdst {where}",
                f"-m conntrack {self._not()}--ctorigsrc {random.choice(SOURCES[self._version])}",
                f"-m conntrack --ctproto tcp {self._not()}--ctorigdstport {random.choice(PORTS)}",
                "-m conntrack --ctdir ORIGINAL",
                "-m conntrack --ctdir REPLY",
                f"-m conntrack --ctstate {random.choice(('DNAT', 'NEW,DNAT'))}",
                f"-m conntrack {self._not()}--ctproto udp",
            )
        )

    def _range(self) -> str:
        random = self._random
        pool, side = random.choice(((SERVICES, "dst"), (SOURCES, "src")))
        first, last = sorted(random.sample(range(7), 2))
        every = pool[self._version]
        return f"-m iprange {self._not()}--{side}-range {every[first]}-{every[last]}"

    def _kind(self) -> str:
        kinds = (
            f"-m addrtype {self._not()}--dst-type LOCAL",
            "-m comment --comment none",
            "-m pkttype --pkt-type unicast",
        )
        return self._random.choice(kinds)

    def _set(self) -> str:
        random = self._random
        if not self._with_sets:
            return ""
        kind = random.choice(list(_SETS))
        if self._way == "out" and kind == "hash:net,iface":
            kind = "hash:net"
        return f"-m set {self._not()}--match-set {self._new_set(kind)} {random.choice(_SETS[kind])}"

    def _new_set(self, kind: str) -> str:
        random = self._random
        members: list[str] = []
        if kind == "list:set":
            members = [self._new_set(random.choice(("hash:ip", "hash:net"))) for _ in range(random.choice((1, 2)))]
        self._names += 1
        name = f"{self._prefix}{self._version}_{self._names}"
        if kind == "bitmap:port":
            self._sets.append(f"create {name} bitmap:port range 0-20000")
        elif kind == "list:set":
            self._sets.append(f"create {name} list:set")
        else:
            self._sets.append(f"create {name} {kind} family inet{'6' if self._version == 6 else ''}")
        elements = members if kind == "list:set" else list(dict.fromkeys(self._element(kind) for _ in range(4)))
        self._sets += [f"add {name} {element}" for element in elements]
        return name

    def _element(self, kind: str) -> str:
        random = self._random
        where = random.choice((SERVICES, SERVICES, SOURCES))[self._version]
        one, client = random.choice(where), random.choice(SOURCES[self._version])
        bits = random.choice((30, 31, 32)) if self._version == 4 else random.choice((126, 127, 128))
        port = f"{random.choice(('tcp', 'udp', 'sctp'))}:{random.choice(PORTS)}"
        match kind:
            case "hash:ip":
                return one
            case "hash:net":
                return f"{one}/{bits}" + (" nomatch" if random.random() < 0.15 else "")
            case "hash:ip,port":
                return f"{one},{port}"
            case "hash:ip,port,ip":
                return f"{one},{port},{client}"
            case "hash:net,port":
                return f"{one}/{bits},{port}"
            case "hash:net,iface":
                return f"{one}/{bits},{random.choice(('front', 'wan1'))}"
            case _:
                return str(random.choice(PORTS))

    def _target(self, users: Sequence[str], protocol: str) -> str:
        random = self._random
        roll = random.random()
        if self._table == "nat" and roll < 0.4:
            return self._translation(protocol)
        if self._table == "raw" and roll < 0.2:
            return random.choice(("-j CT --notrack", "-j NOTRACK"))
        if self._table == "filter" and roll < 0.05:
            return "-j REJECT"
        if roll > 0.7:
            if users and random.random() < 0.6:
                return f"{random.choice(('-j', '-j', '-g'))} {random.choice(users)}"
            last = "ACCEPT" if self._table == "nat" else "DROP"  # iptables refuses to drop there
            return f"-j {random.choice(('ACCEPT', 'ACCEPT', 'RETURN', 'RETURN', last))}"
        if roll > 0.66:
            return ""
        return self._marking()

    def _marking(self) -> str:
        random = self._random
        value, masked = f"0x{any_mark(random):x}", self._masked()
        masks = f"--nfmask 0x{any_mark(random):x} --ctmask 0x{any_mark(random):x}"
        of_packet = [
            f"-j MARK --set-mark {masked}",
            f"-j MARK --set-xmark {masked}",
            f"-j MARK --set-mark {value}",
            f"-j MARK --and-mark {value}",
            f"-j MARK --or-mark {value}",
            f"-j MARK --xor-mark {value}",
        ]
        of_connection = [
            f"-j CONNMARK --set-mark {masked}",
            f"-j CONNMARK --set-xmark {masked}",
            f"-j CONNMARK --{random.choice(('and', 'or', 'xor'))}-mark {value}",
            "-j CONNMARK --save-mark",
            "-j CONNMARK --restore-mark",
            f"-j CONNMARK --save-mark {masks}",
            f"-j CONNMARK --restore-mark {masks}",
            f"-j CONNMARK --{random.choice(('save', 'restore'))}-mark --mask {value}",
            f"-j CONNMARK --{random.choice(('save', 'restore'))}-mark {masks} "
            f"--{random.choice(('left', 'right'))}-shift-mark {random.choice((1, 4, 8, 31))}",
        ]
        # MARK stands in mangle alone for the older iptables, but the kernel takes it everywhere (revision 2).
        return random.choice(random.choice((of_packet, of_connection)))

    def _translation(self, protocol: str) -> str:
        random = self._random
        if protocol and random.random() < 0.3:
            return f"-j REDIRECT --to-ports {random.choice(PORTS)}"
        away = "203.0.113.7" if self._version == 4 else "2001:db8:f::7"
        where = random.choice((*SERVICES[self._version], away))
        if not protocol or random.random() < 0.5:
            return f"-j DNAT --to-destination {where}"
        shown = where if self._version == 4 else f"[{where}]"
        return f"-j DNAT --to-destination {shown}:{random.choice(PORTS)}"
