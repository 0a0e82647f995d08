"""The packet filter that the memory kernel plays."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from lvstui.core.change import change_group
from lvstui.core.marks.script import groups
from lvstui.core.model import Director
from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Mark, Verdict
from lvstui.kernel.memory.demo import demo_director, demo_rules
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.build import group
from tests.core.strategies import directors


@given(directors())
def test_the_groups_of_a_director_are_found_again_in_its_rules(director: Director) -> None:
    reading = MemoryKernel(director).read()
    assert reading.rules is not None
    wanted = {mark: group for mark, group in (reading.director.marks or {}).items() if group.selectors}
    assert groups(reading.rules.rules) == wanted


def test_packets_grow_with_traffic_and_survive_zeroing() -> None:
    now = 1000.0
    kernel = MemoryKernel(demo_director(), clock=lambda: now, traffic=True, foreign=demo_rules())

    def packets() -> int:
        rules = kernel.read().rules
        assert rules is not None
        return next(rule.packets or 0 for rule in rules.rules if rule.value == 80)

    counted = []
    for _ in range(4):
        now += 10
        counted.append(packets())
    kernel.zero(None)
    now += 10
    counted.append(packets())
    assert counted == sorted(set(counted))


def test_the_generation_changes_with_the_rules_and_not_with_their_counters() -> None:
    now = 1000.0
    kernel = MemoryKernel(demo_director(), clock=lambda: now, traffic=True, foreign=demo_rules())
    first = kernel.read().rules
    now += 5
    second = kernel.read().rules
    kernel.write(change_group(None, group(21, "tcp 192.0.2.21 21", name="ftp")))
    third = kernel.read().rules
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.generation == second.generation
    assert second.generation != third.generation
    assert {rule.table for rule in third.rules if rule.value == 21} == {"lvstui", "firewalld"}


def test_rules_of_others_are_no_groups_of_ours() -> None:
    kernel = MemoryKernel(replace(demo_director(), marks={}), foreign=demo_rules())
    reading = kernel.read()
    assert reading.rules is not None
    assert reading.rules.rules == demo_rules()
    assert not reading.rules.ours
    assert reading.director.marks == {}


def test_the_program_is_the_same_until_a_group_changes() -> None:
    kernel = MemoryKernel(Director(marks={}), foreign=demo_rules())
    before = kernel.program()
    kernel.write(change_group(None, group(80, "tcp 192.0.2.10 80")))
    after = kernel.program()
    rules = kernel.read().rules
    assert rules is not None
    assert after is not before
    assert rules.program is after is kernel.program()
    assert {stop.table.name for stop in after.hooks["prerouting"]} == {"lvstui", "firewalld"}


def test_rules_of_others_stand_at_the_end_of_their_path() -> None:
    (stop,) = MemoryKernel(foreign=demo_rules()).program().hooks["prerouting"]
    path = [stop.chain]
    while isinstance(jump := path[-1].lines[0].code[-1], Verdict):
        path.append(stop.table.chains[jump.chain])
    assert [chain.name for chain in path] == [*demo_rules()[0].path, demo_rules()[0].chain]
    assert path[-1].lines[0].code[-1] == Mark(21, ALL_BITS)
