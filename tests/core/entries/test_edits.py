"""Which edits of entries are refused, and what is said before the others."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvstui.core import fields
from lvstui.core.entries.edits import (
    EntryEdit,
    Expire,
    Manner,
    Move,
    Pin,
    SetTime,
    check,
    consequences,
    title,
    why_not_editable,
)
from lvstui.core.fields import FieldError
from lvstui.core.model import Forwarding, RealServer, SyncDaemon, SyncRole
from tests.build import address_key, director, endpoint, entry, pool, sticky_pool

WEB = address_key("tcp:192.0.2.10:80")
FTP, MAIL = address_key("tcp:192.0.2.10:21"), address_key("tcp:192.0.2.10:25")
ONE, TWO, THREE = (fields.server(f"10.0.0.1{number}:80") for number in (1, 2, 3))
CLIENT = ip_address("198.18.0.7")
HELD = entry("tcp:192.0.2.10:80", "198.18.0.7", "10.0.0.11:80")
DIRECTOR = director(
    sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80"),
    sticky_pool("tcp:192.0.2.10:21", "10.0.0.11:21"),
    pool("tcp:192.0.2.10:25", "10.0.0.11:25"),
)


def refusal(edit: EntryEdit) -> str:
    """The field and the reason for which an edit is refused; empty when it is not."""
    try:
        check(edit, DIRECTOR)
    except FieldError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("edit", "field", "sentence"),
    [
        (Move(HELD, ONE, 60), "server", "is on 10.0.0.11:80 already"),
        (Move(HELD, THREE, 60), "server", "has no real server 10.0.0.13:80"),
        (Move(HELD, TWO, 0), "seconds", "must be from 1 to"),
        (SetTime(HELD, 10**8), "seconds", "must be from 1 to"),
        (Expire(HELD._replace(server=endpoint("10.0.0.11:65535"))), "entry", "was invalidated"),
        (Move(entry("tcp:192.0.2.99:80", "198.18.0.7", "10.0.0.11:80"), TWO, 60), "service", "is gone"),
        (Pin(WEB, ip_address("fd00::7"), ONE, 60), "client", "of another address family"),
        (
            Pin(address_key("tcp:192.0.2.10:21"), CLIENT, endpoint("10.0.0.11:21"), 60),
            "service",
            "FTP's port 21",
        ),
        (
            Pin(address_key("tcp:192.0.2.10:25"), CLIENT, endpoint("10.0.0.11:25"), 60),
            "service",
            "not persistent",
        ),
        (Pin(address_key("tcp:192.0.2.10:99"), CLIENT, ONE, 60), "service", "there is no service"),
    ],
)
def test_what_could_not_work_is_refused_by_field_and_reason(edit: EntryEdit, field: str, sentence: str) -> None:
    assert refusal(edit).startswith(f"{field}: ")
    assert sentence in refusal(edit)


@pytest.mark.parametrize("edit", [Expire(HELD), SetTime(HELD, 60), Move(HELD, TWO, 60), Pin(WEB, CLIENT, ONE, 60)])
def test_what_can_be_done_is_not_refused(edit: EntryEdit) -> None:
    assert refusal(edit) == ""


def test_a_call_has_to_be_named_where_an_engine_identifies_clients_by_it() -> None:
    sip = sticky_pool("udp:192.0.2.10:5060", "10.0.0.11:5060")
    persistence = sip.service.persistence
    assert persistence is not None
    where = director(replace(sip, service=replace(sip.service, persistence=replace(persistence, engine="sip"))))
    key, server = sip.service.key, endpoint("10.0.0.11:5060")
    with pytest.raises(FieldError) as caught:
        check(Pin(key, CLIENT, server, 60), where)
    assert "name the call id" in caught.value.sentence
    check(Pin(key, CLIENT, server, 60, "sip", "abc@198.18.0.7"), where)


def test_the_door_is_shut_for_mixed_families_and_for_backup_only() -> None:
    assert why_not_editable(DIRECTOR) == ""
    crossing = endpoint("[fd00::11]:80")
    held = DIRECTOR.pools[WEB]
    servers = {**held.servers, crossing: RealServer(crossing, Forwarding.TUNNEL)}
    assert "another address family" in why_not_editable(director(replace(held, servers=servers)))
    backup = replace(DIRECTOR, sysctl={"backup_only": "1"})
    assert "backup_only is 1" in why_not_editable(backup)
    running = {SyncRole.BACKUP: SyncDaemon(SyncRole.BACKUP, "eth0")}
    assert why_not_editable(replace(backup, sync=running)) == "", "then nothing has to be started"


def test_what_will_happen_is_said() -> None:
    wide = director(sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80", mask="255.255.255.0"))
    master = replace(wide, sync={SyncRole.MASTER: SyncDaemon(SyncRole.MASTER, "eth0")})
    lines = consequences([Move(HELD._replace(client=ip_address("198.18.0.0")), TWO, 60)], master, children=3)
    text = "\n".join(lines)
    for part in ("3 connections: active ones stay", "may not be movable", "restarts the timer", "/24", "peer director"):
        assert part in text
    killed = consequences([Expire(HELD, Manner.KILL)], wide, children=1, sure=False)
    assert any("about 1 connection" in line and "reset at once" in line for line in killed)


@pytest.mark.parametrize(("setting", "said"), [("0", "sent to it anyway"), ("1", "is not honoured")])
def test_a_server_with_weight_0_is_shown_with_what_the_setting_makes_of_it(setting: str, said: str) -> None:
    held = DIRECTOR.pools[WEB]
    servers = {**held.servers, TWO: replace(held.servers[TWO], weight=0)}
    where = director(replace(held, servers=servers), expire_quiescent_template=setting)
    assert any(said in line for line in consequences([Move(HELD, TWO, 60)], where))


def test_an_edit_has_a_title() -> None:
    assert (
        title(Move(HELD, TWO, 60), DIRECTOR) == "move 198.18.0.7 of tcp:192.0.2.10:80 from 10.0.0.11:80 to 10.0.0.12:80"
    )
    assert title(Expire(HELD, Manner.KILL), DIRECTOR).endswith("resetting its connections")
    assert title(SetTime(HELD, 5), DIRECTOR) == "set 198.18.0.7 of tcp:192.0.2.10:80 to 5 s"
    assert title(Pin(WEB, CLIENT, ONE, 9), DIRECTOR) == "pin 198.18.0.7 of tcp:192.0.2.10:80 to 10.0.0.11:80 for 9 s"
