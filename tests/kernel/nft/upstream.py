"""The rules of nft's own tests: what is loaded of them here, and our words for them, to be loaded too.

`data/nft.rules` lists them: after `* FAMILIES TABLE` the sets of that table, indented, then its rules. Those that
stand under `* refused FAMILIES` are refused by nft 1.0.6.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

RULES = Path(__file__).parent / "data" / "nft.rules"

Place: TypeAlias = tuple[str, str]
"""Family and name of a table."""

_HOOKS = {"netdev": "type filter hook ingress device lo priority 0"}
_MARK = " meta mark set 1"
_MOMENT = re.compile(r"((?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d) UTC")


@dataclass(frozen=True)
class Table:
    """A table with one base chain: the sets, and the rules by their place in the chain."""

    sets: tuple[str, ...]
    rules: Mapping[int, str]


def tables(*, refused: bool = False) -> dict[Place, Table]:
    """Return all tables; those that nft 1.0.6 takes or those that it refuses."""
    found: dict[Place, Table] = {}
    for block in RULES.read_text().split("\n* "):
        head, *lines = block.removeprefix("* ").splitlines()
        *kind, families, name = head.split(" ")
        if (kind == ["refused"]) is not refused:
            continue
        sets = tuple(line.strip() for line in lines if line.startswith("\t"))
        rules = [line for line in lines if not line.startswith("\t")]
        for family in families.split(","):
            place = family, f"{name}_{len(found)}"
            found[place] = Table(sets, dict(enumerate(rules)))
    return found


def load(wanted: Mapping[Place, Table]) -> dict[Place, Table]:
    """Load tables, each rule with a mark that it sets, and return what was not refused: nothing if nft dies of it."""
    held = dict(wanted)
    while True:
        lines, where = _script(held)
        text = "\n".join(lines) + "\n"
        done = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return held
        if done.returncode < 0:
            return {place: replace(table, rules={}) for place, table in held.items()}
        bad = {int(line) for line in re.findall(r"^/dev/stdin:(\d+):", done.stderr, re.MULTILINE)} & where.keys()
        assert bad, done.stderr
        for place, number in map(where.__getitem__, bad):
            rules = {other: rule for other, rule in held[place].rules.items() if other != number}
            held[place] = replace(held[place], rules=rules)


def _script(wanted: Mapping[Place, Table]) -> tuple[list[str], dict[int, tuple[Place, int]]]:
    """Write tables, and say which line is which rule."""
    lines: list[str] = []
    where: dict[int, tuple[Place, int]] = {}
    for (family, name), table in wanted.items():
        hook = _HOOKS.get(family, "type filter hook input priority 0")
        lines += [f"table {family} {name} {{", *table.sets, "chain c {", hook]
        for number, rule in table.rules.items():
            lines.append(rule + _MARK)
            where[len(lines)] = (family, name), number
        lines += ["}", "}"]
    return lines, where


def rule_of(words: Sequence[str], family: str) -> str:
    """Write our words for a rule's conditions as nft takes them; without the device of a chain that is on one."""
    kept = words[1:] if family == "netdev" and words and words[0] == "iifname lo" else words
    return " ".join(map(_condition, kept))


def _condition(text: str) -> str:
    if text.startswith(("meta hour ", "meta time ")):
        return _MOMENT.sub(r'"\1"', text)
    if text.startswith("osf "):
        head, values = _split(text, 1)
        quoted = ", ".join(f'"{value}"' for value in values.split(", "))
        return f"{head} {{ {quoted} }}" if ", " in values else f"{head} {quoted}"
    if text.startswith(("ct state ", "ct status ")) and " . " not in text:
        return text.replace(", ", ",")
    if text.startswith("fib ") and ", " not in text:
        return text
    joined = " . " in text and "@" not in text
    if ", " not in text and not joined:
        return text
    # Names and values are joined by the same number of points.
    head, values = _split(text, text.split(", ", 1)[0].count(" . ") // 2 + 1)
    return f"{head} {{ {values} }}"


def _split(text: str, count: int) -> tuple[str, str]:
    """Split a condition before its values, of which the first one consists of `count` parts."""
    first, comma, rest = text.partition(", ")
    parts = first.split(" . ")
    head, _, value = parts[-count].rpartition(" ")
    return " . ".join((*parts[:-count], head)), " . ".join((value, *parts[len(parts) - count + 1 :])) + comma + rest
