"""The referee for native rules: `nft -j list ruleset` as facts to compare, without any of our code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from tests.kernel.nft.alone import output
from tests.kernel.nft.rule_facts import FULL, RuleFacts, normalize_match

Json = Any
"""A value of JSON; its shapes are described in libnftables-json(5)."""

STATES = ("invalid", "established", "related", "new", "untracked")
STATUSES = ("expected", "seen-reply", "assured", "confirmed", "snat", "dnat")
FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}
NAMES = {"echo-request": 8, "nd-router-advert": 134, "cs1": 8, "ef": 46, "hopopt": 0}
HEXADECIMAL = ("mark", "priority", "flags", "dscp", "cs1")


def ruleset() -> Json:
    """List everything with nft."""
    return json.loads(output("nft", "-j", "list", "ruleset"))["nftables"]


class Referee:
    """A listing, with its objects by name."""

    def __init__(self, listing: Json) -> None:
        self.tables = {(t["family"], t["name"]): t for t in self._of(listing, "table")}
        self.chains = {(c["family"], c["table"], c["name"]): c for c in self._of(listing, "chain")}
        self.sets = {(s["family"], s["table"], s["name"]): s for k in ("set", "map") for s in self._of(listing, k)}
        self.counters = {(c["family"], c["table"], c["name"]): c for c in self._of(listing, "counter")}
        self.rules = list(self._of(listing, "rule"))

    @staticmethod
    def _of(listing: Json, kind: str) -> Iterator[Json]:
        return (item[kind] for item in listing if kind in item)

    def rule_facts(self) -> list[RuleFacts]:
        """Return every rule about marks, once for each way to it and each value of a map."""
        return [facts for rule in self.rules for facts in self._rule(rule)]

    def _rule(self, rule: Json) -> Iterator[RuleFacts]:
        for expression, before in _with_before(rule["expr"]):
            target = _mark_target(expression)
            if target is None:
                continue
            own = [word for condition in before for word in self.words(rule, condition)]
            for path, hook, priority, asked in self.ways(rule["family"], rule["table"], rule["chain"]):
                for verb, value, mask, bits, chosen in self._effects(rule, target, expression["mangle"]["value"]):
                    packets, size = self._counted(rule)
                    yield RuleFacts(
                        rule["family"],
                        rule["table"],
                        rule["chain"],
                        rule["handle"],
                        path,
                        hook,
                        priority,
                        _dormant(rule["family"], rule["table"]),
                        verb,
                        value,
                        mask,
                        bits,
                        normalize_match((*asked, *own, *chosen)),
                        packets,
                        size,
                        rule.get("comment", ""),
                    )

    def _counted(self, rule: Json) -> tuple[int | None, int | None]:
        for expression in rule["expr"]:
            match expression.get("counter"):
                case {"packets": packets, "bytes": size}:
                    return packets, size
                case str(name):
                    found = self.counters[rule["family"], rule["table"], name]
                    return found["packets"], found["bytes"]
        return None, None

    def ways(self, family: str, table: str, name: str) -> Iterator[tuple[tuple[str, ...], str, int, list[str]]]:
        """Return the ways to a chain: those before it, hook, priority, and what the jumping rules ask."""
        found = list(self._ways(family, table, name, ()))
        yield from found or [((), "", 0, [])]

    def _ways(
        self, family: str, table: str, name: str, seen: tuple[str, ...]
    ) -> Iterator[tuple[tuple[str, ...], str, int, list[str]]]:
        chain = self.chains[family, table, name]
        if "hook" in chain:
            # The JSON of some versions lacks the devices.
            text = output("nft", "list", "chain", family, table, name) if chain["hook"] in ("ingress", "egress") else ""
            devices = re.findall(r'"([^"]+)"', "".join(re.findall(r"devices? .*priority", text)))
            which = "oifname" if chain["hook"] == "egress" else "iifname"
            yield (), chain["hook"], chain["prio"], [f"{which} {', '.join(devices)}"] if devices else []
            return
        for rule in self.rules:
            if (rule["family"], rule["table"]) != (family, table) or rule["chain"] in (*seen, name):
                continue
            for expression, before in _with_before(rule["expr"]):
                for asked in self._jumps(rule, expression, name):
                    own = [word for condition in before for word in self.words(rule, condition)]
                    for path, hook, priority, words in self._ways(family, table, rule["chain"], (*seen, name)):
                        yield (*path, rule["chain"]), hook, priority, [*words, *own, *asked]

    def _jumps(self, rule: Json, expression: Json, name: str) -> Iterator[list[str]]:
        for verb in ("jump", "goto"):
            if expression.get(verb, {}).get("target") == name:
                yield []
        if "vmap" in expression:
            key, pairs = expression["vmap"]["key"], self._pairs(rule, expression["vmap"]["data"])
            keys = [k for k, v in pairs if any(v.get(w, {}).get("target") == name for w in ("jump", "goto") if v)]
            if keys:
                yield [self._among(key, keys, [k for k, _ in pairs])]

    def _pairs(self, rule: Json, data: Json) -> list[tuple[Json, Json]]:
        if isinstance(data, str):
            data = {"set": self.sets[rule["family"], rule["table"], data[1:]].get("elem", [])}
        return [(_plain(key), value) for key, value in data["set"]]

    def _among(self, key: Json, keys: list[Json], every: list[Json]) -> str:
        if "*" in keys:
            others = [k for k in every if k not in keys]
            return f"{name_of(key)} != {self._values(key, others)}"
        return f"{name_of(key)} {self._values(key, keys)}"

    def _values(self, key: Json, values: list[Json]) -> str:
        return ", ".join(value_of(name_of(key), value) for value in sorted(values, key=_order))

    def words(self, rule: Json, expression: Json) -> Iterator[str]:
        """Write one expression as we do; nothing for one that asks nothing."""
        if "limit" in expression:
            limit = expression["limit"]
            over = "over " if limit.get("inv") else ""
            yield f"limit rate {over}{limit['rate']}/{limit['per']} burst {limit.get('burst', 0)} packets"
        if "set" in expression and rule["family"] == "inet":
            yield "meta nfproto ipv4"
        if "match" not in expression:
            return
        left, right, operator = (expression["match"][k] for k in ("left", "right", "op"))
        name = name_of(left)
        if "&" in left and isinstance(left, dict):
            of, mask = left["&"]
            name, sign = name_of(of), "!=" if operator == "!=" else "=="
            yield f"{name} & 0x{_number(mask):x} {sign} 0x{_number(right):x}"
            return
        if name in ("ct state", "ct status"):
            every = STATES if name == "ct state" else STATUSES
            states = right if isinstance(right, list) else [right]
            states = states[0]["set"] if isinstance(states[0], dict) else states
            yield f"{name} {'!= ' if operator == '!=' else ''}{', '.join(sorted(states, key=every.index))}"
            return
        values = right["set"] if isinstance(right, dict) and "set" in right else [right]
        sign = "" if operator in ("==", "in") else f"{operator} "
        yield f"{name} {sign}{self._values(left, list(map(_plain, values)))}"

    def _effects(self, rule: Json, target: str, value: Json) -> Iterator[tuple[str, int | None, int, int, list[str]]]:
        plainly, copied = ("set", "restore") if target == "meta" else ("save", "save")
        other = "ct" if target == "meta" else "meta"
        if isinstance(value, dict) and "map" in value:
            key, pairs = value["map"]["key"], self._pairs(rule, value["map"]["data"])
            for mark, start in dict.fromkeys((v, _start(k)) for k, v in pairs):
                keys = [k for k, v in pairs if (v, _start(k)) == (mark, start)]
                yield plainly, mark, FULL, FULL, [self._among(key, keys, [k for k, _ in pairs])]
            return
        sees = json.dumps(value)
        if f'"{other}": {{"key": "mark"' in sees:
            bits = _evaluated(value, {other: FULL, target: 0})
            yield copied, None, FULL, bits, []
            return
        zero, ones = (_evaluated(value, {target: old}) for old in (0, FULL))
        yield plainly, zero, ~(zero ^ ones) & FULL, FULL, []


def _dormant(family: str, table: str) -> bool:
    """Ask for the text, as the JSON of some versions lacks a table's flags."""
    return "flags dormant" in output("nft", "list", "table", family, table)


