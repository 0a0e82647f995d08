"""What an operator wants done with entries, read from words and turned into edits."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvstui.core import fields
from lvstui.core.entries.edits import Move
from lvstui.core.entries.request import (
    TARGET_COLUMNS,
    Action,
    EntryRequest,
    Spread,
    alternatives,
    edits,
    emptying,
    lines,
    pin_of,
    pin_text,
    targets,
    title,
)
from lvstui.core.entries.resolve import resolve
from lvstui.core.fields import FieldError
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import Director, Pool, ServerKey
from lvstui.core.observed import Scan
from lvstui.core.snapshot import Snapshot
from tests.build import address_key, director, endpoint, entry, pool, snapshot, sticky_pool

WEB, SIP = address_key("tcp:192.0.2.10:80"), address_key("udp:192.0.2.10:5060")


def named(unnamed: Pool, name: str) -> Pool:
    return replace(unnamed, service=replace(unnamed.service, name=name))


DIRECTOR = director(
    named(sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80", "10.0.0.13:80"), "web"),
    named(sticky_pool("tcp:192.0.2.10:81", "10.0.0.11:81"), "web shop"),
    named(sticky_pool("udp:192.0.2.10:5060", "10.0.0.11:5060", "10.0.0.12:5060", engine="sip"), "phones"),
    pool("tcp:192.0.2.10:25", "10.0.0.11:25"),
)


def scanned(*clients: str) -> Snapshot:
    found = tuple(entry("tcp:192.0.2.10:80", client, "10.0.0.11:80") for client in clients)
    return snapshot(DIRECTOR, taken=100.0, scan=Scan(found, complete=True))


def test_a_question_says_by_names_whom_it_is_about() -> None:
    shown = scanned("198.18.0.7", "198.18.0.8")
    both = tuple(resolve(shown.scan or Scan(), shown.reading.director).values())
    assert title(shown, EntryRequest(Action.MOVE, both)) == "Move 2 clients of web away from 10.0.0.11:80"
    assert title(shown, EntryRequest(Action.EXPIRE, both[:1])) == "Expire 198.18.0.7 of web on 10.0.0.11:80"
    key, web = next(iter(DIRECTOR.pools.items()))
    servers = {end: replace(one, name=f"web{end.address.packed[-1]}") for end, one in web.servers.items()}
    known = snapshot(Director({key: replace(web, servers=servers)}), scan=shown.scan)
    assert title(known, EntryRequest(Action.MOVE, both)) == "Move 2 clients of web away from web11"


@pytest.mark.parametrize(
    ("text", "service", "identity"),
    [
        ("10.1.0.9 web", "tcp:192.0.2.10:80", ""),
        (" 10.1.0.9  tcp:192.0.2.10:80 ", "tcp:192.0.2.10:80", ""),
        ("10.1.0.9 web shop", "tcp:192.0.2.10:81", ""),
        ("10.1.0.9 phones a b@10.1.0.9", "udp:192.0.2.10:5060", "a b@10.1.0.9"),
    ],
)
def test_a_pin_is_read_from_client_service_and_call_id(text: str, service: str, identity: str) -> None:
    request = pin_of(text, DIRECTOR)
    assert (request.action, str(request.client)) == (Action.PIN, "10.1.0.9")
    assert (request.service, request.identity) == (fields.service(service), identity)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nobody web", "is not an IPv4 or IPv6 address"),
        ("10.1.0.9 mail", "persistent are web, web shop, phones"),
        ("10.1.0.9 tcp:192.0.2.10:25", "persistent are"),
        ("10.1.0.9 web more", "more is one word too many"),
        ("10.1.0.9 phones", "identifies clients by sip: write the call id behind it"),
    ],
)
def test_a_pin_that_means_nothing_says_why(text: str, sentence: str) -> None:
    with pytest.raises(FieldError) as caught:
        pin_of(text, DIRECTOR)
    assert sentence in caught.value.sentence


def test_an_entry_proposes_itself_for_a_pin_but_no_bytes_that_a_terminal_would_obey() -> None:
    held = entry("udp:192.0.2.10:5060", "10.1.0.9", "10.0.0.11:5060")._replace(engine="sip", identity="call-7")
    for found, text in ((held, "10.1.0.9 phones call-7"), (held._replace(identity="\x1b[2J"), "10.1.0.9 phones")):
        (one,) = resolve(Scan((found,)), DIRECTOR).values()
        assert pin_text(one, DIRECTOR) == text


def test_many_clients_are_spread_by_weight_over_the_servers_that_they_are_not_on() -> None:
    clients = [f"198.18.0.{number}" for number in range(1, 31)]
    seen = scanned(*clients)
    assert seen.scan is not None
    request = EntryRequest(Action.MOVE, tuple(resolve(seen.scan, DIRECTOR).values()))
    assert targets(seen, request)[0] is Spread.BY_WEIGHT
    goals = [edit.server for edit in edits(seen, request) if isinstance(edit, Move)]
    assert sorted(map(fields.server_text, goals)) == ["10.0.0.12:80"] * 15 + ["10.0.0.13:80"] * 15


def test_the_settings_that_would_do_it_for_a_whole_server_are_shown_as_they_are_now() -> None:
    set_so = replace(DIRECTOR, sysctl={"expire_quiescent_template": "0", "expire_nodest_conn": "1"})
    text = "\n".join(alternatives(snapshot(set_so), ip_address("10.0.0.11")))
    for part in (
        "all clients on 10.0.0.11",
        "expire_quiescent_template 0: with 1",
        "expire_nodest_conn 1: with 1",
        "0.2 s",
    ):
        assert part in text
    assert alternatives(snapshot(DIRECTOR), ip_address("10.0.0.11")) == []


def in_trouble(seen: Snapshot, *servers: str) -> Snapshot:
    verdict = Verdict(Trouble.SILENT, "12 new in 20 s, no answer", 0.0)
    return replace(seen, health={ServerKey(WEB, endpoint(text)): verdict for text in servers})


def test_a_server_in_trouble_is_offered_last_and_gets_nobody_of_a_spread() -> None:
    seen = in_trouble(scanned(*(f"10.1.0.{number}" for number in range(9))), "10.0.0.12:80")
    request = EntryRequest(Action.MOVE, tuple(resolve(seen.scan or Scan(), DIRECTOR).values()))
    assert targets(seen, request) == [endpoint("10.0.0.13:80"), endpoint("10.0.0.12:80")]
    moves = edits(seen, request)
    assert {move.server for move in moves if isinstance(move, Move)} == {endpoint("10.0.0.13:80")}
    assert not any("silent" in line for line in lines(seen, replace(request, target=endpoint("10.0.0.13:80"))))


def test_the_word_for_a_server_in_trouble_is_never_cut_among_those_to_choose_from() -> None:
    (state,) = (column for column in TARGET_COLUMNS if column.id == "state")
    assert state.width >= max(len(trouble.value) for trouble in Trouble)


def test_who_chooses_a_server_in_trouble_is_told() -> None:
    seen = in_trouble(scanned("10.1.0.1"), "10.0.0.12:80")
    chosen = tuple(resolve(seen.scan or Scan(), DIRECTOR).values())
    request = EntryRequest(Action.MOVE, chosen, target=endpoint("10.0.0.12:80"))
    assert "10.0.0.12:80 is silent: its clients are not served there" in lines(seen, request)
    pinned = EntryRequest(Action.PIN, service=WEB, client=ip_address("10.1.0.7"), target=endpoint("10.0.0.12:80"))
    assert "10.0.0.12:80 is silent: its clients are not served there" in lines(seen, pinned)


def test_nobody_is_spread_where_all_others_are_in_trouble() -> None:
    seen = in_trouble(scanned("10.1.0.1", "10.1.0.2"), "10.0.0.12:80", "10.0.0.13:80")
    with pytest.raises(FieldError, match="there is no other server to go to"):
        edits(seen, emptying(seen, ServerKey(WEB, endpoint("10.0.0.11:80"))))


def test_emptying_a_server_moves_all_who_stick_to_it_for_as_long_as_the_service_says() -> None:
    seen = scanned("10.1.0.1", "10.1.0.2")
    request = emptying(seen, ServerKey(WEB, endpoint("10.0.0.11:80")))
    assert (len(request.chosen), request.seconds, request.target) == (2, 300, Spread.BY_WEIGHT)
    assert {move.server for move in edits(seen, request) if isinstance(move, Move)} == {
        endpoint("10.0.0.12:80"),
        endpoint("10.0.0.13:80"),
    }
    assert emptying(seen, ServerKey(WEB, endpoint("10.0.0.12:80"))).chosen == ()
