"""The rules of iptables' own tests, in nf_tables: read from the kernel's structures as from what iptables-nft saves.

`data/iptables.rules` lists them: after `* FAMILY` the extension, the chain and the rule, without a target where it is
`MARK --set-mark 1`.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lvstui.core.observed import Rule
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.reading.conditions import words
from lvstui.kernel.nft.xtables import iptables_text
from tests.kernel.nft.alone import alone, needs, output
from tests.kernel.nft.nft_referee import ruleset

RULES = Path(__file__).parent / "data" / "iptables.rules"

STATE = "it asks what the kernel counted or remembers"
DEEP = "it searches the packet, or runs a program over it"
ELSEWHERE = "it asks for what is known elsewhere in the kernel"
RAW: Mapping[str, str] = {
    "HMARK": "the mark is a hash",
    **dict.fromkeys(("hashlimit", "time", "cluster", "connlabel"), STATE),
    **dict.fromkeys(("bpf", "string", "u32", "osf", "hbh", "dst", "rt", "srh", "mh", "ipv6header", "eui64"), DEEP),
    **dict.fromkeys(("cgroup", "physdev", "policy", "realm", "socket"), ELSEWHERE),
}
"""Extensions that are shown as bytes, each with the reason."""

LOST: Mapping[str, str] = {
    f"{module} {name} != 0:4294967295": f"{module} matches"
    for module, name in (("ah", "spi"), ("esp", "spi"), ("ipcomp", "spi"), ("frag", "id"))
}
"""What no packet meets, and what iptables saves of it: without the negation."""

PROGRAMS = {"ip": "iptables-nft", "ip6": "ip6tables-nft"}
ENOUGH = 350


def rules(family: str) -> Iterator[tuple[str, str]]:
    """Yield the extension and the line of each rule of a family."""
    for block in RULES.read_text().split("* "):
        head, *lines = block.splitlines() or [""]
        for line in lines if head == family else []:
            extension, rule = line.split("\t")
            yield extension, f"-A {rule}" if " -j " in rule else f"-A {rule} -j MARK --set-mark 1"


def load(family: str) -> Mapping[str, list[str]]:
    """Load the rules that this iptables takes, and return their extensions by chain."""
    wanted = list(rules(family))
    while True:
        text = "\n".join(("*mangle", *(line for _, line in wanted), "COMMIT", ""))
        restore = [f"{PROGRAMS[family]}-restore"]
        done = subprocess.run(restore, input=text, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
        refused = [int(word) for word in done.stderr.replace("\n", " ").split(" ") if word.isdecimal()]
        assert refused, done.stderr
        del wanted[refused[0] - 2]
    found: dict[str, list[str]] = defaultdict(list)
    for extension, line in wanted:
        found[line.split(" ")[1]].append(extension)
    return found


def normal(match: Sequence[str]) -> list[str]:
    """Return words in order, as iptables saves them: where a range begins at the lowest value it is said."""
    return sorted(re.sub(r"port <= (\d+)$", r"port 0-\1", LOST.get(word, word)) for word in match)


def read(family: str) -> dict[tuple[str, int], Rule]:
    """Return what we read, by chain and handle."""
    with closing(PacketFilter(None)) as door:
        seen = door.read()
    assert seen.trouble == ""
    return {(rule.chain, rule.handle): rule for rule in seen.rules if rule.family == family}


@pytest.mark.parametrize(
    "family", [pytest.param(family, marks=needs(name, "-t", "mangle", "-S")) for family, name in PROGRAMS.items()]
)
@alone
def test_the_rules_of_iptables_own_tests_are_read_as_iptables_saves_them(family: str) -> None:
    extensions = load(family)
    ours = read(family)
    saved: dict[str, list[str]] = defaultdict(list)
    for line in output(f"{PROGRAMS[family]}-save").splitlines():
        if line.startswith("-A "):
            saved[line.split(" ")[1]].append(line)
    handles: dict[str, list[int]] = defaultdict(list)
    for item in ruleset():
        if rule := item.get("rule"):
            handles[rule["chain"]].append(rule["handle"])
    missing, raw = [], Counter[str]()
    wrong: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for chain, lines in saved.items():
        for line, handle, extension in zip(lines, handles[chain], extensions[chain], strict=True):
            found = ours.get((chain, handle))
            told = words(iptables_text.read(line, 4 if family == "ip" else 6).conditions)
            if found is None:
                missing.append(line)
            elif not found.decoded:
                raw[extension] += 1
            elif normal(found.match) != normal(told):
                wrong[line] = told, found.match
    count = sum(map(len, saved.values()))
    print(f"{count} read, {raw.total()} raw of {sorted(raw)}, {len(missing)} missing, {len(wrong)} misread")
    assert missing == []
    assert wrong == {}
    assert raw.keys() <= RAW.keys()
    assert count > ENOUGH