def _with_before(expressions: Json) -> Iterator[tuple[Json, Json]]:
    for place, expression in enumerate(expressions):
        if isinstance(expression, dict):
            yield expression, [e for e in expressions[:place] if isinstance(e, dict)]


def _mark_target(expression: Json) -> str | None:
    key = expression.get("mangle", {}).get("key", {})
    return next((kind for kind in ("meta", "ct") if key.get(kind, {}).get("key") == "mark"), None)


def _evaluated(value: Json, marks: Mapping[str, int]) -> int:
    """Compute an expression of marks."""
    match value:
        case int():
            return value
        case {"meta": _}:
            return marks["meta"]
        case {"ct": _}:
            return marks["ct"]
        case {"&": [a, b]}:
            return _evaluated(a, marks) & _evaluated(b, marks)
        case {"|": [a, b]}:
            return _evaluated(a, marks) | _evaluated(b, marks)
        case {"^": [a, b]}:
            return _evaluated(a, marks) ^ _evaluated(b, marks)
    raise AssertionError(value)


def _plain(key: Json) -> Json:
    return key["elem"]["val"] if isinstance(key, dict) and "elem" in key else key


def _start(key: Json) -> str:
    """Return what a joined key begins with, all but its last field."""
    return json.dumps(key["concat"][:-1]) if isinstance(key, dict) and "concat" in key else ""


