"""What both kernels promise about rules that set firewall marks; the live one keeps it in the full guest."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from lvstui.core.change import Change, change_group, undo
from lvstui.core.drift import diff
from lvstui.core.model import Director, Family, MarkGroup, MarkKey
from lvstui.core.observed import Rule, Ruleset
from lvstui.core.selectors import selector
from lvstui.kernel.live import Live
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import Kernel, Refused
from tests.build import group, pool, rule

WEB = group(80, "tcp 192.0.2.10 80,443", "tcp 2001:db8::10 80,443", name="web")
FTP = group(21, "tcp 192.0.2.10 21,10000-20000 in eth0")
ODD = group(2**32 - 1, "udp any 0-5,60000-65535", "any 198.51.100.0/24", "sctp 2001:db8::/32 2905")


@pytest.fixture(params=["memory", pytest.param("live", marks=pytest.mark.netfilter)])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    if request.param == "memory":
        yield MemoryKernel(foreign=(rule(7, "tcp 192.0.2.7 7", table="foreign"),))
        return
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    subprocess.run(["ipvsadm", "-C"], check=True)
    table = "table ip foreign { chain c { type filter hook prerouting priority -150; %s counter meta mark set 7; }; }"
    subprocess.run(["nft", "-f", "-"], input=table % "ip daddr 192.0.2.7 tcp dport 7", text=True, check=True)
    live = Live()
    yield live
    live.close()
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    subprocess.run(["ipvsadm", "-C"], check=True)


def write(kernel: Kernel, *changes: Change) -> None:
    for change in changes:
        kernel.write(change)


def ruleset(kernel: Kernel) -> Ruleset:
    rules = kernel.read().rules
    assert rules is not None
    assert not rules.trouble
    assert not rules.missing
    return rules


def ours(kernel: Kernel) -> list[Rule]:
    return [rule for rule in ruleset(kernel).rules if rule.table == "lvstui"]


@pytest.mark.parametrize("wanted", [WEB, FTP, ODD], ids=lambda wanted: str(wanted.mark))
def test_a_group_is_read_back_as_it_was_written_without_its_name(kernel: Kernel, wanted: MarkGroup) -> None:
    write(kernel, change_group(None, wanted))
    bare = MarkGroup(wanted.mark, wanted.selectors)
    assert kernel.read().director.marks == {wanted.mark: bare}
    assert kernel.lookup(change_group(None, wanted).target) == bare


def test_each_selector_is_a_rule_before_routing_and_for_clients_on_the_director(kernel: Kernel) -> None:
    write(kernel, change_group(None, WEB), change_group(None, FTP))
    written = [(rule.value, rule.hook, rule.priority, rule.selector) for rule in ours(kernel)]
    assert written == [
        (21, "prerouting", -120, FTP.selectors[0]),
        (80, "prerouting", -120, WEB.selectors[0]),
        (80, "prerouting", -120, WEB.selectors[1]),
        (80, "output", -120, WEB.selectors[0]),
        (80, "output", -120, WEB.selectors[1]),
    ]
    assert {rule.counter for rule in ours(kernel)} == {"m21", "m80"}
    assert all(rule.decoded and rule.verb == "set" and rule.packets == 0 for rule in ours(kernel))


def test_groups_are_changed_one_by_one_and_the_last_one_takes_the_table_with_it(kernel: Kernel) -> None:
    wider = group(80, "tcp 192.0.2.10 80,443,8443")
    write(kernel, change_group(None, WEB), change_group(None, FTP), change_group(WEB, wider), change_group(FTP, None))
    assert kernel.read().director.marks == {80: wider}
    assert ruleset(kernel).ours
    write(kernel, change_group(wider, None))
    assert kernel.read().director.marks == {}
    assert not ruleset(kernel).ours


def test_rules_of_others_are_read_and_never_touched(kernel: Kernel) -> None:
    (before,) = ruleset(kernel).rules
    assert (before.value, before.selector) == (7, selector("tcp 192.0.2.7 7"))
    write(kernel, change_group(None, group(7, "tcp 192.0.2.77 77")), change_group(group(7, "tcp 192.0.2.77 77"), None))
    assert list(ruleset(kernel).rules) == [before]


@pytest.mark.parametrize(
    "change",
    [change_group(WEB, None), change_group(WEB, MarkGroup(80, FTP.selectors))],
    ids=["deleted", "changed"],
)
def test_a_group_that_is_not_there_is_refused(kernel: Kernel, change: Change) -> None:
    with pytest.raises(Refused):
        kernel.write(change)
    assert kernel.read().director.marks == {}


def test_a_group_that_is_there_is_not_added_again(kernel: Kernel) -> None:
    write(kernel, change_group(None, WEB))
    with pytest.raises(Refused):
        kernel.write(change_group(None, group(80, "tcp 192.0.2.80 80")))
    assert kernel.read().director.marks == {80: MarkGroup(80, WEB.selectors)}


def test_nothing_new_is_the_same_director_and_the_same_generation(kernel: Kernel) -> None:
    write(kernel, change_group(None, WEB))
    first, second = kernel.read(), kernel.read()
    assert first.director is second.director
    assert first.rules is not None
    assert second.rules is not None
    assert first.rules.generation == second.rules.generation
    write(kernel, change_group(WEB, None))
    assert ruleset(kernel).generation != first.rules.generation


def test_a_director_with_marks_is_reached_and_left_by_its_differences(kernel: Kernel) -> None:
    start = kernel.read().director
    key = MarkKey(80, Family.IPV4)
    want = Director(
        {key: pool(key)},
        start.timeouts,
        start.sync,
        start.sysctl,
        marks={group.mark: MarkGroup(group.mark, group.selectors) for group in (FTP, WEB, ODD)},
    )
    changes = diff(start, want)
    write(kernel, *changes)
    assert not diff(kernel.read().director, want)
    write(kernel, *undo(changes))
    assert not diff(kernel.read().director, start)
