"""The rules of iptables' own tests as iptables-legacy saves them: each is read, to what it asks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from lvstui.kernel.nft.xtables.iptables_save import Saved
from lvstui.kernel.nft.xtables.legacy import Legacy
from tests.kernel.nft.alone import Clock, alone, needs

_SETS_MARK: Final = " -j MARK --set-xmark 0x1/0xffffffff"
_RAW: Final = ("--restore-skmark", "-j HMARK")
"""What makes a rule raw: a mark that is a socket's, or a hash."""


class Fact(NamedTuple):
    """A rule, which sets a mark, and what it asks in words."""

    version: int
    rule: str
    words: tuple[str, ...]

    @property
    def module(self) -> str:
        """Its first match, or its target."""
        found = re.search(r"-[mj] (\S+)", self.rule)
        return found[1] if found else ""


def _facts() -> Iterator[Fact]:
    for line in (Path(__file__).parent / "data" / "iptables-legacy.rules").read_text().splitlines():
        if not line.startswith("#"):
            version, rule, words = line.split("\t")
            target = "" if " -j " in rule else _SETS_MARK
            yield Fact(int(version), rule + target, tuple(filter(None, words.split(" ; "))))


FACTS: Final = tuple(_facts())


def test_each_rule_of_the_lists_is_read_and_only_named_ones_are_raw() -> None:
    assert len(FACTS) > 400
    for fact in FACTS:
        chain = fact.rule.split()[1]
        saved = Saved(f"*mangle\n:{chain} ACCEPT [0:0]\n{fact.rule}\nCOMMIT\n", fact.version)
        assert saved.strange == []
        *others, found = saved.rules
        assert found.match == fact.words, fact.rule
        assert all(rule.decoded for rule in (*others, found)) != any(word in fact.rule for word in _RAW), fact.rule
        (line,) = saved.tables[0].chains[chain].lines
        assert line.text == fact.rule
        assert line.code


def _loaded(program: str, facts: list[Fact]) -> bool:
    text = "\n".join(("*mangle", *(fact.rule for fact in facts), "COMMIT", ""))
    done = subprocess.run([program, "--noflush"], input=text, capture_output=True, text=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("version", [4, 6])
@needs("iptables-legacy", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "1")
@alone
def test_no_rule_that_a_kernel_holds_is_missing(version: int) -> None:
    name = "iptables" if version == 4 else "ip6tables"
    facts = sorted((fact for fact in FACTS if fact.version == version), key=lambda fact: fact.module)
    loaded: list[Fact] = []
    for _, group in groupby(facts, key=lambda fact: fact.module):
        same = list(group)
        if _loaded(f"{name}-legacy-restore", same):
            loaded += same
    assert len(loaded) > len(facts) // 2
    found = Legacy(None, Clock()).read()
    assert found.trouble == ""
    assert {rule.match for rule in found.rules} == {fact.words for fact in loaded}
    assert len(found.rules) == len(loaded) + sum("--restore-skmark" in fact.rule for fact in loaded)
