"""Legacy iptables: looked at only where its tables are loaded, at a pace, and with words where it cannot be read."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.reading.conditions import Condition
from lvstui.kernel.nft.reading.explain import Lead, Way, Ways
from lvstui.kernel.nft.reading.fields import PacketField
from lvstui.kernel.nft.reading.tables import Chain
from lvstui.kernel.nft.xtables.iptables_text import line
from lvstui.kernel.nft.xtables.legacy import Legacy
from tests.kernel.nft.alone import Clock, alone, needs, output

works = needs("iptables-legacy", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "1")


@works
@alone
def test_nothing_is_loaded_by_a_look() -> None:
    names = Path("/proc/thread-self/net/ip_tables_names")
    assert names.read_text() == ""
    with closing(PacketFilter(None)) as door:
        assert door.read().rules == ()
    assert names.read_text() == ""


@works
@alone
def test_it_is_read_again_at_a_pace() -> None:
    clock = Clock()
    legacy = Legacy(None, clock)
    assert legacy.read().rules == ()
    output("iptables-legacy", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "80")
    assert legacy.read().rules == ()
    clock.now += 100
    found = legacy.read()
    assert [rule.value for rule in found.rules] == [80]
    clock.now += 100
    assert legacy.read() is found


@works
@alone
def test_what_is_not_known_is_shown_as_iptables_writes_it() -> None:
    rule = '-A PREROUTING -p tcp -m recent --rcheck --name "my clients" --mask 255.255.255.255 --rsource -j MARK '
    output("iptables-legacy-restore", text=f"*mangle\n{rule}--set-xmark 0x5/0xffffffff\nCOMMIT\n")
    (found,) = Legacy(None, Clock()).read().rules
    assert not found.decoded
    assert (found.value, found.selector) == (5, None)
    assert found.raw.startswith("-A PREROUTING -p tcp -m recent --rcheck --name")
    assert found.match[0] == "meta l4proto tcp"
    assert "--rcheck" in found.match


@works
@alone
def test_a_missing_save_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    output("iptables-legacy", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "80")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("lvstui.kernel.nft.xtables.legacy._PLACES", (tmp_path,))
    assert "iptables-legacy-save" in Legacy(None, Clock()).read().trouble
    assert Legacy(None, Clock()).read().rules == ()


@works
@alone
def test_a_program_that_others_may_have_put_there_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    output("iptables-legacy", "-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "80")
    for name in ("iptables-legacy-save", "iptables-save"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [rule.value for rule in Legacy(None, Clock()).read().rules] == [80]
    tmp_path.chmod(0o777)
    monkeypatch.setattr("lvstui.kernel.nft.xtables.legacy._PLACES", (tmp_path,))
    assert "or others than root may change it" in Legacy(None, Clock()).read().trouble
    assert not (tmp_path / "ran").exists()


def test_a_word_of_iptables_that_leads_nowhere_is_kept() -> None:
    found = line("[1:2] -A FORWARD -d 192.0.2.1/32 --dport", 4)
    assert not found.sure
    assert (found.packets, found.bytes) == (1, 2)
    assert found.conditions[-1].text == "-A FORWARD -d 192.0.2.1/32 --dport"


def test_chains_that_jump_in_a_circle_have_an_end() -> None:
    asked = Condition("ip protocol tcp", PacketField("ip protocol", 1))
    chains = {"base": Chain("base", "prerouting", -150), "a": Chain("a"), "b": Chain("b")}

    def leading(name: str) -> list[Lead]:
        others = {"a": ["base", "b"], "b": ["a"]}.get(name, [])
        return [Lead(other, 1, lambda way: [((*way.conditions, asked), way.sure)]) for other in others]

    assert Ways(chains, leading).to("b") == (Way("prerouting", -150, ("base", "a"), (asked, asked), (0, 1, 1)),)


def test_of_too_many_ways_to_a_chain_only_their_beginnings_are_shown() -> None:
    chains = {"base": Chain("base", "prerouting", -150), "a": Chain("a")}

    def leading(name: str) -> list[Lead]:
        return [Lead("base", place, lambda way: [(way.conditions, True)]) for place in range(99)] if name == "a" else []

    (way,) = Ways(chains, leading).to("a")
    assert (way.hook, way.path, way.conditions[0].text) == ("prerouting", ("base",), "by one of 99 ways")
