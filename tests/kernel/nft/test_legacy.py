"""Legacy iptables: looked at only where its tables are loaded, at a pace, and with words where it cannot be read."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from lvstui.core.observed import Rule
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.reading.approaches import Approach, Approaches, Lead
from lvstui.kernel.nft.reading.conditions import Condition
from lvstui.kernel.nft.reading.fields import PacketField
from lvstui.kernel.nft.reading.tables import RawChain
from lvstui.kernel.nft.xtables.iptables_save import Saved
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
def test_what_cannot_be_known_beforehand_is_named_in_words() -> None:
    rule = '-A PREROUTING -p tcp -m recent --rcheck --name "my clients" --mask 255.255.255.255 --rsource -j MARK '
    output("iptables-legacy-restore", text=f"*mangle\n{rule}--set-xmark 0x5/0xffffffff\nCOMMIT\n")
    (found,) = Legacy(None, Clock()).read().rules
    assert (found.decoded, found.value, found.selector) == (True, 5, None)
    assert found.match[0] == "meta l4proto tcp"
    assert found.match[1].startswith("recent rcheck name my clients mask 255.255.255.255 rsource")


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
    assert not found.rule.sure
    assert (found.packets, found.bytes) == (1, 2)
    assert found.rule.conditions[-1].text == "--dport"


@pytest.mark.parametrize(
    "asked",
    [
        "-m geoip --source-country DE",
        "-m geoip ! --source-country DE",
        "-p no-such-protocol",
        "-m conntrack --ctstate ODD",
        "-s nowhere",
        "-m mac --mac-source 02",
        "-x y",
        "-m",
    ],
)
def test_a_rule_of_which_a_part_is_not_understood_is_one_raw_rule_that_does_what_it_does(asked: str) -> None:
    text = f"-A PREROUTING -i eth0 {asked} -m mark --mark 0x1 -j MARK --set-xmark 0x5/0xffffffff"
    (found,) = explained(f"{text}")
    assert (found.decoded, found.raw) == (False, text)
    assert (found.value, found.mask, found.selector) == (5, 0xFFFFFFFF, None)
    assert found.match[0] == "iifname eth0"
    assert asked == "-m" or found.match[-1] == "meta mark 0x1"


def test_a_line_that_is_no_rule_takes_no_other_with_it() -> None:
    good = "-A PREROUTING -j MARK --set-xmark 0x5/0xffffffff"
    found = Saved(f"*mangle\n:PREROUTING ACCEPT [0:0]\n[1:2] -B odd\n{good}\nCOMMIT\n", 4)
    assert [rule.value for rule in found.rules] == [5]
    assert found.strange == ["[1:2] -B odd"]


def test_ends_of_lines_in_a_comment_begin_no_rule() -> None:
    comment = 'one\n[0:0] -A PREROUTING -j MARK --set-xmark 0x7/0xffffffff\n5\\" disk'
    (found,) = explained(f'-A PREROUTING -m comment --comment "{comment}" -j MARK --set-xmark 0x5/0xffffffff')
    assert (found.value, found.comment) == (5, comment.replace("\\", ""))


@pytest.mark.parametrize(
    ("name", "number"),
    [("ospf", 89), ("gre", 47), ("vrrp", 112), ("ipencap", 4), ("ipip", 94), ("l2tp", 115), ("ipv6-icmp", 58)],
)
def test_protocols_go_by_the_names_of_the_machine(name: str, number: int) -> None:
    rule = f"-A PREROUTING -d 192.0.2.40/32 -p {name} -j MARK --set-xmark 0xb/0xffffffff"
    (found,), (numbered,) = explained(rule), explained(rule.replace(name, str(number)))
    assert found == numbered
    assert found.decoded
    assert found.selector is not None
    assert found.selector.protocol == number


def test_all_protocols_are_no_condition() -> None:
    (found,) = explained("-A PREROUTING -p all -j MARK --set-xmark 0xb/0xffffffff")
    assert (found.decoded, found.match) == (True, ())


def explained(rule: str) -> list[Rule]:
    """Read one rule of the table mangle."""
    saved = Saved(f"*mangle\n:PREROUTING ACCEPT [0:0]\n[0:0] {rule}\nCOMMIT\n", 4)
    assert saved.strange == []
    return list(saved.rules)


def test_chains_that_jump_in_a_circle_have_an_end() -> None:
    asked = Condition("ip protocol tcp", PacketField("ip protocol", 1))
    chains = {"base": RawChain("base", "prerouting", -150), "a": RawChain("a"), "b": RawChain("b")}

    def leading(name: str) -> list[Lead]:
        others = {"a": ["base", "b"], "b": ["a"]}.get(name, [])
        return [Lead(other, 1, lambda approach: [((*approach.conditions, asked), approach.sure)]) for other in others]

    assert Approaches(chains, leading).to("b") == (
        Approach("prerouting", -150, ("base", "a"), (asked, asked), (0, 1, 1)),
    )


def test_of_too_many_ways_to_a_chain_only_their_beginnings_are_shown() -> None:
    chains = {"base": RawChain("base", "prerouting", -150), "a": RawChain("a")}

    def leading(name: str) -> list[Lead]:
        return (
            [Lead("base", place, lambda approach: [(approach.conditions, True)]) for place in range(99)]
            if name == "a"
            else []
        )

    (approach,) = Approaches(chains, leading).to("a")
    assert (approach.hook, approach.path, approach.conditions[0].text) == ("prerouting", ("base",), "by one of 99 ways")
