"""What is said of an edit before it is made: who is refused after it, and which connections break."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from lvstui.core.advice.consequences import avoiding, consequences
from lvstui.core.change import Change, change_server, change_service, change_sysctl, fold, set_weight
from lvstui.core.drift import remove_pool
from lvstui.core.model import (
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    Service,
    ServiceFlags,
    ServiceKey,
    Timeouts,
)
from lvstui.core.observed import Reading, ServerStats
from tests.build import SHOP, address_key, director, endpoint, pool, server, snapshot

FALLBACK = ServiceFlags.SCHED_1
SERVERS = ("10.0.0.11:443", "10.0.0.12:443", "10.0.0.13:443")
DNS = address_key("udp:192.0.2.10:443")


def made(scheduler: str, *weights: int, flags: ServiceFlags = ServiceFlags.NONE, key: ServiceKey = SHOP) -> Pool:
    servers = (server(place, weight=weight) for place, weight in zip(SERVERS, weights or (1, 1, 1), strict=True))
    return pool(Service(key, scheduler, flags), *servers)


def reading(of: Pool, *held: ServerStats, **sysctl: str) -> Reading:
    """Return a reading of one service, whose servers hold this each."""
    settings = {"expire_nodest_conn": "0", "expire_quiescent_template": "0", **sysctl}
    counts = dict(zip(of.servers, held or [ServerStats()] * len(of.servers), strict=True))
    whole = replace(director(of, **settings), timeouts=Timeouts())
    return snapshot(whole, servers={of.service.key: counts}).reading


def drain(of: Pool, *numbers: int) -> tuple[Change, ...]:
    changes = (set_weight(of.service.key, list(of.servers.values())[number], 0) for number in numbers)
    return tuple(change for change in changes if change)


def said(changes: Iterable[Change], on: Reading) -> list[str]:
    return [consequence.sentence for consequence in consequences(tuple(changes), on)]


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
def test_of_three_alike_a_third_of_the_clients_is_refused_and_the_flag_is_offered(scheduler: str) -> None:
    held = made(scheduler)
    (found,) = consequences(drain(held, 1), reading(held))
    assert found.sentence == (
        f"about a third of the clients will be refused: {scheduler} goes on choosing 10.0.0.12:443 for them, "
        "and looks no further"
    )
    assert found.remedy == f"the flag {scheduler}-fallback avoids that"
    changes = avoiding(drain(held, 1), [found])
    assert changes == (change_service(held.service, replace(held.service, flags=FALLBACK)), *drain(held, 1))
    assert said(changes, reading(held)) == []


@pytest.mark.parametrize("scheduler", ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sed", "nq", "fo", "ovf"])
def test_every_other_scheduler_passes_a_drained_server_over(scheduler: str) -> None:
    held = made(scheduler)
    assert said(drain(held, 0), reading(held)) == []


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
def test_with_the_flag_nobody_is_refused(scheduler: str) -> None:
    held = made(scheduler, flags=FALLBACK)
    assert said(drain(held, 0, 1), reading(held)) == []


def test_sh_gives_a_drained_server_one_turn_among_the_weights_of_the_others_and_mh_that_of_its_last_weight() -> None:
    assert "less than 1 %" in said(drain(made("sh", 100, 100, 100), 0), reading(made("sh", 100, 100, 100)))[0]
    assert "about a third" in said(drain(made("mh", 100, 100, 100), 0), reading(made("mh", 100, 100, 100)))[0]
    assert "about half" in said(drain(made("mh", 2, 1, 1), 0), reading(made("mh", 2, 1, 1)))[0]
    assert "about 10 %" in said(drain(made("mh", 6, 3, 1), 2), reading(made("mh", 6, 3, 1)))[0]


def test_a_server_that_was_drained_before_counts_with_the_weight_that_it_is_to_resume() -> None:
    held = made("mh")
    held = fold(director(held), drain(held, 0)).pools[SHOP]
    assert "about two thirds" in said(drain(held, 1), reading(held))[0]


def test_where_the_last_server_is_drained_every_new_client_is_refused_whatever_the_scheduler() -> None:
    for scheduler in ("wlc", "sh", "mh", "dh"):
        held = made(scheduler)
        assert said(drain(held, 0, 1, 2), reading(held)) == [
            "every new client will be refused: no real server takes new connections any more"
        ]


def test_dh_has_one_server_for_an_address_and_refuses_all_or_nobody() -> None:
    held = made("dh")
    found = [consequences(drain(held, number), reading(held)) for number in range(3)]
    (one,) = (one for one in found if one)
    assert one[0].sentence.startswith("every new client will be refused: dh goes on choosing")
    assert one[0].changes == ()
    marked = made("dh", key=MarkKey(80, Family.IPV4))
    assert "about a third of the addresses" in said(drain(marked, 0), reading(marked))[0]


def test_a_restore_and_a_drain_that_changes_nothing_are_not_warned_of() -> None:
    held = fold(director(made("sh")), drain(made("sh"), 0)).pools[SHOP]
    drained = next(iter(held.servers.values()))
    assert said([change_server(SHOP, drained, replace(drained, weight=1))], reading(held)) == []
    assert said([change_server(SHOP, drained, replace(drained, name="web1"))], reading(held)) == []


def test_another_scheduler_and_a_threshold_that_is_reached_are_ways_to_refuse_clients_too() -> None:
    drained = fold(director(made("wlc")), drain(made("wlc"), 0)).pools[SHOP]
    hashed = change_service(drained.service, replace(drained.service, scheduler="sh"))
    (found,) = consequences([hashed], reading(drained))
    (merged,) = avoiding([hashed], [found])
    assert isinstance(merged.after, Service)
    assert (merged.before, merged.after.scheduler, merged.after.flags) == (drained.service, "sh", FALLBACK)
    held = made("sh")
    first = next(iter(held.servers.values()))
    full = change_server(SHOP, first, replace(first, upper=10))
    assert "about a third" in said([full], reading(held, ServerStats(10), ServerStats(), ServerStats()))[0]
    assert said([full], reading(held, ServerStats(9), ServerStats(), ServerStats())) == []


def test_with_persistence_it_is_those_without_an_entry_unless_entries_are_void_at_weight_0() -> None:
    held = made("sh")
    held = replace(held, service=replace(held.service, persistence=Persistence()))
    assert "of the clients without an entry" in said(drain(held, 0), reading(held))[0]
    assert "of the clients will" in said(drain(held, 0), reading(held, expire_quiescent_template="1"))[0]


BUSY = (ServerStats(3, 4, 5), ServerStats(0, 7), ServerStats(1))


def test_a_deletion_says_which_connections_break_and_for_how_long() -> None:
    held, first = made("rr"), server("10.0.0.11:443")
    (found,) = consequences([change_server(SHOP, first, None)], reading(held, *BUSY))
    assert found.sentence == (
        "3 connections will break (10.0.0.11:443 3): their clients' packets are dropped for up to 900 s, "
        "as expire_nodest_conn is 0"
    )
    assert found.remedy == "a drained server lets them end by themselves"


def test_a_deleted_service_names_all_servers_whose_connections_break() -> None:
    assert (
        "4 connections will break (10.0.0.11:443 3, 10.0.0.13:443 1)"
        in (said(remove_pool(made("rr")), reading(made("rr"), *BUSY))[0])
    )


def test_udp_has_no_closed_connections_and_a_mark_may_have_some() -> None:
    udp, marked = made("rr", key=DNS), made("rr", key=MarkKey(80, Family.IPV4))
    assert said(remove_pool(udp), reading(udp, *BUSY))[0].startswith("15 connections will break")
    assert "for up to 300 s" in said(remove_pool(udp), reading(udp, *BUSY))[0]
    assert said(remove_pool(marked), reading(marked, *BUSY))[0].startswith("up to 15 connections will break")
    assert "for up to 900 s" in said(remove_pool(marked), reading(marked, *BUSY))[0]


def test_with_expire_nodest_conn_they_end_at_once_also_where_the_same_edit_sets_it() -> None:
    held = made("rr")
    at_once = "each ends at its next packet, as expire_nodest_conn is 1"
    assert at_once in said(remove_pool(held), reading(held, *BUSY, expire_nodest_conn="1"))[0]
    setting = change_sysctl("expire_nodest_conn", "0", "1")
    assert at_once in said([setting, *remove_pool(held)], reading(held, *BUSY))[0]


def test_what_a_masqueraded_server_still_sends_keeps_its_connections_longer() -> None:
    held, first = made("rr"), server("10.0.0.11:443", Forwarding.MASQ)
    masq = replace(held, servers={**held.servers, first.endpoint: first})
    (found,) = consequences([change_server(SHOP, first, None)], reading(masq, *BUSY))
    assert found.sentence.endswith(", as expire_nodest_conn is 0, and longer while the server goes on sending")


def test_a_client_is_reset_once_it_sends_but_not_one_of_datagrams() -> None:
    held, udp = made("rr"), made("rr", key=DNS)
    waits = "a client that sends is reset then, one that only waits hears nothing"
    assert waits in said(remove_pool(held), reading(held, *BUSY, expire_nodest_conn="1"))[0]
    assert "reset" not in said(remove_pool(udp), reading(udp, *BUSY, expire_nodest_conn="1"))[0]


def test_datagrams_go_to_other_servers_then_where_there_are_any() -> None:
    held, first = made("rr", key=DNS), server("10.0.0.11:443")
    gone = change_server(DNS, first, None)
    assert said([gone], reading(held, *BUSY, expire_nodest_conn="1")) == [
        "7 connections will go to other servers (10.0.0.11:443 7), each at its next packet, as expire_nodest_conn is 1"
    ]
    assert "will break" in said(remove_pool(held), reading(held, *BUSY, expire_nodest_conn="1"))[0]


def test_what_is_not_known_of_connections_and_settings_is_said_so() -> None:
    held = made("rr")
    assert "not known" in said(remove_pool(held), replace(reading(held), servers={}))[0]
    blind = reading(held, *BUSY)
    blind = replace(blind, director=replace(blind.director, sysctl={}))
    assert "depends on expire_nodest_conn" in said(remove_pool(held), blind)[0]


def test_nothing_is_said_of_servers_without_connections_nor_of_one_that_comes_back_in_the_same_edit() -> None:
    held, first = made("rr"), server("10.0.0.11:443")
    assert said(remove_pool(held), reading(held)) == []
    assert said([change_server(SHOP, first, None), change_server(SHOP, None, first)], reading(held, *BUSY)) == []
    moved = replace(first, endpoint=endpoint("10.0.0.11:444"))
    assert said([change_server(SHOP, first, None), change_server(SHOP, None, moved)], reading(held, *BUSY))


def test_of_a_service_that_is_new_nothing_is_said() -> None:
    assert said([change_service(None, Service(DNS, "sh"))], reading(made("rr"))) == []
