"""Who sticks to a server, for its detail in the services view, by one short reading of the connection table."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.entries.glimpse import FEW, glimpse, is_fresh
from lvstui.core.model import Endpoint, Family, MarkKey, ServerKey, ServiceKey
from lvstui.core.observed import Glimpse, Scan, ServerStats, Sticker
from lvstui.core.services.detail import detail
from lvstui.core.services.row import ServiceLook
from tests.build import address_key, director, endpoint, entry, pool, snapshot, sticky_pool

WEB, FIRST, SECOND = address_key("tcp:192.0.2.10:80"), endpoint("10.0.0.11:80"), endpoint("10.0.0.12:80")
DIRECTOR = director(
    sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80", mask="255.255.255.0"),
    sticky_pool("mark:80", "10.0.0.13:0"),
    pool("tcp:192.0.2.10:25", "10.0.0.11:25"),
)


def scan(*ends: float, whole: bool = True) -> Scan:
    rows = [entry("tcp:192.0.2.10:80", f"198.18.{at}.0", "10.0.0.11:80", end) for at, end in enumerate(ends)]
    return Scan((*rows, entry("mark:80", "198.18.0.9", "10.0.0.13:0", 400.0)), taken=100.0, complete=whole)


def test_of_each_server_those_are_kept_who_stay_longest_and_no_more() -> None:
    found = glimpse(scan(160.0, 400.0, 90.0), DIRECTOR, 0.0)
    clients = found.clients[ServerKey(WEB, FIRST)]
    assert clients == [Sticker("198.18.1.0/24", 300), Sticker("198.18.0.0/24", 60), Sticker("198.18.2.0/24", 0)]
    assert found.clients[ServerKey(MarkKey(80, Family.IPV4), endpoint("10.0.0.13:0"))] == [Sticker("198.18.0.9", 300)]
    assert len(glimpse(scan(*range(200, 300)), DIRECTOR, 0.0).clients[ServerKey(WEB, FIRST)]) == FEW


def test_a_glimpse_lasts_a_while_a_part_less_and_one_that_failed_is_not_tried_again_at_once() -> None:
    known = glimpse(scan(160.0), DIRECTOR, 0.0)
    assert is_fresh(known, 109.0)
    assert not is_fresh(known, 111.0)
    assert not is_fresh(glimpse(scan(160.0, whole=False), DIRECTOR, 0.0), 105.0)
    assert is_fresh(glimpse(Scan(trouble="no right"), DIRECTOR, 100.0), 102.0)
    assert not is_fresh(None, 0.0)


def who(known: Glimpse | None, sticky: int, key: object = None) -> list[str]:
    """Return the lines of the block in the detail of a server or a service; none where there is no such block."""
    counted: dict[ServiceKey, dict[Endpoint, ServerStats]] = {
        WEB: {FIRST: ServerStats(1, 0, sticky), SECOND: ServerStats(1, 0, 0)}
    }
    shown = snapshot(DIRECTOR, taken=103.0)
    shown = replace(shown, reading=replace(shown.reading, servers=counted), glimpse=known)
    blocks = detail(shown, ServiceLook(), WEB if key is None else ServerKey(WEB, FIRST), 40)
    found = [block for block in blocks if block.title == "Who sticks"]
    return [line for b in found for line in (b.remark, *("".join(cell.text for cell in line) for line in b.lines))]


def test_the_detail_of_a_server_and_of_a_service_has_its_first_clients_and_how_many_there_are() -> None:
    known = glimpse(scan(160.0, 400.0), DIRECTOR, 0.0)
    for key in (None, FIRST):
        head, first, second = who(known, 38, key)
        assert head == "2 of 38; E shows all"
        assert first.split() == ["198.18.1.0/24", "5", "min", "left"]
        assert second.split() == ["198.18.0.0/24", "60", "s", "left"]
    assert who(replace(known, taken=43.0), 38)[0] == "2 of 38, 60 s ago; E shows all"
    assert who(None, 38) == ["38; the table is being read"]
    assert who(glimpse(Scan(taken=100.0), DIRECTOR, 0.0), 38)[1].startswith("none of them was in the part")
    assert who(known, 0) == []