def _order(value: Json) -> tuple[Json, ...]:
    """Return what values are sorted by: as numbers, by where they begin."""
    match value:
        case {"concat": parts}:
            return tuple(first for part in parts for first in _order(part))
        case {"range": [first, _]} | {"prefix": {"addr": first}}:
            return _order(first)
        case str() if ":" in value or value.count(".") == 3:
            return (int(ip_address(value)),)
    return (value,)


def name_of(left: Json) -> str:
    """Name what is asked for."""
    match left:
        case {"concat": parts}:
            return " . ".join(map(name_of, parts))
        case {"payload": {"protocol": protocol, "field": field}}:
            return f"{protocol} {field}"
        case {"payload": {"base": base, "offset": offset, "len": size}}:
            return f"@{base},{offset},{size}"
        case {"meta": {"key": "iifname" | "oifname" | "iif" | "oif" as key}}:
            return str(key)
        case {"meta": {"key": key}}:
            return f"meta {key}"
        case {"ct": {"key": key, **more}}:
            family = f" {more['family']}" if "family" in more else ""
            direction = f" {more['dir']}" if "dir" in more else ""
            return f"ct{direction}{family} {key}"
        case {"fib": {"result": result, "flags": flags}}:
            return f"fib {' . '.join([flags] if isinstance(flags, str) else flags)} {result}"
        case {"numgen": {"mode": mode, "mod": modulus, **more}}:
            offset = f" offset {more['offset']}" if more.get("offset") else ""
            return f"numgen {mode} mod {modulus}{offset}"
        case {"socket": {"key": key}}:
            return f"socket {key}"
        case {"&": [of, mask]}:
            return f"{name_of(of)} & 0x{_number(mask):x}"
    raise AssertionError(left)


def _number(value: Json) -> int:
    match value:
        case int():
            return value
        case str():
            return FLAGS[value] if value in FLAGS else NAMES.get(value, 0) or int(value, 0)
        case list():
            return sum(map(_number, value))
        case {"|": parts}:
            return sum(map(_number, parts))
    raise AssertionError(value)


def value_of(name: str, value: Json) -> str:
    """Write one value as we do."""
    match value:
        case {"concat": parts}:
            return " . ".join(value_of(field, part) for field, part in zip(name.split(" . "), parts, strict=True))
        case {"range": [first, last]}:
            return f"{value_of(name, first)}-{value_of(name, last)}"
        case {"prefix": {"addr": address, "len": size}}:
            return f"{address}/{size}"
        case "echo-request" if name.startswith("icmpv6"):
            value = 128
        case str() if value in NAMES and name.split(" ")[-1] in ("type", "dscp"):
            value = NAMES[value]
        case str() if name.endswith(" flags"):
            value = FLAGS[value]
        case bool():
            return {True: "exists", False: "missing"}[value] if name.startswith("fib") else str(int(value))
    hexadecimal = name.rsplit(" ", 1)[-1] in HEXADECIMAL or " & " in name
    return f"0x{value:x}" if hexadecimal and isinstance(value, int) else str(value)
