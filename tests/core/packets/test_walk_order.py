"""Base chains of one priority whose order is not known are walked in each order that they may have."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.packets.program import Chain, Nat, Outcome, Program
from lvstui.core.packets.walk import walk
from tests.core.packets.building import (
    CONNECTION_MARK,
    base,
    daddr,
    marked,
    or_mark,
    packet,
    program,
    rule,
    set_mark,
    table,
)


def tied(what: Program) -> Program:
    """Return a program of whose chains the order is not known."""
    return replace(what, hooks={hook: tuple(stop._replace(tie=1) for stop in what.hooks[hook]) for hook in what.hooks})


def marks(what: Program) -> set[int]:
    """Return the marks that a packet may have."""
    return {fate.mark for fate in walk(what, packet()).fates if fate.outcome is Outcome.ACCEPT}


def setting(*values: int) -> list[Chain]:
    """Return a chain for each mark, which sets it."""
    return [base(rule(set_mark(value)), name=f"c{value}") for value in values]


def test_chains_of_two_tables_may_come_in_either_order() -> None:
    one, other = (table(chain, name=chain.name) for chain in setting(1, 2))
    assert marks(program(one, other)) == {2}
    assert marks(tied(program(one, other))) == {1, 2}


def test_where_the_order_makes_no_difference_all_is_certain() -> None:
    chains = [base(rule(or_mark(value)), name=f"c{value}") for value in (1, 2, 4)]
    way = walk(tied(program(*(table(chain, name=chain.name) for chain in chains))), packet())
    assert way.certain
    assert [fate.mark for fate in way.fates] == [7]


def test_chains_of_one_table_keep_their_order() -> None:
    assert marks(tied(program(table(*setting(1, 2), name="a"), table(*setting(3), name="b")))) == {2, 3}


def test_of_too_many_the_trouble_is_said() -> None:
    way = walk(tied(program(*(table(chain, name=chain.name) for chain in setting(*range(1, 7))))), packet())
    assert not way.certain
    assert way.trouble == "the order of the many chains at priority -150 is not known"


def test_chains_of_nat_may_be_tied_too() -> None:
    def translating(value: int) -> Chain:
        return base(rule(set_mark(value)), rule(Nat((value, value))), kind="nat", priority=-100, name=f"c{value}")

    assert marks(tied(program(*(table(translating(value), name=f"t{value}") for value in (1, 2))))) == {1, 2}


def test_a_chain_at_the_priority_of_nat_may_come_before_or_after_it() -> None:
    address = packet().destination
    nat = base(rule(Nat((1, 1))), kind="nat", priority=-100)
    after = base(rule(daddr(str(address)), set_mark(5)), priority=-100, name="f")
    assert marks(program(nat, after)) == {0, 5}
    assert marks(program(nat, after, early=True)) == {5}
    assert marks(program(nat, after, early=False)) == {0}


def test_a_connection_whose_mark_is_told_began_with_none() -> None:
    nat = base(rule(marked(0, source=CONNECTION_MARK), Nat((1, 1))), kind="nat", priority=-100)
    way = walk(program(nat), packet(established=True, connection_mark=7))
    assert [str(fate.destination) for fate in way.fates] == ["0.0.0.1"]
