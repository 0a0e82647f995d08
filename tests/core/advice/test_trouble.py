"""Advice about servers that are seen not to serve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.advice import Advice
from lvstui.core.advice.services import advice
from lvstui.core.change import change_service, fold
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import Forwarding, Pool, RealServer, ServerKey, Service, ServiceFlags
from lvstui.core.observed import ServerStats
from lvstui.core.record import Owner
from lvstui.core.snapshot import Snapshot
from tests.build import SHOP, director, endpoint, pool, server, snapshot, sticky_pool

WEB2 = endpoint("10.0.0.12:443")
EVIDENCE = "12 new in 20 s, 0 established, its siblings 8 and 6"


def seen(held: Pool, *troubled: str, trouble: Trouble = Trouble.REFUSING, sticky: int = 4) -> Snapshot:
    """Return a snapshot in which these servers are in trouble; each has entries."""
    counts = {held.service.key: {end: ServerStats(1, 1, sticky) for end in held.servers}}
    health = {
        ServerKey(SHOP, endpoint(text)): Verdict(trouble, EVIDENCE, 0.0) for text in troubled or ["10.0.0.12:443"]
    }
    return replace(snapshot(director(held, expire_quiescent_template="0"), servers=counts), health=health)


def about_trouble(snap: Snapshot) -> list[Advice]:
    return [found for found in advice(snap) if Trouble.REFUSING.value in found.sentence]


def plain(scheduler: str = "wlc") -> Pool:
    servers = (server(f"10.0.0.1{number}:443", Forwarding.MASQ, 2, name=f"web{number}") for number in (1, 2, 3))
    return pool(Service(SHOP, scheduler, name="shop"), *servers)


def test_a_server_that_refuses_is_drained_and_its_clients_moved_away_as_one_edit() -> None:
    held = plain()
    held = replace(held, service=sticky_pool("tcp:192.0.2.10:443", name="shop").service)
    snap = seen(held)
    (found,) = about_trouble(snap)
    assert str(found).startswith(f"shop: web2 (10.0.0.12:443) is refusing; {EVIDENCE}; wlc prefers it")
    assert found.remedy == "drain it and move its clients away"
    drained = fold(snap.reading.director, found.changes).pools[SHOP].servers[WEB2]
    assert (drained.weight, drained.resume) == (0, 2)
    assert found.empties == (ServerKey(SHOP, WEB2),)
    assert found.concerns(SHOP)


def test_without_persistence_nobody_has_to_be_moved() -> None:
    (found,) = about_trouble(seen(plain()))
    assert (found.remedy, found.empties) == ("drain it", ())


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
def test_under_a_hashing_scheduler_the_edit_sets_the_flag_as_well(scheduler: str) -> None:
    held = plain(scheduler)
    (found,) = about_trouble(seen(held))
    assert found.changes[0] == change_service(held.service, replace(held.service, flags=ServiceFlags.SCHED_1))
    assert len(found.changes) == 2


def test_where_no_other_server_is_well_nothing_is_drained() -> None:
    every = ("10.0.0.11:443", "10.0.0.12:443", "10.0.0.13:443")
    found = about_trouble(seen(plain(), *every))
    assert len(found) == 3
    assert all(not one.changes and "has to be repaired" in one.remedy for one in found)


def test_a_service_that_a_program_keeps_gets_no_edit() -> None:
    snap = replace(seen(plain()), owners=(Owner("kube-proxy", 1),))
    (found,) = about_trouble(snap)
    assert not found.changes
    assert "would be undone" in found.remedy


def test_a_drained_one_is_spoken_of_while_clients_stick_to_it() -> None:
    held = replace(plain(), service=sticky_pool("tcp:192.0.2.10:443").service)
    web2: RealServer = replace(held.servers[WEB2], weight=0)
    held = replace(held, servers={**held.servers, WEB2: web2})
    (found,) = about_trouble(seen(held))
    command = "lvstui drain --move-clients tcp:192.0.2.10:443 10.0.0.12:443"
    assert found.remedy == f"it is drained; move its clients away: {command}"
    assert about_trouble(seen(held, sticky=0)) == []


def test_a_machine_that_is_silent_in_several_services_is_drained_and_emptied_in_all_of_them_at_once() -> None:
    web = sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80")
    held = plain()
    verdict = Verdict(Trouble.REFUSING, EVIDENCE, 0.0)
    places = [ServerKey(SHOP, WEB2), ServerKey(web.service.key, endpoint("10.0.0.12:80"))]
    snap = replace(snapshot(director(held, web)), health=dict.fromkeys(places, verdict))
    (found,) = about_trouble(snap)
    assert found.about == "shop, tcp:192.0.2.10:80"
    assert found.sentence == "web2 (10.0.0.12) is refusing in 2 services"
    assert found.remedy == "drain it in 2 services and move its clients away"
    after = fold(snap.reading.director, found.changes)
    assert [after.pools[place.service].servers[place.endpoint].weight for place in places] == [0, 0]
    assert found.empties == (places[1],)
    assert found.concerns(SHOP)
    assert found.concerns(web.service.key)


def test_a_verdict_on_a_server_that_went_is_left_aside() -> None:
    assert about_trouble(seen(plain(), "10.0.0.99:443")) == []
