"""The referee for rules of iptables: what its own save prints, as facts to compare, without any of our code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from itertools import count

from tests.kernel.nft.alone import output
from tests.kernel.nft.nft_referee import ruleset
from tests.kernel.nft.rule_facts import FULL, RuleFacts, normalize_match

PROTOCOLS = {"132": "sctp", "ipv6-icmp": "ipv6-icmp"}
STATES = ("INVALID", "ESTABLISHED", "RELATED", "NEW", "SNAT", "DNAT", "UNTRACKED")
FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
PLACES = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}


def saved(program: str) -> list[RuleFacts]:
    """Return the rules about marks of `iptables-nft-save`, `ip6tables-legacy-save` …"""
    family = "ip6" if program.startswith("ip6") else "ip"
    handles = _handles(family) if "-nft" in program else None
    found: list[RuleFacts] = []
    table = ""
    places: dict[str, Iterator[int]] = {}
    lines = output(program, "-c").splitlines()
    rules = [line for line in lines if line.startswith("[")]
    for line in lines:
        if line.startswith("*"):
            table, places = line[1:], {}
        elif line.startswith("["):
            rule = _Rule(line, family)
            place = next(places.setdefault(rule.chain, count()))
            handle = handles[table, rule.chain][place] if handles is not None else 0
            if rule.effect is None:
                continue
            verb, value, mask, bits = rule.effect
            for path, asked in _ways(rules, rule.chain, family):
                base = path[0] if path else rule.chain
                hook = base.lower() if base.isupper() else ""
                priority = PLACES[table] if hook else 0
                match = normalize_match([*asked, *rule.words])
                counted = rule.packets, rule.bytes, rule.comment
                found.append(
                    RuleFacts(
                        *(family, table, rule.chain, handle, path, hook, priority, False),
                        *(verb, value, mask, bits, match, *counted),
                    )
                )
    return found


def _handles(family: str) -> dict[tuple[str, str], list[int]]:
    """Ask nft for the handles of each chain's rules, which iptables does not list."""
    found: dict[tuple[str, str], list[int]] = {}
    for item in ruleset():
        rule = item.get("rule")
        if rule and rule["family"] == family:
            found.setdefault((rule["table"], rule["chain"]), []).append(rule["handle"])
    return found


def _ways(rules: Sequence[str], chain: str, family: str) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    if chain.isupper():
        yield (), []
        return
    found = False
    for line in rules:
        rule = _Rule(line, family)
        if rule.target[:1] == [chain]:
            for path, words in _ways(rules, rule.chain, family):
                found = True
                yield (*path, rule.chain), [*words, *rule.words]
    if not found:
        yield (), []


class _Rule:
    """One line, taken apart."""

    def __init__(self, line: str, family: str) -> None:
        head = re.match(r"\[(\d+):(\d+)\] -A (\S+) (.*)", line)
        assert head is not None
        self.packets, self.bytes, self.chain = int(head[1]), int(head[2]), head[3]
        self.comment = ""
        self.family = family
        quoted = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', head[4])
        every = [re.sub(r"\\(.)", r"\1", text) or word for text, word in quoted]
        place = next((n for n, word in enumerate(every) if word in ("-j", "-g")), len(every))
        self.target = every[place + 1 :]
        self.words = [word for word in self._words(every[:place]) if word]
        self.effect = _effect(self.target)

    def _words(self, options: list[str]) -> Iterator[str]:
        protocol, module, sign = "th", "", ""
        pending = list(options)
        while pending:
            option = pending.pop(0)
            if option == "!":
                sign = "!= "
                continue
            if option == "-m":
                module = pending.pop(0)
                continue
            value = pending.pop(0)
            if option == "--comment":
                self.comment = value
                continue
            if option == "-p":
                value = PROTOCOLS.get(value, value)
                protocol = protocol if sign else value
            yield self._word(option, value, pending, protocol, module, sign)
            sign = ""

    def _word(self, option: str, value: str, pending: list[str], protocol: str, module: str, sign: str) -> str:
        match option:
            case "-p":
                return f"meta l4proto {sign}{value}"
            case "-i" | "-o":
                return f"{option[1]}ifname {sign}{value.replace('+', '*')}"
            case "-s" | "-d":
                return self._address(f"{self.family} {option[1]}addr", value, sign)
            case "--dport" | "--sport" | "--dports" | "--sports":
                ports = value.replace(":", "-").replace(",", ", ")
                return f"{protocol} {option[2]}port {sign}{ports}"
            case "--ports":
                return f"{protocol} sport or dport {sign}{value.replace(',', ', ')}"
            case "--src-range" | "--dst-range":
                first, last = map(ip_address, value.split("-"))
                return f"{self.family} {option[2]}addr {sign}{first}-{last}"
            case "--dst-type":
                return f"fib daddr type {sign}{value.lower()}"
            case "--ctstate" | "--state":
                return f"ct state {sign}{', '.join(sorted(value.split(','), key=STATES.index)).lower()}"
            case "--mark":
                name = "meta mark" if module == "mark" else "ct mark"
                number, _, mask = value.partition("/")
                if not mask or int(mask, 16) == FULL:
                    return f"{name} {sign}0x{int(number, 16):x}"
                return f"{name} & 0x{int(mask, 16):x} {sign.strip() or '=='} 0x{int(number, 16):x}"
            case "--match-set":
                return f"ipset {sign}{value} {pending.pop(0)}"
            case "--tcp-flags":
                bits, wanted = (sum(FLAGS[name] for name in names.split(",")) for names in (value, pending.pop(0)))
                return f"tcp flags & 0x{bits:x} {sign.strip() or '=='} 0x{wanted:x}"
        raise AssertionError(option)

    @staticmethod
    def _address(name: str, value: str, sign: str) -> str:
        address, _, mask = value.partition("/")
        try:
            network = ip_network(value)
        except ValueError:  # a mask with holes
            masked, wanted = int(ip_address(mask)), int(ip_address(address))
            return f"{name} & 0x{masked:x} {sign.strip() or '=='} 0x{wanted:x}"
        return f"{name} {sign}{network if network.num_addresses > 1 else network[0]}"


def _effect(target: Sequence[str]) -> tuple[str, int | None, int, int] | None:
    options = dict(zip(target[1:], [*target[2:], ""], strict=False))
    match target[0]:
        case "MARK" | "CONNMARK" if "--set-xmark" in options:
            value, mask = (int(word, 16) for word in options["--set-xmark"].split("/"))
            return "set" if target[0] == "MARK" else "save", value, mask, FULL
        case "CONNMARK":
            packet, connection = int(options["--nfmask"], 16), int(options["--ctmask"], 16)
            saving = "--save-mark" in options
            return ("save", None, connection, packet) if saving else ("restore", None, packet, connection)
        case "TPROXY":
            value, mask = (int(word, 16) for word in options["--tproxy-mark"].split("/"))
            return "set", value, mask, FULL
    return None
