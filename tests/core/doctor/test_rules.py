"""What this machine's own rules do to packets between it and the real servers."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.doctor.finding import State
from lvstui.core.observed import ServerStats, Stats
from lvstui.core.packets.program import Outcome
from tests.build import endpoint, pool
from tests.core.doctor.facts import findings, healthy, only, with_counts, with_passages

WEB = pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80")


def test_what_surely_drops_answers_is_named_with_what_lets_them_through() -> None:
    facts = healthy(WEB)
    found = only(with_passages(facts, Outcome.DROP))
    assert found.question == "rules"
    dropped = "what 10.0.0.11:80 and 1 more answers is dropped: chain FORWARD of filter (policy drop)"
    assert found.answer.found == dropped
    assert found.answer.remedy == "accept there what comes from 10.0.0.11, source port 80"
    unseen = only(with_passages(facts, Outcome.REJECT, seen=False), State.WARNING)
    assert unseen.answer.found.endswith("; followed for clients like 198.51.100.7")
    tracked = only(with_passages(facts, Outcome.DROP, tracking_helps=True))
    assert tracked.answer.remedy.startswith("set conntrack to 1")


def test_what_drops_packets_on_their_way_to_servers_is_named() -> None:
    facts = with_passages(healthy(WEB), Outcome.DROP)
    sent = {key: one._replace(packet=replace(one.packet, local=True)) for key, one in facts.answered.items()}
    found = only(replace(facts, answered={}, sent=sent))
    assert "what is sent on to 10.0.0.11:80 and 1 more is dropped: chain FORWARD" in found.answer.found
    assert found.answer.remedy.startswith("accept there what goes to")


def test_what_may_drop_answers_leaves_it_open_until_some_are_seen() -> None:
    facts = with_passages(healthy(WEB), Outcome.ACCEPT, Outcome.DROP)
    found = only(facts, State.UNKNOWN)
    assert found.question == "rules"
    assert "chain FORWARD of filter (policy drop) drops some packets" in found.answer.sentence
    stats = ServerStats(stats=Stats(in_packets=9, out_packets=8))
    assert findings(with_counts(facts, {endpoint("10.0.0.11:80"): stats})) == {}
    assert findings(with_passages(healthy(WEB), Outcome.ACCEPT)) == {}
