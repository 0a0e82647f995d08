"""The detail of a mark, of its rules and of its servers."""

from __future__ import annotations

from lvstui.core.marks.detail import detail
from lvstui.core.marks.mark import mark_at
from lvstui.core.marks.rows import GroupRow, rule_rows
from lvstui.core.model import ServerKey
from lvstui.core.observed import Ruleset
from tests.build import block_text, director, rule, snapshot
from tests.core.advice.test_advice import MARKED

SEEN = snapshot(director(MARKED), rules=Ruleset((rule(80, hook="input", priority=120, packets=7),)))


def test_a_mark_says_what_is_wrong_what_sets_it_and_who_serves() -> None:
    said = block_text(detail(SEEN, GroupRow(80), 78, [("it comes too late", "IPVS was first", "use prerouting")]))
    assert "State late the rule's hook comes after IPVS's" in said
    assert "packets 7" in said
    assert "Wrong it comes too late\nIPVS was first\nuse prerouting" in said
    assert "hook input 120: late" in said
    assert "Services" in said


def test_a_rule_and_a_server_say_where_they_stand() -> None:
    row = next(iter(rule_rows(mark_at(SEEN, 80))))
    assert "7 packets\n" in block_text(detail(SEEN, row, 78))
    endpoint, server = next(iter(MARKED.servers.items()))
    said = block_text(detail(SEEN, ServerKey(MARKED.service.key, endpoint), 78))
    assert f"weight {server.weight}" in said
